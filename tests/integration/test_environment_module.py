"""The module vllm_environment on the real engine: inside a server, beside it, where it cannot, and what it hides."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_environment as module
from conftest import DOCKER_HOST, MODEL, Parameters, Result, Run, simulated

TOKEN = "hf_thisIsNoRealTokenButLooksLikeOne"


def look(check_mode: bool = False, **parameters: Any) -> Result:
    """Run the module in this process; returns its result, failed or not."""
    output = io.StringIO()
    arguments = {"docker_host": DOCKER_HOST, "timeout": 60, **parameters, "_ansible_check_mode": check_mode}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        module.main()
    return dict(json.loads(output.getvalue()))


def everything(engine: docker.APIClient, prefix: str) -> list[str]:
    return sorted(container["Id"] for container in engine.containers(all=True, filters={"name": prefix}))


def test_inside_a_running_server(
    engine: docker.APIClient, vllm_container: Run, parameters: Parameters, prefix: str
) -> None:
    secret = {"HF_TOKEN": TOKEN, "VLLM_REMOTE": f"http://user:{TOKEN}@proxy:3128", "NCCL_NOTE": f"as {TOKEN}"}
    arguments = [MODEL, "--host", "0.0.0.0", "--served-model-name", MODEL]
    started = vllm_container({**parameters, "arguments": arguments, "environment": {**simulated(), **secret}})
    assert not started.get("failed"), started["msg"]
    before = everything(engine, prefix)
    result = look(name=parameters["name"])
    assert result["changed"] is False and not result.get("failed"), result
    found = result["environment"]
    assert (found["collected"], found["source"], found["simulated"]) == (True, "server", True)
    assert found["command"] == f"docker exec {parameters['name']} vllm collect-env"
    assert found["vllm_version"].endswith("+simulator")
    assert found["arguments"] == arguments
    assert found["sections"]["cuda_gpu_info"]["nvidia_driver_version"] is None
    assert found["variables"]["VLLM_REMOTE"] == "http://********@proxy:3128"
    assert TOKEN not in json.dumps(result) and "VLLM_REMOTE=" in result["text"]
    assert everything(engine, prefix) == before


def test_in_a_container_of_its_own(engine: docker.APIClient, prefix: str, simulator_image: str, tmp_path: Path) -> None:
    variables = {"VLLM_MARK": "here", "HF_TOKEN": TOKEN}
    volumes = [f"{tmp_path}:/data", f"{tmp_path}/missing:/missing"]
    asked = {"name": prefix, "image": simulator_image, "gpus": "none", "environment": variables, "volumes": volumes}
    told = look(check_mode=True, **asked)
    assert (told["changed"], told["text"], told["environment"]["collected"]) == (False, "", False)
    assert told["environment"]["command"].startswith('docker run --rm --network none --entrypoint ""')
    result = look(**asked)
    assert not result.get("failed"), result
    assert result["environment"].keys() == told["environment"].keys()
    assert (result["changed"], result["environment"]["source"]) == (False, "image")
    assert result["environment"]["variables"]["VLLM_MARK"] == "here"
    assert everything(engine, prefix) == [], "nothing stays"
    assert not (tmp_path / "missing").exists()


def test_a_run_that_was_broken_off_is_cleared_away(engine: docker.APIClient, prefix: str, simulator_image: str) -> None:
    labels = {"gpt_oss.fleet.environment_of": prefix}
    engine.create_container(simulator_image, ["vllm", "--version"], name=f"{prefix}-environment-1", labels=labels)
    assert not look(name=prefix, image=simulator_image, gpus="none").get("failed")
    assert everything(engine, prefix) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"image": "gpt-oss-fleet/no-such-image:1"}, ["found none", "docker pull"]),
        ({"source": "server"}, ["there is none of that name", "source: image"]),
        ({"source": "image"}, ["set image"]),
    ],
)
def test_what_cannot_be_looked_at(prefix: str, asked: dict[str, Any], words: list[str]) -> None:
    result = look(name=prefix, gpus="none", **asked)
    assert result["failed"] and all(word in result["msg"] for word in words), result


def command_of(folder: Path, words: str) -> str:
    """Return a bind that puts a shell script in the place of the image's vllm."""
    script = folder / "vllm"
    script.write_text(f"#!/bin/sh\n{words}\n")
    script.chmod(0o755)
    return f"{script}:/usr/local/bin/vllm"


HANG = "exec python3 -c 'import time; time.sleep(300)'"


@pytest.mark.parametrize(
    ("script", "timeout", "words"),
    [
        (f"echo 'cannot import torch, HF_TOKEN={TOKEN}' >&2; exit 3", 60, ["it ended with 3", "cannot import torch"]),
        ("echo Collecting environment information...", 60, ["titled sections"]),
        (HANG, 2, ["within 2 s", "nvidia-smi"]),
    ],
)
def test_a_command_that_does_not_end_well(
    engine: docker.APIClient,
    prefix: str,
    simulator_image: str,
    tmp_path: Path,
    script: str,
    timeout: int,
    words: list[str],
) -> None:
    volumes = [command_of(tmp_path, script)]
    result = look(name=prefix, image=simulator_image, gpus="none", volumes=volumes, timeout=timeout)
    assert result["failed"] and all(word in result["msg"] for word in words), result
    assert TOKEN not in json.dumps(result)
    assert everything(engine, prefix) == []


def test_a_command_that_hangs_does_not_stay_in_the_server(
    engine: docker.APIClient, prefix: str, simulator_image: str, tmp_path: Path
) -> None:
    bind = engine.create_host_config(binds=[command_of(tmp_path, HANG)])
    server = engine.create_container(
        simulator_image, ["python3", "-c", "import time; time.sleep(301)"], entrypoint=[], name=prefix, host_config=bind
    )
    engine.start(server)
    result = look(name=prefix, timeout=2)
    assert result["failed"] and "within 2 s" in result["msg"], result
    processes = [" ".join(row) for row in engine.top(server)["Processes"]]
    assert len(processes) == 1 and "301" in processes[0], processes


NO_PIP = """#!/usr/local/bin/python3
raise RuntimeError("Could not collect pip list output (pip or uv module not available)")
"""
REPORT = """
DEFAULT_PIP_PATTERNS = {"torch", "numpy"}
def get_pip_packages(run, patterns=None):
    raise RuntimeError("Could not collect pip list output (pip or uv module not available)")
def main():
    manager, packages = get_pip_packages(None)
    rule = "=" * 30
    print(f"{rule}\\n System Info\\n{rule}\\nOS    : x\\n\\n{rule}\\nVersions of relevant libraries\\n{rule}")
    print("\\n".join(f"[{manager}] {line}" for line in packages.splitlines()))
"""


def test_an_image_without_pip(prefix: str, simulator_image: str, tmp_path: Path) -> None:
    (tmp_path / "vllm").write_text(NO_PIP)
    (tmp_path / "vllm").chmod(0o755)
    package = tmp_path / "path" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "collect_env.py").write_text(REPORT)
    for name in ("numpy", "other"):
        (package.parent / f"{name}-1.2.dist-info").mkdir()
        (package.parent / f"{name}-1.2.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 1.2\n")
    result = look(
        name=prefix,
        image=simulator_image,
        gpus="none",
        environment={"PYTHONPATH": "/path"},
        volumes=[f"{tmp_path}/vllm:/usr/local/bin/vllm", f"{package.parent}:/path"],
    )
    assert not result.get("failed"), result
    assert result["environment"]["packages"] == [{"manager": "pip", "name": "numpy", "version": "1.2"}]
