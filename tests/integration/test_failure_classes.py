"""Failures of the real Docker Engine, the real kernel and real Python, each named by its class.

vLLM's own failures are those of tests/acceptance/vllm/test_failures.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis, diagnose, diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine
from ansible_collections.gpt_oss.fleet.plugins.module_utils._evidence import explained
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_commands import HostCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log import read_kernel_log
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stages import epoch
from conftest import DOCKER_HOST, Parameters, Result, Run, Seen


def assert_named(result: Result, diagnosis: str, *named: str) -> None:
    assert result["failed"] and result["diagnosis"] == diagnosis, result["msg"]
    assert result["remedy"] and result["remedy"] in result["msg"]
    for text in named:
        assert text in result["cause"], result["cause"]


# What the engine refuses: changed options, the class, and what the cause names.
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"gpus": "all"}, "toolkit_missing", "GPUs"),
    ({"gpus": "all", "gpu_access": "cdi"}, "cdi_device_missing", ""),
    ({"devices": ["/dev/nosuch"]}, "device_node_missing", "/dev/nosuch"),
    ({"entrypoint": ["no-such-program"]}, "no_such_program", "no-such-program"),
    ({"entrypoint": ["/x/not-executable"]}, "program_not_executable", "/x/not-executable"),
    ({"volumes": ["/etc/hostname:/etc"]}, "mount_refused", "/etc/hostname"),
]


@pytest.fixture
def mounted(tmp_path: Path) -> str:
    """A folder for /x, with programs that cannot be run."""
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    (tmp_path / "secret").touch(0o600)
    tmp_path.chmod(0o755)
    foreign = bytearray(Path("/bin/true").read_bytes())
    # The machine of an ELF file: none that there is.
    foreign[18:20] = b"\xfe\xca"
    (tmp_path / "foreign").write_bytes(foreign)
    (tmp_path / "foreign").chmod(0o755)
    return f"{tmp_path}:/x:ro"


@pytest.mark.parametrize(("options", "diagnosis", "named"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_the_engine_refuses(
    options: dict[str, Any], diagnosis: str, named: str, parameters: Parameters, vllm_container: Run, mounted: str
) -> None:
    assert_named(vllm_container({"volumes": [mounted], **parameters, **options}), diagnosis, named)


# Programs in a container, how they end, and what the cause names.
PROGRAMS: list[tuple[str, str, int, str]] = [
    ("import no_such_package", "missing_module", 1, "no_such_package"),
    ("open('/x/file', 'w')", "read_only", 1, "/x/file"),
    ("open('/dev/shm/full', 'wb').write(b'x' * (1 << 22))", "disk_full", 1, "No space left on device"),
    ("import os; os.setuid(1000); open('/x/secret')", "permission", 1, "/x/secret"),
    ("held = [open('/dev/null') for n in range(99)]", "open_files", 1, "file descriptors"),
    ("import ctypes; ctypes.string_at(0)", "segmentation_fault", 139, "segmentation fault"),
    ("import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 28,) * 2); bytearray(1 << 30)", "host_memory", 1, "memory"),
    ("import os; os.setuid(4242); import pwd; pwd.getpwuid(os.getuid())", "no_such_user", 1, "4242"),
]


@pytest.mark.parametrize(("code", "diagnosis", "exit_code", "named"), PROGRAMS, ids=[row[1] for row in PROGRAMS])
def test_how_programs_end(
    code: str, diagnosis: str, exit_code: int, named: str, parameters: Parameters, vllm_container: Run, mounted: str
) -> None:
    options = {
        "entrypoint": ["python3", "-c", code],
        "volumes": [mounted],
        "network_mode": "host",
        "ipc_mode": "private",
        "shm_size": "1m",
        "ulimits": {"nofile": 32},
    }
    result = vllm_container({**parameters, **options})
    assert_named(result, diagnosis, named)
    assert result["exit_code"] == exit_code


def test_a_program_for_another_processor(parameters: Parameters, vllm_container: Run, mounted: str) -> None:
    result = vllm_container({**parameters, "entrypoint": ["/x/foreign"], "volumes": [mounted]})
    assert_named(result, "wrong_architecture", "exec format error")


class EmptyRegistry(BaseHTTPRequestHandler):
    """A registry that holds nothing."""

    def do_GET(self) -> None:
        found = self.path == "/v2/"
        error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
        body = json.dumps({} if found else error).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def empty_registry() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyRegistry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_an_image_that_the_registry_does_not_have(
    parameters: Parameters, vllm_container: Run, empty_registry: int
) -> None:
    image = f"127.0.0.1:{empty_registry}/vllm/none:1"
    assert_named(vllm_container({**parameters, "image": image, "pull": "missing"}), "engine_image", image)


def test_a_dead_registry(parameters: Parameters, vllm_container: Run, free_port: Callable[[], int]) -> None:
    port = free_port()
    result = vllm_container({**parameters, "image": f"127.0.0.1:{port}/vllm/none:1", "pull": "missing"})
    assert_named(result, "registry_unreachable", f"127.0.0.1:{port}")


def test_a_dead_engine(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    result = vllm_container({**parameters, "docker_host": f"unix://{tmp_path}/none.sock"})
    assert_named(result | {"msg": result["msg"] + result["remedy"]}, "engine_unreachable", "none.sock")


def test_a_port_that_is_allocated_between_look_and_start(
    started: Result, parameters: Parameters, prefix: str, engine: docker.APIClient
) -> None:
    port = parameters["port"]
    host_config = engine.create_host_config(port_bindings={8000: ("127.0.0.1", port)})
    container = engine.create_container(
        parameters["image"], name=f"{prefix}-second", ports=[8000], host_config=host_config
    )
    with pytest.raises(docker.errors.APIError) as refused:
        engine.start(container["Id"])
    found = diagnose_text(str(refused.value.explanation))
    assert found.name == "port_allocated" and f"127.0.0.1:{port}" in found.cause


def ended(engine: docker.APIClient, name: str, image: str, code: str, **host_config: Any) -> Diagnosis:
    """Return the diagnosis of a program's end in a container with such limits, which vllm_container does not set."""
    config = engine.create_host_config(**host_config)
    container = engine.create_container(image, name=name, entrypoint=["python3", "-c", code], host_config=config)["Id"]
    engine.start(container)
    engine.wait(container, timeout=60)
    state = engine.inspect_container(container)["State"]
    lines = engine.logs(container).decode().split("\n")
    found = diagnose(lines, state["ExitCode"], state["OOMKilled"])
    return explained(found, Engine(engine, DOCKER_HOST), container, epoch(state["StartedAt"]))


# The program itself is killed; a child of it is, and its parent ends for that.
KILLED = [
    "bytearray(1 << 28)",
    "import os, sys; pid = os.fork(); pid or bytearray(1 << 28); sys.exit(bool(os.waitpid(pid, 0)[1]))",
]


@pytest.mark.parametrize("code", KILLED, ids=["itself", "a child"])
@pytest.mark.fault(
    kind="container killed",
    stage="serve",
    fault="the kernel kills the server, or a process of it, for want of memory",
    sees="memory",
    kept="the container as it died",
    next_run="starts it again",
)
def test_a_memory_limit(code: str, prefix: str, simulator_image: str, engine: docker.APIClient, seen: Seen) -> None:
    found = ended(engine, f"{prefix}-oom", simulator_image, code, mem_limit="32m", memswap_limit="32m")
    assert found.name == "out_of_memory" and found.remedy
    seen(f"{found.cause}: {found.remedy}")
    if read_kernel_log(HostCommands()).state == "read":
        assert "the kernel killed python3 (pid " in found.cause and "the container's memory limit" in found.cause


def test_a_limit_of_processes(prefix: str, simulator_image: str, engine: docker.APIClient) -> None:
    code = "import threading as t, time; [t.Thread(target=time.sleep, args=(1,)).start() for n in range(9)]"
    found = ended(engine, f"{prefix}-pids", simulator_image, code, pids_limit=4)
    assert found.name == "too_many_processes" and "start new thread" in found.cause
