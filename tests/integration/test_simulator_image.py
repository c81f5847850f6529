from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST

ROOT = Path(__file__).resolve().parents[2]
MODEL = "openai/gpt-oss-20b"
EMPTY_ARCHIVE = bytes(10240)


@pytest.fixture
def tag(engine: docker.APIClient) -> Iterator[str]:
    """An image name of the test's own."""
    name = f"gpt-oss-fleet/vllm-simulator:test-{os.getpid()}"
    yield name
    with contextlib.suppress(docker.errors.ImageNotFound):
        engine.remove_image(name, force=True)


@pytest.fixture
def run_image(engine: docker.APIClient, prefix: str, simulator_image: str) -> Callable[..., str]:
    """Run the image; returns the container's id."""

    def run(command: list[str], port: int | None = None, **configuration: Any) -> str:
        bindings: dict[int | str, Any] = {} if port is None else {8000: ("127.0.0.1", port)}
        container = engine.create_container(
            simulator_image,
            command,
            name=f"{prefix}-image-{port or 0}",
            ports=[8000],
            environment={"VLLM_SIMULATOR": json.dumps({"start_seconds": 0, "dead_seconds": 0.5, **configuration})},
            host_config=engine.create_host_config(port_bindings=bindings),
        )
        engine.start(container["Id"])
        return str(container["Id"])

    return run


def build(tag: str, *flags: str, host: str = DOCKER_HOST) -> tuple[int, dict[str, Any], str]:
    program = ROOT / "roles" / "vllm_simulator" / "files" / "image.py"
    command = [sys.executable, str(program), "--image", tag, "--docker-host", host, *flags]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def health(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_for(wanted: Callable[[], bool], seconds: float = 15.0) -> float:
    begun = time.monotonic()
    while not wanted():
        assert time.monotonic() - begun < seconds, "waited in vain"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_the_image_is_foreseen_built_kept_and_removed(engine: docker.APIClient, tag: str) -> None:
    assert build(tag, "--check")[1]["action"] == "would_build"
    assert engine.images(tag) == []
    code, built, errors = build(tag)
    assert code == 0 and built["changed"] and built["action"] == "built", errors
    image = engine.inspect_image(tag)
    assert image["Size"] < 120_000_000
    assert image["Config"]["Entrypoint"] == ["vllm", "serve"]
    assert build(tag)[1] | {"reason": ""} == built | {"changed": False, "action": "none", "reason": ""}
    assert engine.inspect_image(tag)["Id"] == image["Id"]
    assert build(tag, "--check")[1]["action"] == "none"
    assert build(tag, "--remove", "--check")[1]["action"] == "would_remove"
    assert build(tag, "--remove")[1]["action"] == "removed"
    assert build(tag, "--remove")[1] | {"reason": ""} == {
        "changed": False,
        "action": "none",
        "image": tag,
        "reason": "",
    }


def test_an_outdated_image_is_replaced_and_leaves_nothing(engine: docker.APIClient, tag: str) -> None:
    repository, _unused, name = tag.partition(":")
    labels = "LABEL gpt_oss.fleet.simulator.digest=old"
    engine.import_image_from_data(EMPTY_ARCHIVE, repository=repository, tag=name, changes=[labels])
    old = engine.inspect_image(tag)["Id"]
    assert build(tag, "--check")[1]["reason"] == "its sources or the Python changed"
    assert build(tag)[1]["action"] == "built"
    assert engine.inspect_image(tag)["Id"] != old
    with pytest.raises(docker.errors.ImageNotFound):
        engine.inspect_image(old)


def test_an_unreachable_engine_is_named(tag: str) -> None:
    code, _unused, errors = build(tag, host="unix:///no/such.sock")
    assert code == 1 and "no Docker Engine answers at unix:///no/such.sock" in errors and "Traceback" not in errors


def test_a_container_serves_and_ends_with_0(
    engine: docker.APIClient, run_image: Callable[..., str], free_port: Callable[[], int]
) -> None:
    port = free_port()
    container = run_image([MODEL], port)
    wait_for(lambda: health(port) == 200)
    names = [" ".join(row) for row in engine.top(container)["Processes"]]
    assert any("VLLM::EngineCore" in name for name in names)
    begun = time.monotonic()
    engine.stop(container, timeout=10)
    assert time.monotonic() - begun < 3
    assert engine.inspect_container(container)["State"]["ExitCode"] == 0


def test_a_killed_engine_ends_the_container_with_0(
    engine: docker.APIClient, run_image: Callable[..., str], free_port: Callable[[], int]
) -> None:
    port = free_port()
    container = run_image([MODEL], port, dead_seconds=1.0)
    wait_for(lambda: health(port) == 200)
    script = "for p in /proc/[0-9]*; do read -r n < $p/comm; case $n in VLLM::Engine*) kill -9 ${p#/proc/};; esac; done"
    engine.exec_start(engine.exec_create(container, ["sh", "-c", script])["Id"])
    wait_for(lambda: health(port) == 503, 2.0)
    assert engine.wait(container, timeout=10)["StatusCode"] == 0


@pytest.mark.parametrize(
    ("command", "code", "part"),
    [
        ([MODEL, "--no-such-flag"], 2, "unrecognized arguments: --no-such-flag"),
        ([MODEL, "--tensor-parallel-size", "16"], 1, "World size (16)"),
    ],
)
def test_refused_command_lines(
    engine: docker.APIClient, run_image: Callable[..., str], command: list[str], code: int, part: str
) -> None:
    container = run_image(command)
    assert engine.wait(container, timeout=10)["StatusCode"] == code
    assert part in engine.logs(container).decode()


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (["vllm", "--version"], ["0.32.0+simulator"]),
        (["vllm", "collect-env"], ["vLLM Version                 : 0.32.0+simulator", "(simulated"]),
        (["sh", "-c", 'test -d /tmp && echo "$HOME"'], ["/root"]),
    ],
)
def test_other_commands(
    engine: docker.APIClient, prefix: str, simulator_image: str, command: list[str], parts: list[str]
) -> None:
    container = engine.create_container(simulator_image, entrypoint=command, name=f"{prefix}-command")["Id"]
    engine.start(container)
    assert engine.wait(container, timeout=10)["StatusCode"] == 0
    assert all(part in engine.logs(container).decode() for part in parts)
