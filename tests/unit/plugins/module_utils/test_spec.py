from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _description, _spec

IMAGE: dict[str, Any] = {
    "Id": "sha256:1111",
    "Config": {
        "Entrypoint": ["python3", "-m", "vllm.entrypoints.openai.api_server"],
        "Cmd": None,
        "Env": ["PATH=/usr/bin", "CUDA_VERSION=12.8"],
        "Labels": {"maintainer": "NVIDIA"},
    },
}
ORIGINAL: dict[str, Any] = {
    "name": "gpt-oss-20b",
    "state": "started",
    "image": "vllm/vllm-openai:gptoss",
    "model": "openai/gpt-oss-20b",
    "served_model_name": None,
    "arguments": ["--host", "0.0.0.0", "--port", "8000", "--model", "openai/gpt-oss-20b", "--async-scheduling"],
    "entrypoint": None,
    "environment": {"VLLM_USE_TRTLLM_ATTENTION": 1, "VLLM_USE_FLASHINFER_MXFP4_MOE": "1"},
    "python_path": None,
    "volumes": ["/hf:/root/.cache/huggingface"],
    "user": None,
    "port": 8000,
    "container_port": 8000,
    "bind_address": "0.0.0.0",
    "network_mode": "bridge",
    "gpus": "all",
    "gpu_access": "device_requests",
    "devices": None,
    "ipc_mode": "host",
    "shm_size": None,
    "ulimits": None,
    "labels": None,
    "api_key_file": None,
    "restart_policy": "unless-stopped",
    "stop_timeout": None,
}


def body(**changes: Any) -> dict[str, Any]:
    return _spec.wanted_body({**ORIGINAL, **changes}, IMAGE, "unless-stopped")


def inspected(wanted: dict[str, Any]) -> dict[str, Any]:
    """As the engine shows a container made from a body: the image's own variables and labels merged in."""
    config = {key: value for key, value in wanted.items() if key != "HostConfig"}
    config["Env"] = [*config["Env"], *IMAGE["Config"]["Env"]]
    config["Labels"] = {**IMAGE["Config"]["Labels"], **config["Labels"]}
    host = {"ShmSize": 67108864, "Ulimits": None, "CapAdd": None, "Privileged": False, **wanted["HostConfig"]}
    return {"Id": "c1", "Image": IMAGE["Id"], "Config": config, "HostConfig": host}


def drift(container: dict[str, Any], wanted: dict[str, Any]) -> list[_description.Difference]:
    after = _description.description(wanted, IMAGE)
    recorded = _description.recorded_description(container)
    before = _description.comparable(_description.description(container, IMAGE), after, recorded)
    return _description.differences(before, after)


def test_the_original_recipe() -> None:
    found = body()
    host = found["HostConfig"]
    assert found["Image"] == "vllm/vllm-openai:gptoss"
    assert found["Entrypoint"] == IMAGE["Config"]["Entrypoint"]
    assert found["Cmd"] == ORIGINAL["arguments"]
    assert found["Env"] == ["VLLM_USE_FLASHINFER_MXFP4_MOE=1", "VLLM_USE_TRTLLM_ATTENTION=1"]
    assert host["DeviceRequests"] == [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]]}]
    assert host["PortBindings"] == {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8000"}]}
    assert host["IpcMode"] == "host"
    assert host["Binds"] == ["/hf:/root/.cache/huggingface"]
    assert "ShmSize" not in host and "Ulimits" not in host


GPUS = [
    ("none", "device_requests", []),
    ("0,1", "device_requests", [{"Driver": "", "Count": 0, "DeviceIDs": ["0", "1"], "Capabilities": [["gpu"]]}]),
    ("all", "cdi", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]),
    ("0,1", "device_nodes", []),
    ("0,GPU-ab", "cdi", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0", "nvidia.com/gpu=GPU-ab"]}]),
]


@pytest.mark.parametrize(("gpus", "access", "requests"), GPUS)
def test_gpus(gpus: str, access: str, requests: list[dict[str, Any]]) -> None:
    assert body(gpus=gpus, gpu_access=access)["HostConfig"]["DeviceRequests"] == requests


def test_host_network_publishes_nothing() -> None:
    found = body(network_mode="host")
    assert found["HostConfig"]["PortBindings"] == {} and "ExposedPorts" not in found


def test_other_host_options() -> None:
    host = body(shm_size="1g", ulimits={"nofile": "5:6"}, devices=["/dev/nvidia0", "/dev/a:/dev/b:r"])["HostConfig"]
    assert host["ShmSize"] == 1 << 30
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 5, "Hard": 6}]
    assert [tuple(device.values()) for device in host["Devices"]] == [
        ("/dev/nvidia0", "/dev/nvidia0", "rwm"),
        ("/dev/a", "/dev/b", "r"),
    ]


def test_a_variable_that_the_image_has_already_is_not_repeated() -> None:
    assert body(environment={"CUDA_VERSION": "12.8"})["Env"] == []
    assert body(environment={"CUDA_VERSION": "13"})["Env"] == ["CUDA_VERSION=13"]


PYTHON_PATHS = [
    (["/a"], {}, [], ["PYTHONPATH=/a"]),
    (["/a", "/b"], {}, ["PYTHONPATH=/image"], ["PYTHONPATH=/a:/b:/image"]),
    (["/a"], {"PYTHONPATH": "/mine"}, ["PYTHONPATH=/image"], ["PYTHONPATH=/a:/mine"]),
    ([], {}, ["PYTHONPATH=/image"], []),
]


@pytest.mark.parametrize(("folders", "environment", "image", "expected"), PYTHON_PATHS)
def test_the_images_python_path_is_kept(
    folders: list[str], environment: dict[str, str], image: list[str], expected: list[str]
) -> None:
    wanted = {**ORIGINAL, "environment": environment, "python_path": folders}
    assert _spec.wanted_body(wanted, {"Id": "x", "Config": {"Env": image}}, "no")["Env"] == expected


def test_the_user() -> None:
    assert "User" not in body()
    assert body(user="2000:0")["User"] == "2000:0"


def test_an_own_entrypoint_drops_the_images_command() -> None:
    image = {"Id": "x", "Config": {"Entrypoint": ["old"], "Cmd": ["old-argument"]}}
    wanted = {**ORIGINAL, "arguments": None}
    assert _spec.wanted_body(wanted, image, "no")["Cmd"] == ["old-argument"]
    assert _spec.wanted_body({**wanted, "entrypoint": ["new"]}, image, "no")["Cmd"] == []
    assert _spec.wanted_body({**wanted, "entrypoint": []}, image, "no")["Entrypoint"] == [""]


def test_the_key_script_hands_the_key_over_and_never_starts_without(tmp_path: Path) -> None:
    found = body(api_key_file="/etc/key")
    assert found["Entrypoint"][4:] == IMAGE["Config"]["Entrypoint"]
    assert found["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": "/etc/key", "Target": _spec.KEY_TARGET, "ReadOnly": True}
    ]
    key = tmp_path / "key"
    script = _spec.KEY_SCRIPT.replace(_spec.KEY_TARGET, str(key))
    command = ["/bin/sh", "-c", script, "vllm", "/bin/sh", "-c", 'echo "got $VLLM_API_KEY $1"', "x", "argument 1"]
    for text, code, output in [("k-1\n", 0, "got k-1 argument 1\n"), ("k-1", 0, "got k-1 argument 1\n"), ("", 78, "")]:
        key.write_text(text)
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (code, output)
    key.unlink()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 78


def test_no_drift_against_itself() -> None:
    for changes in ({}, {"api_key_file": "/k"}, {"gpus": "0"}, {"network_mode": "host"}, {"shm_size": "1g"}):
        wanted = body(**changes)
        assert drift(inspected(wanted), wanted) == []


DRIFT: list[tuple[dict[str, Any], str]] = [
    ({"arguments": ["--model", "x"]}, "arguments"),
    ({"entrypoint": ["vllm", "serve"]}, "entrypoint"),
    ({"environment": {}}, "environment"),
    ({"volumes": ["/hf:/root/.cache/huggingface:ro"]}, "volumes"),
    ({"port": 8001}, "ports"),
    ({"bind_address": "127.0.0.1"}, "ports"),
    ({"gpus": "0"}, "gpus"),
    ({"gpu_access": "cdi"}, "gpus"),
    ({"devices": ["/dev/null"]}, "devices"),
    ({"ipc_mode": "private"}, "ipc_mode"),
    ({"shm_size": "1g"}, "shm_size"),
    ({"ulimits": {"nofile": "5:6"}}, "ulimits"),
    ({"labels": {"a": "b"}}, "labels"),
    ({"drop_capabilities": ["ALL"]}, "dropped_capabilities"),
    ({"add_capabilities": ["SYS_NICE"]}, "added_capabilities"),
    ({"security_options": ["no-new-privileges:true"]}, "security_options"),
    ({"security_options": ["apparmor=unconfined"]}, "security_options"),
    ({"read_only": True}, "read_only"),
    ({"tmpfs": ["/tmp:size=1m"]}, "tmpfs"),
    ({"pids_limit": 100}, "pids_limit"),
]


@pytest.mark.parametrize(("changes", "key"), DRIFT, ids=[str(row[0]) for row in DRIFT])
def test_drift_both_ways(changes: dict[str, Any], key: str) -> None:
    there, back = body(**changes), body()
    assert [difference.key for difference in drift(inspected(back), there)] == [key]
    assert [difference.key for difference in drift(inspected(there), back)] == [key]


def test_what_the_engine_makes_of_privileges_is_no_drift() -> None:
    """As Docker 20.10 shows them: a prefix, and an option of its own where the IPC namespace is the host's."""
    wanted = body(
        drop_capabilities=["ALL"], add_capabilities=["DAC_OVERRIDE"], security_options=["no-new-privileges"],
        tmpfs=["/tmp"], read_only=True,
    )  # fmt: skip
    container = inspected(wanted)
    container["HostConfig"] |= {
        "CapAdd": ["CAP_DAC_OVERRIDE"], "SecurityOpt": ["no-new-privileges", "label=disable"], "PidsLimit": -1,
    }  # fmt: skip
    assert drift(container, wanted) == []
    assert [each.key for each in drift(container, body())] == [
        "dropped_capabilities", "added_capabilities", "security_options", "read_only", "tmpfs",
    ]  # fmt: skip


def test_the_image_counts_by_id() -> None:
    container = inspected(body())
    assert drift({**container, "Config": {**container["Config"], "Image": "other:tag"}}, body()) == []
    moved = drift({**container, "Image": "sha256:2222"}, body())
    assert [(difference.key, difference.before, difference.after) for difference in moved] == [
        ("image_id", "sha256:2222", "sha256:1111")
    ]


def test_the_restart_policy_is_no_drift() -> None:
    container = inspected(body())
    container["HostConfig"]["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    assert drift(container, body()) == []


def test_limits_that_the_engine_puts_in_by_itself_are_no_drift() -> None:
    container = inspected(body())
    container["HostConfig"]["Ulimits"] = [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]
    container["HostConfig"]["ShmSize"] = 1 << 30
    assert drift(container, body()) == []


def test_spelling_is_no_drift() -> None:
    container = inspected(body(volumes=["/a:/b:rw", "/c:/d:z,ro"]))
    container["HostConfig"]["NetworkMode"] = "default"
    assert drift(container, body(volumes=["/c:/d:ro,z", "/a:/b"])) == []


def test_secrets_do_not_show() -> None:
    wanted = body(environment={"HF_TOKEN": "hf_1"}, arguments=["--api-key", "k-1"])
    other = body(environment={"HF_TOKEN": "hf_2"}, arguments=["--api-key", "k-2"])
    found = drift(inspected(other), wanted)
    assert [difference.key for difference in found] == ["arguments", "environment"]
    shown = json.dumps([[difference.before, difference.after] for difference in found])
    shown += json.dumps(_description.readable(_description.description(wanted, IMAGE), IMAGE))
    shown += wanted["Labels"][_description.LABEL]
    assert not any(secret in shown for secret in ("hf_1", "hf_2", "k-1", "k-2"))
    assert "a secret in it changed" in shown


def test_readable_leaves_out_what_the_image_brings() -> None:
    readable = _description.readable(_description.description(inspected(body()), IMAGE), IMAGE)
    assert set(readable["environment"]) == {"VLLM_USE_TRTLLM_ATTENTION", "VLLM_USE_FLASHINFER_MXFP4_MOE"}
    assert readable["labels"] == {}


def test_a_torn_label_is_no_description() -> None:
    assert _description.recorded_description({"Config": {"Labels": {_description.LABEL: "{"}}}) == {}
    assert _description.recorded_description({"Config": {"Labels": None}}) == {}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/v1"),
        ("0.0.0.0", "http://127.0.0.1:8000/v1"),
        ("10.1.2.3", "http://10.1.2.3:8000/v1"),
        ("::", "http://[::1]:8000/v1"),
    ],
)
def test_endpoint(address: str, url: str) -> None:
    assert _spec.endpoint({**ORIGINAL, "bind_address": address}) == url


def test_served_name() -> None:
    assert _spec.served_name(ORIGINAL) == "openai/gpt-oss-20b"
    assert _spec.served_name({**ORIGINAL, "served_model_name": "m"}) == "m"
