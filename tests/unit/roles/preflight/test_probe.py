"""The preflight role's look at a host."""

from __future__ import annotations

import http.server
import importlib.util
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[4] / "roles/preflight/files/probe.py"
_spec = importlib.util.spec_from_file_location("preflight_probe", PATH)
assert _spec and _spec.loader
probe = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(probe)


class Engine(http.server.BaseHTTPRequestHandler):
    """Answers /info as an engine does."""

    status = 200

    def do_GET(self) -> None:
        body = json.dumps({"ServerVersion": "20.10.24", "DockerRootDir": "/"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def docker_host(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "docker.sock"
    with socketserver.UnixStreamServer(str(path), Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


def question(docker_host: str, **changes: Any) -> dict[str, Any]:
    return {
        "docker_host": docker_host,
        "free_bytes": {"/nowhere/hf": 1},
        "docker_free_bytes": 1,
        "python": "",
        **changes,
    }


def test_a_good_host(docker_host: str) -> None:
    found = probe.look(question(docker_host))
    assert found["problems"] == []
    assert found["docker"] == {"version": "20.10.24", "root": "/"}
    assert set(found["free_bytes"]) == {"/nowhere/hf", "/"}
    assert found["python"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"docker_host": "unix:///nowhere/docker.sock"},
            "there is no Docker Engine at unix:///nowhere/docker.sock; install",
        ),
        ({"docker_host": "tcp://127.0.0.1:1"}, "no Docker Engine listens at tcp://127.0.0.1:1; start it"),
        ({"docker_host": "ssh://host"}, "cannot be used: an address of an unknown kind"),
        (
            {"free_bytes": {"/nowhere/hf": 2**62}},
            "/nowhere/hf wants 4,611,686,018,427,387,904 bytes of free disk, found",
        ),
        ({"docker_free_bytes": 2**62}, "/ wants 4,611,686,018,427,387,904 bytes"),
        ({"python": "python2.7"}, "no CPython 3.10 or newer with venv"),
    ],
)
def test_problems(docker_host: str, changes: dict[str, Any], expected: str) -> None:
    found = probe.look({**question(docker_host), **changes})
    assert len(found["problems"]) == 1
    assert expected in found["problems"][0]


def test_an_engine_that_fails(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "status", 500)
    assert "an answer of status 500" in probe.look(question(docker_host))["problems"][0]


def test_an_engine_that_the_user_may_not_use() -> None:
    problem = probe.docker_problem("unix:///s", PermissionError(13, "no"))
    assert "may not use the Docker Engine" in problem
    assert "add the user to the group docker" in problem


def test_all_problems_at_once() -> None:
    wanted = question("unix:///nowhere", free_bytes={"/": 2**62}, python="python2.7")
    assert len(probe.look(wanted)["problems"]) == 3
