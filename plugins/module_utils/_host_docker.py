# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host docker, what a Docker Engine says of itself, asked without the docker library.

The shapes that come in are the Engine API's (https://docs.docker.com/reference/api/engine/).
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from typing import Any, Mapping, Optional
from urllib.parse import quote, urlsplit

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

TIMEOUT = 10
OWN_LABEL = "gpt_oss.fleet."
_CONTAINERD_ROOT = "/var/lib/containerd"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def docker(docker_host: str, user: str) -> tuple[Optional[dict[str, Any]], str]:
    """Return what the engine says, and why it cannot be used: one of the two is None or empty."""
    try:
        connection = _connection(docker_host)
        info, version = _get(connection, "/info")
        containers, _version = _get(
            connection, f"/containers/json?filters={quote(json.dumps({'status': ['running']}))}"
        )
    except (OSError, ValueError, http.client.HTTPException) as exc:
        return None, docker_problem(docker_host, exc, user)
    found, problem = described(info)
    if found is None:
        return None, f"the Docker Engine at {docker_host} cannot be used: {problem}"
    return {**found, "api_version": version, "containers": [_container(row) for row in containers]}, ""


def ask(docker_host: str, path: str) -> Any:
    """Return what the engine answers to a GET of a path, None where it knows none of that name.

    Raises OSError, ValueError and HTTPException, of which docker_problem makes a text.
    """
    reply = _reply(_connection(docker_host), path)
    return None if reply.status == 404 else _content(reply)


def described(info: Any) -> tuple[Optional[dict[str, Any]], str]:
    """Return the fact's part from the engine's /info, or why there is none."""
    try:
        return describe(info), ""
    except (AttributeError, TypeError, ValueError):
        return None, "wanted what Docker's API tells of an engine, found values of other kinds; is this Docker?"


def describe(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fact's part from the engine's /info."""
    status = dict(row for row in info.get("DriverStatus") or [] if len(row) == 2)
    containerd = str(status.get("driver-type", "")).startswith("io.containerd.snapshotter")
    return {
        "version": info.get("ServerVersion"),
        "root": info.get("DockerRootDir"),
        "storage_driver": info.get("Driver"),
        "image_store": "containerd" if containerd else "graphdriver",
        "runtimes": sorted(info.get("Runtimes") or {}),
        "default_runtime": info.get("DefaultRuntime"),
        "cgroup_driver": info.get("CgroupDriver"),
        "cgroup_version": info.get("CgroupVersion"),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "log_driver": info.get("LoggingDriver"),
        "swarm": (info.get("Swarm") or {}).get("LocalNodeState") not in (None, "", "inactive"),
        "cdi_spec_dirs": list(info.get("CDISpecDirs") or []),
        "running_containers": info.get("ContainersRunning"),
        "experimental": bool(info.get("ExperimentalBuild")),
    }


def docker_problem(docker_host: str, exc: Exception, user: str) -> str:
    """Return why the engine cannot be used, and what to do."""
    if isinstance(exc, PermissionError):
        remedy = "add the user to the group docker, or set ansible_become"
        return f"user {user} may not use the Docker Engine at {docker_host}; {remedy}"
    if isinstance(exc, FileNotFoundError):
        return f"there is no Docker Engine at {docker_host}; install and start one, or set gpt_oss_docker_host"
    if isinstance(exc, ConnectionRefusedError):
        return (
            f"no Docker Engine listens at {docker_host}; start it (systemctl start docker), or set gpt_oss_docker_host"
        )
    return f"the Docker Engine at {docker_host} cannot be used: {exc}; look at its service and log"


def containerd_root(reader: Reader) -> str:
    """Return where containerd keeps images when Docker leaves them to it."""
    configured = re.search(r'^\s*root\s*=\s*["\'](/[^"\']*)', reader.text("/etc/containerd/config.toml") or "", re.M)
    return configured.group(1) if configured else _CONTAINERD_ROOT


def _connection(docker_host: str) -> http.client.HTTPConnection:
    parts = urlsplit(docker_host)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path)
    if parts.scheme in ("tcp", "http"):
        return http.client.HTTPConnection(parts.hostname or "", parts.port or 2375, timeout=TIMEOUT)
    raise ValueError(f"an address of an unknown kind, {docker_host}")


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[Any, Optional[str]]:
    reply = _reply(connection, path)
    return _content(reply), reply.getheader("Api-Version")


def _reply(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path)
    return connection.getresponse()


def _content(reply: http.client.HTTPResponse) -> Any:
    content = reply.read()
    if reply.status != 200:
        raise ValueError(f"an answer of status {reply.status}")
    return _json_text.loads(content)


def _container(row: Mapping[str, Any]) -> dict[str, Any]:
    labels = row.get("Labels") or {}
    return {
        "id": row["Id"],
        "name": str((row.get("Names") or [row["Id"]])[0]).lstrip("/"),
        "own": any(label.startswith(OWN_LABEL) for label in labels),
        "ports": sorted({port["PublicPort"] for port in row.get("Ports") or [] if port.get("PublicPort")}),
    }
