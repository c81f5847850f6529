"""Module gpu_proof against a real engine. Where there is no GPU, a library in the container stands in for libcuda."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import gpu_proof
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.module_utils.test_gpu_proof import LIBRARY
from conftest import DOCKER_HOST, Parameters, Result

# docker, but that a request for GPUs brings the library instead.
WRAPPER = """#!/bin/sh
for word do
    shift
    case $word in
        --gpus) set -- "$@" --volume={library}:/lib/x86_64-linux-gnu/libcuda.so.1:ro --env=GPUS=2 --env=MODE={mode} ;;
        all) ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec docker "$@"
"""


def prove(parameters: Parameters, check_mode: bool = False) -> Result:
    output = io.StringIO()
    arguments = {**parameters, "_ansible_check_mode": check_mode}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        gpu_proof.main()
    return dict(json.loads(output.getvalue()))


def left(engine: docker.APIClient) -> list[Any]:
    return list(engine.containers(all=True, filters={"name": "gpt-oss-gpu-proof-"}))


@pytest.fixture
def proof(simulator_image: str) -> Parameters:
    return {"image": simulator_image, "pull": "never", "docker_host": DOCKER_HOST, "timeout": 20}


@pytest.fixture
def stand_in(proof: Parameters, tmp_path: Path) -> Any:
    """Parameters whose docker command brings a library that behaves in the given mode."""
    (tmp_path / "cuda.c").write_text(LIBRARY)
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", library, tmp_path / "cuda.c"], check=True)

    def make(mode: str = "", **changes: Any) -> Parameters:
        wrapper = tmp_path / "docker-with-gpus"
        wrapper.write_text(WRAPPER.format(library=library, mode=mode))
        wrapper.chmod(0o755)
        return {**proof, "docker_command": str(wrapper), **changes}

    return make


def test_gpus_are_used_in_a_real_container(stand_in: Any, engine: docker.APIClient) -> None:
    result = prove(stand_in(count=2))
    assert not result.get("failed"), result["msg"]
    assert (result["changed"], result["ran"], result["problems"]) == (False, True, [])
    assert result["proof"]["count"] == 2
    assert result["proof"]["compute_capabilities"] == ["10.3", "10.3"]
    assert left(engine) == []


@pytest.mark.parametrize(
    ("mode", "changes", "cause"),
    [
        ("fabric", {}, "fabric_not_ready"),
        ("busy", {}, "gpu_busy"),
        ("crash", {}, "died"),
        ("hang", {"timeout": 1}, "timeout"),
        ("", {"count": 8}, "gpus_missing"),
        ("", {"python": "no-python"}, "no_python"),
    ],
)
def test_causes_are_named(stand_in: Any, engine: docker.APIClient, mode: str, changes: Any, cause: str) -> None:
    result = prove(stand_in(mode, **changes))
    assert result["failed"]
    assert [problem["name"] for problem in result["problems"]] == [cause], result["msg"]
    assert result["problems"][0]["remedy"] in result["msg"]
    assert left(engine) == []


def test_an_engine_without_the_toolkit(proof: Parameters, engine: docker.APIClient) -> None:
    if shutil.which("nvidia-container-runtime-hook"):
        pytest.skip("this machine has the toolkit")
    result = prove(proof)
    assert [problem["name"] for problem in result["problems"]] == ["toolkit_unknown_to_engine"]
    assert "restart the engine" in result["msg"] and result["ran"] is False
    assert left(engine) == []


def test_a_missing_image(proof: Parameters) -> None:
    result = prove({**proof, "image": "gpt-oss-fleet/no-such-image:1"})
    assert [problem["name"] for problem in result["problems"]] == ["image_missing"]
    result = prove({**proof, "image": "127.0.0.1:9/no-such-image:1", "pull": "missing"})
    assert [problem["name"] for problem in result["problems"]] == ["registry_unreachable"]


def test_check_mode_runs_nothing(stand_in: Any) -> None:
    result = prove(stand_in("fabric"), check_mode=True)
    assert not result.get("failed") and result["ran"] is False and result["proof"] == {}
    assert "--gpus" in result["command"]


def test_a_missing_docker_command(proof: Parameters) -> None:
    result = prove({**proof, "docker_command": "no-such-docker"})
    assert result["failed"] and "expected the command no-such-docker" in result["msg"]
