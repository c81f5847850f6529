"""What a Docker Engine says of itself, and why it cannot be used."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_docker import (
    containerd_root,
    describe,
    docker,
    docker_problem,
)
from host_root import reader

INFO = {
    "ServerVersion": "29.1.2",
    "DockerRootDir": "/data/docker",
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    "Runtimes": {"runc": {}, "nvidia": {}},
    "DefaultRuntime": "runc",
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "LiveRestoreEnabled": True,
    "LoggingDriver": "json-file",
    "Swarm": {"LocalNodeState": "active"},
    "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
    "ContainersRunning": 2,
    "ExperimentalBuild": False,
}
CONTAINERS = [
    {
        "Id": "a" * 64,
        "Names": ["/ours"],
        "Labels": {"gpt_oss.fleet.description": "{}"},
        "Ports": [{"PublicPort": 8000}],
    },
    {"Id": "b" * 64, "Names": ["/theirs"], "Labels": None, "Ports": [{"PrivatePort": 80}]},
]


class Engine(http.server.BaseHTTPRequestHandler):
    """Answers as an engine does."""

    status = 200

    def do_GET(self) -> None:
        body = json.dumps(INFO if self.path == "/info" else CONTAINERS).encode()
        self.send_response(self.status)
        self.send_header("Api-Version", "1.52")
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
    with socketserver.ThreadingUnixStreamServer(str(path), Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


def test_an_engine(docker_host: str) -> None:
    found, problem = docker(docker_host, "me")
    assert problem == ""
    assert found == {
        "version": "29.1.2",
        "api_version": "1.52",
        "root": "/data/docker",
        "storage_driver": "overlayfs",
        "image_store": "containerd",
        "runtimes": ["nvidia", "runc"],
        "default_runtime": "runc",
        "cgroup_driver": "systemd",
        "cgroup_version": "2",
        "live_restore": True,
        "log_driver": "json-file",
        "swarm": True,
        "cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
        "running_containers": 2,
        "experimental": False,
        "containers": [
            {"id": "a" * 64, "name": "ours", "own": True, "ports": [8000]},
            {"id": "b" * 64, "name": "theirs", "own": False, "ports": []},
        ],
    }


def test_an_engine_of_old_says_less() -> None:
    found = describe({"ServerVersion": "20.10.24", "DriverStatus": [["Backing Filesystem", "extfs"]]})
    assert (found["image_store"], found["cdi_spec_dirs"], found["runtimes"]) == ("graphdriver", [], [])


@pytest.mark.parametrize(
    ("docker_host", "expected"),
    [
        ("unix:///nowhere/docker.sock", "there is no Docker Engine at unix:///nowhere/docker.sock; install"),
        ("tcp://127.0.0.1:1", "no Docker Engine listens at tcp://127.0.0.1:1; start it"),
        ("ssh://host", "cannot be used: an address of an unknown kind"),
    ],
)
def test_no_engine(docker_host: str, expected: str) -> None:
    found, problem = docker(docker_host, "me")
    assert found is None
    assert expected in problem


def test_an_engine_that_fails(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "status", 500)
    assert "an answer of status 500" in docker(docker_host, "me")[1]


def test_an_engine_that_the_user_may_not_use() -> None:
    problem = docker_problem("unix:///s", PermissionError(13, "no"), "me")
    assert "user me may not use the Docker Engine" in problem
    assert "add the user to the group docker" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "/var/lib/containerd"),
        ('version = 2\n#root = "/x"\n', "/var/lib/containerd"),
        ('root = "/data/containerd"\nstate = "/run/containerd"\n', "/data/containerd"),
    ],
)
def test_where_containerd_keeps_images(tmp_path: Path, text: str | None, expected: str) -> None:
    files: dict[str, str | bytes] = {} if text is None else {"/etc/containerd/config.toml": text}
    assert containerd_root(reader(tmp_path, files)) == expected
