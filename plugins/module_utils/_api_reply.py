# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: api reply - what a server sends back: whole replies, server-sent events, and the errors in either."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import visible

_BODY_SHOWN = 500


class ApiError(Exception):
    """The server could not be reached (status None), refused, or reported an error in a reply of status 200."""

    def __init__(self, message: str, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ApiTimeout(ApiError):
    """The server sent nothing for as long as the timeout allows."""


class Event(NamedTuple):
    """One server-sent event: its name, empty where none was sent, and its data, None for the end mark [DONE]."""

    name: str
    data: dict[str, Any] | None


@dataclass(frozen=True)
class Reply:
    """One whole reply. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """Return the body as JSON. Raises ApiError when it is none."""
        try:
            return _json_text.loads(self.text)
        except ValueError as exc:
            message = f"expected JSON, got {shortened(self.text)!r} (status {self.status}); is this a vLLM server?"
            raise ApiError(message, self.status, self.text) from exc


def whole(response: http.client.HTTPResponse, secrets: Sequence[str | None] = ()) -> Reply:
    """Read a reply to its end; what it repeats of the secrets, as some servers and proxies do, is masked."""
    headers = {name.lower(): mask_text(value, secrets) for name, value in response.getheaders()}
    return Reply(response.status, headers, mask_text(response.read().decode("utf-8", "replace"), secrets))


def checked(reply: Reply) -> dict[str, Any]:
    """Return the body of a good reply. Raises ApiError for any other status than 200, and for an error in the body.

    Some versions report errors with status 200 and a code in the body.
    """
    if reply.status != 200:
        raise ApiError(f"status {reply.status}: {_error_text(reply.text)}", reply.status, reply.text)
    body = reply.json()
    if not isinstance(body, dict):
        raise ApiError(f"expected a JSON object, got {shortened(reply.text)!r}", reply.status, reply.text)
    _raise_error_of(body, reply.text)
    return body


def _raise_error_of(body: dict[str, Any], text: str) -> None:
    error = body.get("error")
    if not error and body.get("object") != "error":
        return
    details = error if isinstance(error, dict) else body
    code = details.get("code")
    known = isinstance(code, int) and 400 <= code <= 599
    raise ApiError(f"an error in a reply of status 200: {_error_text(text)}", code if known else 200, text)


def _error_text(text: str) -> str:
    try:
        body = _json_text.loads(text)
    except ValueError:
        return shortened(text.strip()) or "an empty body"
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") if isinstance(error, dict) else None
    return shortened(str(message or error).strip()) or "an error without a message"


def shortened(text: str) -> str:
    """Return a text as it is shown in messages."""
    text = visible(text)
    return text if len(text) <= _BODY_SHOWN else text[:_BODY_SHOWN] + "..."


def completion_tokens(body: Mapping[str, Any]) -> int:
    """Return how many tokens a chat completion says that it has; 0 where it says nothing of the kind."""
    usage = body.get("usage")
    found = usage.get("completion_tokens") if isinstance(usage, Mapping) else None
    return found if isinstance(found, int) else 0


def events(response: http.client.HTTPResponse, secrets: Sequence[str | None] = ()) -> Iterator[Event]:
    """Yield the events of a stream as they come, secrets masked.

    Raises ApiError for one that is no JSON object, or an error.
    """
    name = ""
    for raw in response:
        line = mask_text(raw.decode("utf-8", "replace").strip(), secrets)
        field, _colon, value = line.partition(":")
        if field == "event":
            name = value.strip()
        if field == "data":
            yield Event(name, _event_data(value.strip(), response.status))
            name = ""


def _event_data(text: str, status: int) -> dict[str, Any] | None:
    if text == "[DONE]":
        return None
    data = Reply(status, {}, text).json()
    if not isinstance(data, dict):
        raise ApiError(f"expected an object in each event, got {shortened(text)!r}", status, text)
    _raise_error_of(data, text)
    return data
