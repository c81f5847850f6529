"""One look at a host, and the addresses that it reaches."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host import find_engine, find_python, look
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_addresses import addresses
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader
from host_root import reader

ASKED: dict[str, Any] = {
    "paths": ["/var/lib/gpt_oss"],
    "ports": [1],
    "services": ["docker.service"],
    "packages": ["docker*"],
    "files": ["/etc/issue", "/etc/none"],
    "addresses": [],
    "docker_host": "unix:///nowhere/docker.sock",
    "python": "",
    "controller_time": None,
}


def test_a_bare_host_can_be_looked_at(tmp_path: Path) -> None:
    found = look(reader(tmp_path, {"/etc/issue": "Hello\n"}), ASKED)
    assert found["docker"] is None
    assert "there is no Docker Engine" in found["docker_problem"]
    assert found["files"] == {"/etc/issue": "Hello\n", "/etc/none": None}
    assert found["filesystems"].keys() == {"/var/lib/gpt_oss"}
    assert (found["python"], found["packages"], found["docker_binary"]) == ({"command": None}, {}, None)


def run(argv: Sequence[str]) -> tuple[int, str, str]:
    done = subprocess.run(list(argv), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("wanted", "there"), [("", True), ("python2.7", False), ("/nowhere/python", False)])
def test_a_usable_python(wanted: str, there: bool) -> None:
    assert bool(find_python(Reader(run), wanted)) is there


def test_the_engines_program(tmp_path: Path) -> None:
    assert find_engine(reader(tmp_path)) is None
    snap = reader(tmp_path, {"/snap/bin/docker": ""})
    assert find_engine(snap) == "/snap/bin/docker"
    there = {"sh -c": (0, "/usr/bin/dockerd\n")}
    assert find_engine(reader(tmp_path, {}, there)) == "/usr/bin/dockerd"


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_addresses(site: str) -> None:
    urls = [f"{site}/200", f"{site}/401", f"{site}/503", "http://127.0.0.1:1/", "nonsense"]
    found = addresses(urls)
    assert list(found) == urls
    assert [(row["ok"], row["status"]) for row in found.values()] == [
        (True, 200),
        (True, 401),
        (False, 503),
        (False, None),
        (False, None),
    ]
    assert found[urls[0]]["error"] == ""
    assert found[urls[2]]["error"] == "HTTP 503"
    assert "refused" in found[urls[3]]["error"]
    assert found[urls[4]]["error"]
    assert addresses([]) == {}
