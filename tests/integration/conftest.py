"""What integration tests share: the engine, the simulator's image, names and ports of their own, and clean-up."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible.module_utils import _internal
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _fetch
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_container as module
from hub_harness import Hub, hub_with_model

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

import faults  # noqa: E402  (the path comes first)

# For all tests.
Seen, seen, pytest_runtest_makereport = faults.Seen, faults.seen, faults.pytest_runtest_makereport

DOCKER_HOST = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
# Two checkouts whose simulators differ would build each other's image anew; with a tag each they do not.
IMAGE = os.environ.get("GPT_OSS_FLEET_SIMULATOR_IMAGE", "gpt-oss-fleet/vllm-simulator:integration")
MODEL = "openai/gpt-oss-20b"

Parameters = dict[str, Any]
Result = dict[str, Any]
Run = Callable[..., Result]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.APIClient]:
    """The real engine. Without one these tests fail: they prove nothing when skipped."""
    client = docker.APIClient(base_url=DOCKER_HOST, version="auto", timeout=60)
    yield client
    client.close()


@pytest.fixture(scope="session")
def simulator_image(engine: docker.APIClient) -> str:
    """The simulator's image, under a tag that only tests use; built when it is missing or outdated."""
    builder = ROOT / "roles" / "vllm_simulator" / "files" / "image.py"
    command = [sys.executable, str(builder), "--image", IMAGE, "--docker-host", DOCKER_HOST]
    built = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return IMAGE


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The managed environment's place: the first deployment makes it, later ones find it."""
    return tmp_path_factory.mktemp("shared") / "venv"


@pytest.fixture
def prefix(engine: docker.APIClient) -> Iterator[str]:
    """A prefix for container names. Whatever bears it is gone after the test."""
    name = f"itest-{os.getpid()}-{secrets.token_hex(3)}"
    yield name
    for container in engine.containers(all=True, filters={"name": f"^/{name}"}):
        with contextlib.suppress(docker.errors.APIError):
            engine.remove_container(container["Id"], force=True, v=True)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A maker of free loopback ports."""

    def make() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return make


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A look-alike of the Hub with one model, for this test alone."""
    with hub_with_model() as hub:
        yield hub


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between two attempts are a tenth of what they are."""
    monkeypatch.setattr(_fetch, "FIRST_PAUSE", 0.1)


@pytest.fixture
def parameters(prefix: str, free_port: Callable[[], int], simulator_image: str, tmp_path: Path) -> Parameters:
    """A server that starts in no time. Tests change what they are about."""
    return {
        "name": f"{prefix}-server",
        "image": simulator_image,
        "pull": "never",
        "model": MODEL,
        "arguments": [MODEL, "--host", "0.0.0.0"],
        "environment": simulated(),
        "port": free_port(),
        "gpus": "none",
        "timeout": 60,
        "stop_timeout": 5,
        "state_path": str(tmp_path / "servers"),
        "docker_host": DOCKER_HOST,
    }


def simulated(**configuration: Any) -> dict[str, str]:
    """Return the environment of a simulator so configured."""
    return {"VLLM_SIMULATOR": json.dumps({"start_seconds": 0.2, **configuration}, sort_keys=True)}


def forget_warnings() -> None:
    """Forget the warnings of modules that ran in this process before: Ansible keeps them for one module's result."""
    assert not _internal.is_controller, "a test imports the controller's own code: modules then keep their warnings"
    warnings._global_warnings.clear()


@pytest.fixture
def vllm_container() -> Run:
    """Run the module in this process; returns its result, failed or not."""

    def run(parameters: Parameters, check_mode: bool = False) -> Result:
        forget_warnings()
        output = io.StringIO()
        arguments = {**parameters, "_ansible_check_mode": check_mode}
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            module.main()
        return dict(json.loads(output.getvalue()))

    return run


@pytest.fixture
def started(vllm_container: Run, parameters: Parameters) -> Result:
    """The result of a server's first start."""
    result = vllm_container(parameters)
    assert not result.get("failed"), result["msg"]
    return result
