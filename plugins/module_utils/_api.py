# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: api - a small client of vLLM's HTTP interface, standard library only.

No proxy is ever used: the server is reached where it stands.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import (
    ApiError,
    ApiTimeout,
    Event,
    Reply,
    checked,
    events,
    shortened,
    whole,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_text

_LONGEST = 1e6  # seconds
# Names that no resolver can be asked for are UnicodeErrors.
_TROUBLES = (OSError, http.client.HTTPException, UnicodeError)


class Api:
    """One server. `base_url` ends in /v1; /health, /ping and /version are asked at the server's root.

    `timeout` is in seconds, for the connection and for each read. Each request is a connection of its own.
    """

    def __init__(self, base_url: str, api_key: str | None = None, timeout: float = 10.0) -> None:
        parts, host, port = _split(base_url)
        if not 0 < timeout <= _LONGEST:
            raise ApiError(f"expected a timeout above 0 s and at most {_LONGEST:,.0f} s, got {timeout:g} s")
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self._secure = parts.scheme == "https"
        self._host = host
        self._port = port
        self._prefix = parts.path.rstrip("/")
        self._root = self._prefix[: -len("/v1")] if self._prefix.endswith("/v1") else self._prefix
        self._key = api_key

    def health(self) -> int:
        """Return the status of /health: 200 when the engine lives, 503 when it died."""
        return self.at_root("health").status

    def version(self) -> str | None:
        """Return the server's own version, None when it tells none."""
        reply = self.at_root("version")
        if reply.status != 200:
            return None
        body = reply.json()
        return str(body["version"]) if isinstance(body, dict) and body.get("version") else None

    def metrics(self) -> str | None:
        """Return the text of /metrics, None when the server shows none."""
        reply = self._send("GET", f"{self._root}/metrics")
        return reply.text if reply.status == 200 else None

    def models(self) -> list[dict[str, Any]]:
        """Return the served models as the server lists them."""
        body = checked(self.get("models"))
        models = body.get("data")
        if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
            raise ApiError(f"expected a list of models, got {shortened(str(body))!r}", 200, str(body))
        return models

    def chat(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return one chat completion, whole."""
        return checked(self.post("chat/completions", payload))

    def at_root(self, path: str) -> Reply:
        """GET a path at the server's root, which a guarded server asks the key for as well; any status is a reply."""
        return self._send("GET", f"{self._root}/{path.lstrip('/')}")

    def get(self, path: str) -> Reply:
        """GET a path under the base URL; any status is a reply."""
        return self._send("GET", f"{self._prefix}/{path.lstrip('/')}")

    def post(self, path: str, payload: dict[str, Any] | str, headers: Mapping[str, str] | None = None) -> Reply:
        """POST JSON, or a text as it is, to a path under the base URL; any status is a reply."""
        return self._send("POST", f"{self._prefix}/{path.lstrip('/')}", payload, headers)

    def begin(self, path: str, payload: dict[str, Any]) -> Pending:
        """POST JSON to a path under the base URL and return at once, with the reply still to come."""
        connection = self._connect()
        try:
            self._request(connection, "POST", f"{self._prefix}/{path.lstrip('/')}", payload)
        except _TROUBLES as exc:
            connection.close()
            raise self._unreachable(exc) from self._cause(exc)
        return Pending(self, connection)

    def events(self, path: str, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> Iterator[Event]:
        """POST JSON and yield each server-sent event, [DONE] and what follows it included."""
        connection = self._connect()
        try:
            response = self._exchange(connection, "POST", f"{self._prefix}/{path.lstrip('/')}", payload, headers)
            content_type = response.getheader("content-type") or ""
            if response.status != 200 or content_type.startswith("application/json"):
                checked(self._whole(response))
                raise ApiError(f"expected a stream of events, found a whole reply of the type {content_type}", 200)
            yield from events(response, [self._key])
        except _TROUBLES as exc:
            raise self._unreachable(exc) from self._cause(exc)
        finally:
            connection.close()

    def open_stream(self, path: str, payload: dict[str, Any]) -> None:
        """POST JSON that asks for events, and give the request up once it is accepted. Raises ApiError."""
        connection = self._connect()
        try:
            response = self._exchange(connection, "POST", f"{self._prefix}/{path.lstrip('/')}", payload, None)
            content_type = response.getheader("content-type") or ""
            if response.status != 200 or content_type.startswith("application/json"):
                checked(self._whole(response))
        except _TROUBLES as exc:
            raise self._unreachable(exc) from self._cause(exc)
        finally:
            connection.close()

    def _send(
        self,
        method: str,
        path: str,
        payload: dict[str, Any] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = self._connect()
        try:
            return self._whole(self._exchange(connection, method, path, payload, headers))
        except _TROUBLES as exc:
            raise self._unreachable(exc) from self._cause(exc)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self.timeout)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        payload: dict[str, Any] | str | None,
        more_headers: Mapping[str, str] | None,
    ) -> http.client.HTTPResponse:
        self._request(connection, method, path, payload, more_headers)
        return connection.getresponse()

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        payload: dict[str, Any] | str | None,
        more_headers: Mapping[str, str] | None = None,
    ) -> None:
        headers = {"Accept": "application/json", **(more_headers or {})}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        body = None
        if payload is not None:
            headers["Content-Type"] = "application/json"
            body = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        connection.request(method, path, body, headers)

    def _whole(self, response: http.client.HTTPResponse) -> Reply:
        return whole(response, [self._key])

    def _cause(self, exc: Exception) -> Exception | None:
        """Return what is shown as the cause: nothing where the server sent the key back, as in a wrong status line."""
        return exc if mask_text(str(exc), [self._key]) == str(exc) else None

    def _unreachable(self, exc: Exception) -> ApiError:
        found = "its host has no name that can be looked up" if isinstance(exc, UnicodeError) else str(exc)
        found = mask_text(found, [self._key]) or type(exc).__name__
        kind = ApiTimeout if isinstance(exc, socket.timeout) else ApiError
        return kind(f"no whole reply from {self.base_url} (timeout {self.timeout:g} s): {found}")


def _split(base_url: str) -> tuple[SplitResult, str, int | None]:
    """Return a base URL with its host and port. Raises ApiError."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as exc:
        raise ApiError(f"expected a base_url such as http://127.0.0.1:8000/v1, got {base_url!r}: {exc}") from exc
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.isascii():
        raise ApiError(f"expected a base_url such as http://127.0.0.1:8000/v1, got {base_url!r}")
    return parts, parts.hostname, port


class Pending:
    """A request whose reply is still to come. Closed before that, the server gives the request up."""

    def __init__(self, api: Api, connection: http.client.HTTPConnection) -> None:
        self._api = api
        self._connection = connection

    def wait(self, seconds: float) -> bool:
        """Wait so long, or less; return True once there is something to read."""
        readable, _writable, _failed = select.select([self._connection.sock], [], [], max(0.0, seconds))
        return bool(readable)

    def reply(self) -> dict[str, Any]:
        """Return the body of a good reply. Raises ApiError."""
        try:
            return checked(self._api._whole(self._connection.getresponse()))
        except _TROUBLES as exc:
            raise self._api._unreachable(exc) from self._api._cause(exc)
        finally:
            self.close()

    def close(self) -> None:
        """Give the request up."""
        self._connection.close()


def read_api_key(path: str | None) -> str | None:
    """Return the key that the file holds; None for no path. Raises ApiError when there is no key in it."""
    if path is None:
        return None
    try:
        key = _text_files.whole(path).strip(" \t\n")
    except OSError as exc:
        raise ApiError(
            f"expected an API key in the file {path}, could not read it: {exc}; create it, mode 0600"
        ) from exc
    if not key or any(not character.isprintable() or character.isspace() for character in key):
        found = "blanks or carriage returns in it" if key else "nothing"
        raise ApiError(f"expected one API key, alone on the first line of {path}, found {found}")
    return key
