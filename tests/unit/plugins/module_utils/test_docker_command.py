from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import description, readable
from ansible_collections.gpt_oss.fleet.plugins.module_utils._docker_command import docker_command
from ansible_collections.gpt_oss.fleet.plugins.module_utils._spec import wanted_body
from ansible_collections.gpt_oss.fleet.plugins.modules.vllm_container import argument_spec

IMAGE = {"Id": "sha256:1", "Config": {"Entrypoint": ["vllm", "serve"], "Env": ["PATH=/usr/bin"]}}


def command_of(**options: Any) -> list[str]:
    parameters = {name: option.get("default") for name, option in argument_spec().items()}
    parameters.update({"name": "s", "image": "i:1", "restart_policy": "no", **options})
    body = wanted_body(parameters, IMAGE, parameters["restart_policy"])
    return docker_command("s", readable(description(body, IMAGE), IMAGE), IMAGE, options.get("stop_timeout"))


def test_the_original_recipe_is_told_as_it_was_given() -> None:
    """But for the name, which a server must have, and options in their long forms."""
    lines = command_of(
        arguments=["--host", "0.0.0.0", "--port", "8000", "--model", "openai/gpt-oss-20b", "--async-scheduling"],
        environment={"VLLM_USE_TRTLLM_ATTENTION": "1", "VLLM_USE_FLASHINFER_MXFP4_MOE": "1"},
        volumes=["/hf:/root/.cache/huggingface"],
        bind_address="0.0.0.0",
    )
    assert " ".join(lines) == (
        "docker run --detach --name s --gpus all --publish 0.0.0.0:8000:8000 --ipc host "
        "--env VLLM_USE_FLASHINFER_MXFP4_MOE=1 --env VLLM_USE_TRTLLM_ATTENTION=1 "
        "--volume /hf:/root/.cache/huggingface i:1 "
        "--host 0.0.0.0 --port 8000 --model openai/gpt-oss-20b --async-scheduling"
    )


OPTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["--gpus all", "--publish 127.0.0.1:8000:8000", "--ipc host", "i:1"]),
    ({"gpus": "0,1"}, ["--gpus '\"device=0,1\"'"]),
    ({"gpus": "0,1", "gpu_access": "cdi"}, ["--device nvidia.com/gpu=0", "--device nvidia.com/gpu=1"]),
    ({"network_mode": "host"}, ["--network host"]),
    ({"restart_policy": "always"}, ["--restart always"]),
    ({"stop_timeout": 90}, ["--stop-timeout 90"]),
    ({"ulimits": {"nofile": "1:2"}, "shm_size": "1m"}, ["--shm-size 1048576", "--ulimit nofile=1:2"]),
    (
        {
            "drop_capabilities": ["ALL"],
            "add_capabilities": ["CAP_CHOWN"],
            "security_options": ["no-new-privileges"],
        },
        ["--cap-drop ALL", "--cap-add CHOWN", "--security-opt no-new-privileges:true"],
    ),
    (
        {"read_only": True, "tmpfs": ["/tmp:size=1m", "/run"], "pids_limit": 9},
        ["--read-only", "--tmpfs /run", "--tmpfs /tmp:size=1m", "--pids-limit 9"],
    ),
    ({"environment": {"HF_TOKEN": "hf_x", "A": "b c"}}, ["--env 'A=b c'", "--env 'HF_TOKEN=********'"]),
    ({"volumes": ["/a:/b:ro"], "devices": ["/dev/x"]}, ["--volume /a:/b:ro", "--device /dev/x:/dev/x:rwm"]),
    ({"entrypoint": ["/bin/sh", "-c", "x y"], "arguments": ["m"]}, ["--entrypoint /bin/sh", "i:1", "-c", "'x y'", "m"]),
    ({"arguments": ["m", "--api-key", "k"]}, ["m", "--api-key", "'********'"]),
    ({"labels": {"a": "b"}}, ["--label a=b"]),
]


@pytest.mark.parametrize(("options", "lines"), OPTIONS, ids=[str(row[0]) for row in OPTIONS])
def test_each_option_has_its_line(options: dict[str, Any], lines: list[str]) -> None:
    found = command_of(**options)
    assert found[0] == "docker run --detach" and found[1] == "--name s"
    assert [line for line in found if line in lines] == lines
    assert shlex.split(" ".join(found)), "a shell can read it"


def test_what_the_image_brings_is_left_out() -> None:
    assert not [line for line in command_of() if "PATH" in line or "entrypoint" in line]
