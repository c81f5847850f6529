# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: api - a small client of vLLM's HTTP interface, standard library only.

No proxy is ever used: the server is reached where it stands.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_BODY_SHOWN = 500


class ApiError(Exception):
    """The server could not be reached (status None), refused, or reported an error in a reply of status 200."""

    def __init__(self, message: str, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Reply:
    """One whole reply. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """Return the body as JSON. Raises ApiError when it is none."""
        try:
            return json.loads(self.text)
        except ValueError as exc:
            message = f"expected JSON, got {_shortened(self.text)!r} (status {self.status}); is this a vLLM server?"
            raise ApiError(message, self.status, self.text) from exc


class Api:
    """One server. `base_url` ends in /v1; /health, /ping and /version are asked at the server's root.

    `timeout` is in seconds, for the connection and for each read. Each request is a connection of its own.
    """

    def __init__(self, base_url: str, api_key: str | None = None, timeout: float = 10.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(f"expected a base_url such as http://127.0.0.1:8000/v1, got {base_url!r}")
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._root = self._prefix[: -len("/v1")] if self._prefix.endswith("/v1") else self._prefix
        self._key = api_key

    def health(self) -> int:
        """Return the status of /health: 200 when the engine lives, 503 when it died."""
        return self._send("GET", f"{self._root}/health").status

    def version(self) -> str | None:
        """Return the server's own version, None when it tells none."""
        reply = self._send("GET", f"{self._root}/version")
        if reply.status != 200:
            return None
        body = reply.json()
        return str(body["version"]) if isinstance(body, dict) and body.get("version") else None

    def models(self) -> list[dict[str, Any]]:
        """Return the served models as the server lists them."""
        body = _checked(self.get("models"))
        models = body.get("data")
        if not isinstance(models, list):
            raise ApiError(f"expected a list of models, got {_shortened(str(body))!r}", 200, str(body))
        return models

    def chat(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return one chat completion, whole."""
        return _checked(self.post("chat/completions", payload))

    def responses(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return one reply of the Responses API, whole."""
        return _checked(self.post("responses", payload))

    def get(self, path: str) -> Reply:
        """GET a path under the base URL; any status is a reply."""
        return self._send("GET", f"{self._prefix}/{path.lstrip('/')}")

    def post(self, path: str, payload: dict[str, Any]) -> Reply:
        """POST JSON to a path under the base URL; any status is a reply."""
        return self._send("POST", f"{self._prefix}/{path.lstrip('/')}", payload)

    def stream(self, path: str, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """POST JSON and yield the data of each server-sent event until [DONE] or the end."""
        connection = self._connect()
        try:
            response = self._exchange(connection, "POST", f"{self._prefix}/{path.lstrip('/')}", payload)
            if response.status != 200:
                _checked(_whole(response))
            yield from _events(response)
        except (OSError, http.client.HTTPException) as exc:
            raise self._unreachable(exc) from exc
        finally:
            connection.close()

    def _send(self, method: str, path: str, payload: dict[str, Any] | None = None) -> Reply:
        connection = self._connect()
        try:
            return _whole(self._exchange(connection, method, path, payload))
        except (OSError, http.client.HTTPException) as exc:
            raise self._unreachable(exc) from exc
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self.timeout)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, payload: dict[str, Any] | None
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        body = None
        if payload is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(payload).encode()
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def _unreachable(self, exc: Exception) -> ApiError:
        found = str(exc) or type(exc).__name__
        return ApiError(f"no whole reply from {self.base_url} (timeout {self.timeout:g} s): {found}")


def read_api_key(path: str | None) -> str | None:
    """Return the key that the file holds; None for no path. Raises ApiError when there is no key in it."""
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8", newline="") as file:
            key = file.read().strip(" \t\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise ApiError(
            f"expected an API key in the file {path}, could not read it: {exc}; create it, mode 0600"
        ) from exc
    if not key or any(not character.isprintable() or character.isspace() for character in key):
        found = "blanks or carriage returns in it" if key else "nothing"
        raise ApiError(f"expected one API key, alone on the first line of {path}, found {found}")
    return key


def _whole(response: http.client.HTTPResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read().decode("utf-8", "replace"))


def _checked(reply: Reply) -> dict[str, Any]:
    """Return the body of a good reply. Some versions report errors with status 200 and a code in the body."""
    if reply.status != 200:
        raise ApiError(f"status {reply.status}: {_error_text(reply.text)}", reply.status, reply.text)
    body = reply.json()
    if not isinstance(body, dict):
        raise ApiError(f"expected a JSON object, got {_shortened(reply.text)!r}", reply.status, reply.text)
    _raise_error_of(body, reply.text)
    return body


def _raise_error_of(body: dict[str, Any], text: str) -> None:
    error = body.get("error")
    if not error and body.get("object") != "error":
        return
    details = error if isinstance(error, dict) else body
    code = details.get("code")
    raise ApiError(
        f"an error in a reply of status 200: {_error_text(text)}", code if isinstance(code, int) else 200, text
    )


def _error_text(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return _shortened(text) or "an empty body"
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") if isinstance(error, dict) else None
    return _shortened(str(message or error))


def _shortened(text: str) -> str:
    return text if len(text) <= _BODY_SHOWN else text[:_BODY_SHOWN] + "..."


def _events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    for raw in response:
        line = raw.decode("utf-8", "replace").strip()
        if not line.startswith("data:"):
            continue
        text = line[len("data:") :].strip()
        if text == "[DONE]":
            return
        event = Reply(response.status, {}, text).json()
        if not isinstance(event, dict):
            raise ApiError(f"expected an object in each event, got {_shortened(text)!r}", response.status, text)
        _raise_error_of(event, text)
        yield event
