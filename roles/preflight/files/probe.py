# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a host, changing nothing, and print what was found and what is wrong as one JSON object.

usage: python3 probe.py '{"docker_host": …, "free_bytes": {path: wanted}, "docker_free_bytes": …, "python": …}'
"""

from __future__ import annotations

import getpass
import http.client
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PYTHONS = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10")
USABLE = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask_docker(docker_host: str) -> dict[str, Any]:
    """Return the engine's /info. Raises OSError, ValueError or HTTPException when there is no usable engine."""
    parts = urlsplit(docker_host)
    connection: http.client.HTTPConnection
    if parts.scheme == "unix":
        connection = UnixConnection(parts.path)
    elif parts.scheme in ("tcp", "http"):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 2375, timeout=10)
    else:
        raise ValueError(f"an address of an unknown kind, {docker_host}")
    connection.request("GET", "/info")
    reply = connection.getresponse()
    if reply.status != 200:
        raise ValueError(f"an answer of status {reply.status}")
    info: dict[str, Any] = json.loads(reply.read())
    return info


def docker_problem(docker_host: str, exc: Exception) -> str:
    """Return why the engine cannot be used, and what to do."""
    if isinstance(exc, PermissionError):
        user = getpass.getuser()
        remedy = "add the user to the group docker, or set ansible_become"
        return f"user {user} may not use the Docker Engine at {docker_host}; {remedy}"
    if isinstance(exc, FileNotFoundError):
        return f"there is no Docker Engine at {docker_host}; install and start one, or set gpt_oss_docker_host"
    if isinstance(exc, ConnectionRefusedError):
        return (
            f"no Docker Engine listens at {docker_host}; start it (systemctl start docker), or set gpt_oss_docker_host"
        )
    return f"the Docker Engine at {docker_host} cannot be used: {exc}; look at its service and log"


def free_bytes(path: str) -> int:
    """Return the free space on the disk on which a path lies or would lie."""
    folder = Path(path)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def find_python(wanted: str) -> str | None:
    """Return the first Python that can make the managed environment."""
    for name in (wanted,) if wanted else PYTHONS:
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", USABLE], capture_output=True, check=False).returncode == 0:
            return path
    return None


def look(question: dict[str, Any]) -> dict[str, Any]:
    """Return {"problems": […], "docker": {…} or null, "free_bytes": {path: …}, "python": path or null}."""
    problems: list[str] = []
    wanted_bytes = dict(question["free_bytes"])
    docker = None
    try:
        info = ask_docker(question["docker_host"])
        docker = {"version": info.get("ServerVersion"), "root": info.get("DockerRootDir")}
        wanted_bytes.setdefault(docker["root"] or "/", question["docker_free_bytes"])
    except (OSError, ValueError, http.client.HTTPException) as exc:
        problems.append(docker_problem(question["docker_host"], exc))
    free = {path: free_bytes(path) for path in wanted_bytes}
    for path, wanted in wanted_bytes.items():
        if free[path] < wanted:
            problems.append(
                f"{path} wants {wanted:,} bytes of free disk, found {free[path]:,}; free some, or use another disk"
            )
    python = find_python(question["python"])
    if python is None:
        problems.append(
            "no CPython 3.10 or newer with venv and ensurepip was found for the managed environment; install one "
            "(Debian, Ubuntu: apt-get install python3-venv; RHEL 9: dnf install python3.12)"
        )
    return {"problems": problems, "docker": docker, "free_bytes": free, "python": python}


if __name__ == "__main__":
    print(json.dumps(look(json.loads(sys.argv[1]))))
