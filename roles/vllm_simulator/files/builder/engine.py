# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: engine, the four calls of the Docker Engine's HTTP API that the image needs.

The API, and no docker client: Debian 13 does not install one with the engine.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Sequence
from typing import Any, Optional
from urllib.parse import quote, urlencode, urlsplit


class EngineError(Exception):
    """The engine cannot be reached or refuses; the message says what to do."""


class Unreachable(EngineError):
    """No engine answers."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _ChunkedBody:
    """A file-like object that sends what is written as chunks of an HTTP body."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> int:
        if data:
            self._connection.send(b"%x\r\n%s\r\n" % (len(data), data))
        return len(data)

    def close(self) -> None:
        self._connection.send(b"0\r\n\r\n")


class Engine:
    """One Docker Engine, named as DOCKER_HOST names it: unix:///path or tcp://host:port."""

    def __init__(self, address: str, timeout: float = 120.0) -> None:
        self._address = address
        self._timeout = timeout

    def labels(self, image: str) -> Optional[dict[str, str]]:
        """Return the labels of an image with its id under the key `id`, or None when there is none."""
        status, answer = self._call("GET", f"/images/{image}/json")
        if status == 404:
            return None
        self._expect(status, answer, "look at the image")
        return {**(answer["Config"].get("Labels") or {}), "id": answer["Id"]}

    def load(self, image: str, changes: Sequence[str], write: Callable[[Any], None]) -> None:
        """Import an image; `write` gets a file-like object and writes a tar archive to it."""
        repository, _unused, tag = image.rpartition(":")
        query = urlencode(
            [("fromSrc", "-"), ("repo", repository), ("tag", tag), *(("changes", item) for item in changes)]
        )
        connection = self._connect()
        try:
            connection.putrequest("POST", f"/images/create?{query}")
            connection.putheader("Content-Type", "application/x-tar")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            body = _ChunkedBody(connection)
            write(body)
            body.close()
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"the Docker Engine at {self._address} hung up during the import: {error}") from None
        finally:
            connection.close()
        if response.status != 200 or '"error"' in text:
            raise EngineError(
                f"the Docker Engine refuses to import the image (status {response.status}): {text.strip()}"
            )

    def remove(self, image: str) -> bool:
        """Remove an image; say whether it is gone. One that a container uses stays."""
        status, answer = self._call("DELETE", f"/images/{image}")
        if status not in (404, 409):
            self._expect(status, answer, "remove the image")
        return status != 409

    def remove_dangling(self, label: str) -> None:
        """Remove the images with this label that lost their name and that no container uses."""
        filters = quote(json.dumps({"dangling": ["true"], "label": [label]}))
        status, answer = self._call("GET", f"/images/json?filters={filters}")
        self._expect(status, answer, "list images")
        for image in answer:
            self.remove(image["Id"])

    def _expect(self, status: int, answer: Any, what: str) -> None:
        if status != 200:
            raise EngineError(f"the Docker Engine at {self._address} cannot {what}: status {status}, {answer}")

    def _call(self, method: str, path: str) -> tuple[int, Any]:
        connection = self._connect()
        try:
            connection.request(method, path)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()
        try:
            return response.status, json.loads(text) if text else None
        except ValueError:
            raise EngineError(f"{self._address} does not answer as a Docker Engine: {text[:200]!r}") from None

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._address)
        if parts.scheme == "unix":
            connection: http.client.HTTPConnection = _UnixConnection(parts.path, self._timeout)
        elif parts.scheme in ("tcp", "http") and parts.hostname:
            connection = http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=self._timeout)
        else:
            raise EngineError(
                f"the engine's address must be unix:///PATH or tcp://HOST:PORT, found {self._address!r}; "
                "set vllm_simulator_docker_host"
            )
        try:
            connection.connect()
        except OSError as error:
            raise self._unreachable(error) from None
        return connection

    def _unreachable(self, error: Exception) -> Unreachable:
        remedy = "start it (systemctl start docker) or set gpt_oss_docker_host to its address"
        if isinstance(error, PermissionError):
            remedy = "let the user use Docker (group docker) or set ansible_become"
        return Unreachable(f"no Docker Engine answers at {self._address}: {error}; {remedy}")
