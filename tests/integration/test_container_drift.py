from __future__ import annotations

from collections.abc import Callable
from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.modules.vllm_container import argument_spec
from conftest import Parameters, Result, Run, simulated

# Option -> another value, and the keys of the description that show it.
OPTIONS: list[tuple[str, Any, list[str]]] = [
    ("arguments", ["openai/gpt-oss-20b", "--host", "0.0.0.0", "--max-model-len", "4096"], ["arguments"]),
    ("environment", {**simulated(), "VLLM_USE_TRTLLM_ATTENTION": 1}, ["environment"]),
    ("entrypoint", ["/bin/sh", "-c", 'exec vllm serve "$@"', "vllm"], ["entrypoint"]),
    ("volumes", ["/opt:/mnt/one:ro"], ["volumes"]),
    ("python_path", ["/mnt/modules"], ["environment"]),
    ("user", "65534:65534", ["user"]),
    ("ipc_mode", "private", ["ipc_mode"]),
    ("shm_size", "128m", ["shm_size"]),
    ("ulimits", {"nofile": "4096:8192"}, ["ulimits"]),
    ("devices", ["/dev/null:/dev/other:r"], ["devices"]),
    ("labels", {"team": "red"}, ["labels"]),
    ("drop_capabilities", ["ALL"], ["dropped_capabilities"]),
    ("add_capabilities", ["SYS_CHROOT"], ["added_capabilities"]),
    ("security_options", ["no-new-privileges"], ["security_options"]),
    ("read_only", True, ["read_only"]),
    ("tmpfs", ["/tmp:size=8m"], ["tmpfs"]),
    ("pids_limit", 200, ["pids_limit"]),
    ("bind_address", "127.0.0.2", ["ports"]),
    ("container_port", 8001, ["ports"]),
    ("network_mode", "host", ["ports", "network_mode"]),
    ("api_key_file", "/etc/hostname", ["entrypoint", "volumes"]),
]
# Without NVIDIA's toolkit the engine starts no container that asks for GPUs, but it makes them.
CREATED: list[tuple[str, Any, list[str]]] = [
    ("gpus", "all", ["gpus"]),
    ("gpus", "0,1", ["gpus"]),
    ("gpu_access", "cdi", ["gpus"]),
]
# Options that have a test of their own here, those that are only compared with what the server lists, and those that
# belong to the call.
ELSEWHERE = {"image", "port", "restart_policy"}
NOT_DESCRIBING = {
    "model", "served_model_name", "kernel_proof", "name", "state", "pull", "wait", "timeout", "stage_timeouts",
    "stop_timeout", "drain_timeout", "rollback", "state_path", "background", "start", "docker_host", "proofs",
    "secret_environment",
}  # fmt: skip


def test_no_option_is_forgotten() -> None:
    tested = {option for option, _value, _drift in OPTIONS + CREATED}
    assert tested | ELSEWHERE | NOT_DESCRIBING == set(argument_spec())


@pytest.mark.parametrize(("option", "value", "drift"), OPTIONS, ids=[row[0] for row in OPTIONS])
def test_each_option_is_seen_mended_and_taken_back(
    option: str, value: Any, drift: list[str], parameters: Parameters, vllm_container: Run
) -> None:
    # What is stopped right after its start may not have its signal handler yet.
    plain = {**parameters, "wait": False, "stop_timeout": 1}
    changed = {**plain, option: value}
    first = vllm_container(plain)
    assert not first.get("failed"), first["msg"]
    forward = vllm_container(changed)
    assert forward["drift"] == drift, forward.get("msg")
    assert forward["actions"] == ["create", "stop", "remove", "start"]
    assert forward["diff"]["before"] != forward["diff"]["after"]
    assert not vllm_container(changed)["changed"]
    back = vllm_container(plain)
    assert back["drift"] == drift
    assert not vllm_container(plain)["changed"]


@pytest.mark.parametrize(("option", "value", "drift"), CREATED, ids=[f"{row[0]}={row[1]}" for row in CREATED])
def test_each_way_to_ask_for_gpus_is_seen_and_taken_back(
    option: str, value: Any, drift: list[str], parameters: Parameters, vllm_container: Run
) -> None:
    plain = {**parameters, "state": "present", "gpus": "none" if option == "gpus" else "0"}
    changed = {**plain, option: value}
    assert not vllm_container(plain).get("failed")
    forward = vllm_container(changed)
    assert (forward["drift"], forward["actions"]) == (drift, ["create", "remove"]), forward.get("msg")
    assert not vllm_container(changed)["changed"]
    assert vllm_container(plain)["drift"] == drift
    assert not vllm_container(plain)["changed"]


def test_another_port(parameters: Parameters, vllm_container: Run, free_port: Callable[[], int]) -> None:
    changed = {**parameters, "port": free_port()}
    assert not vllm_container(parameters).get("failed")
    moved = vllm_container(changed)
    assert moved["drift"] == ["ports"] and str(changed["port"]) in moved["server"]["endpoint"]
    assert not vllm_container(changed)["changed"]


def test_only_the_restart_policy(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    result = vllm_container({**parameters, "restart_policy": "always"})
    assert result["actions"] == ["set_restart_policy"] and result["drift"] == []
    assert result["server"]["container_id"] == started["server"]["container_id"]
    changed = {key for key, value in result["diff"]["after"].items() if result["diff"]["before"][key] != value}
    assert changed == {"restart_policy", "docker_command"}
    engine.update_container(parameters["name"], restart_policy={"Name": "on-failure", "MaximumRetryCount": 3})
    assert vllm_container({**parameters, "restart_policy": "always"})["changed"]


def test_a_hand_made_container_is_replaced(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    host_config = engine.create_host_config(privileged=False, mem_limit="512m")
    engine.create_container(parameters["image"], ["sleeping"], name=parameters["name"], host_config=host_config)
    result = vllm_container(parameters)
    assert not result.get("failed"), result["msg"]
    assert {"arguments", "environment", "ports", "memory"} <= set(result["drift"])


def test_a_moved_tag(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient, prefix: str
) -> None:
    tag = f"{prefix}-image:moving"
    scratch = engine.create_container(parameters["image"], name=f"{prefix}-scratch")
    try:
        engine.tag(parameters["image"], *tag.split(":"))
        same_image = vllm_container({**parameters, "image": tag})
        assert not same_image["changed"]
        engine.commit(scratch, *tag.split(":"), changes="LABEL moved=yes")
        moved = vllm_container({**parameters, "image": tag})
        assert "image_id" in moved["drift"]
        assert not vllm_container({**parameters, "image": tag})["changed"]
    finally:
        vllm_container({**parameters, "state": "absent"})
        engine.remove_image(tag, force=True)


def test_check_mode_tells_and_does_nothing(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    before = engine.inspect_container(parameters["name"])
    wanted = {**parameters, "environment": {**parameters["environment"], "HF_TOKEN": "hf_secret"}}
    told = vllm_container(wanted, check_mode=True)
    assert told["changed"] and told["drift"] == ["environment"]
    assert told["actions"] == ["create", "stop", "remove", "start", "set_restart_policy"]
    assert told["server"].keys() == started["server"].keys()
    assert told["diff"]["after"]["environment"]["HF_TOKEN"] == "********"
    assert "hf_secret" not in str(told)
    assert engine.inspect_container(parameters["name"]) == before
    done = vllm_container(wanted)
    assert done["diff"]["after"] == told["diff"]["after"]
    assert done["actions"] == told["actions"]


def test_a_changed_secret_is_a_change(parameters: Parameters, vllm_container: Run) -> None:
    def run(token: str) -> Result:
        environment = {**parameters["environment"], "HF_TOKEN": token}
        return vllm_container({**parameters, "wait": False, "stop_timeout": 1, "environment": environment})

    run("hf_one")
    result = run("hf_two")
    assert result["drift"] == ["environment"]
    assert "hf_one" not in str(result) and "hf_two" not in str(result)
