# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke stream - one reply of a server in pieces: whether its events are well-formed, and their sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Event
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import REASONING_FIELDS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import (
    Answer,
    SmokeError,
    chat_usage,
    expect_value,
    only,
    response_answer,
)

# vLLM ends each stream of a response with completed, whatever the response's status; OpenAI knows the others too.
_LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")
_TEXT_DELTA = "response.output_text.delta"
_REASONING_DELTA = "response.reasoning_text.delta"


class _Chat:
    """What the chunks of a chat completion came to so far."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.role: Any = None
        self.parts: dict[str, str] = dict.fromkeys(("content", *REASONING_FIELDS), "")
        self.finish_reason: Optional[str] = None
        self.usage: Any = None
        self.done = False

    def add(self, data: Mapping[str, Any]) -> None:
        """Take the next chunk. Raises SmokeError when it cannot follow upon the others."""
        expect_value(data, "object", "chat.completion.chunk")
        if self.done:
            raise SmokeError("expected nothing after [DONE], found another chunk")
        self.ids.add(str(data.get("id")))
        if len(self.ids) > 1:
            raise SmokeError(f"expected one id in all chunks, found {sorted(self.ids)}")
        self.usage = data.get("usage") or self.usage
        if data.get("choices") != []:
            self._add_choice(only(data.get("choices"), "choices"))

    def _add_choice(self, choice: Mapping[str, Any]) -> None:
        delta = _mapping(choice.get("delta") or {}, "delta")
        if self.role is None:
            self.role = delta.get("role")
            if self.role != "assistant":
                raise SmokeError(f"expected the role assistant in the first chunk, found {self.role!r}")
        pieces = {name: str(delta[name]) for name in self.parts if delta.get(name)}
        if self.finish_reason is not None and (pieces or choice.get("finish_reason")):
            raise SmokeError(f"expected nothing after the finish reason {self.finish_reason!r}, found {dict(choice)!r}")
        for name, piece in pieces.items():
            self.parts[name] += piece
        finish_reason = choice.get("finish_reason")
        self.finish_reason = None if finish_reason is None else str(finish_reason)

    def answer(self) -> Answer:
        """Return the whole. Raises SmokeError when the stream ended before it was whole."""
        if self.finish_reason is None:
            raise SmokeError(f"expected one finish reason in the stream, found none; its text: {self._text()[:200]!r}")
        if not self.done:
            raise SmokeError("expected [DONE] at the end of the stream, found none")
        reasoning = {name: self.parts[name] for name in REASONING_FIELDS if self.parts[name]}
        return Answer(self._text(), self.finish_reason, chat_usage(self.usage), reasoning)

    def _text(self) -> str:
        return self.parts["content"]


class _Response:
    """What the events of a response came to so far."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.number = -1
        self.open = False
        self.parts = {_TEXT_DELTA: "", _REASONING_DELTA: ""}
        self.final: Any = None

    def add(self, event: Event) -> None:
        """Take the next event. Raises SmokeError when it cannot follow upon the others."""
        data = event.data or {}
        kind = str(data.get("type"))
        if event.name != kind:
            raise SmokeError(f"expected an event named as its type {kind!r}, found {event.name!r}")
        if self.final is not None:
            raise SmokeError(f"expected nothing after {self.types[-1]}, found {kind}")
        number = data.get("sequence_number")
        if not isinstance(number, int) or number <= self.number:
            raise SmokeError(f"expected a sequence_number above {self.number} in {kind}, found {number!r}")
        self.number = number
        self._follow(kind, data)
        self.types.append(kind)

    def _follow(self, kind: str, data: Mapping[str, Any]) -> None:
        if (kind == "response.created") is not (self.types == []):
            raise SmokeError(f"expected response.created first, and once, found {kind} after {self.types[-3:]}")
        if kind == "response.output_item.added":
            self.open = True
        elif kind == "response.output_item.done":
            self.open = False
        elif kind in self.parts:
            if not self.open:
                raise SmokeError(f"expected response.output_item.added before {kind}, found {self.types[-3:]}")
            self.parts[kind] += str(data.get("delta") or "")
        elif kind in _LAST_EVENTS:
            self.final = data.get("response") or {}

    def answer(self, pieces_whole: bool) -> Answer:
        """Return the whole. Raises SmokeError when the stream ended before it was whole, or does not agree with it."""
        if self.final is None:
            raise SmokeError(f"expected response.completed at the end of the stream, found {self.types[-3:]}")
        answer = response_answer(self.final)
        for kind, whole in ((_TEXT_DELTA, answer.text), (_REASONING_DELTA, answer.reasoning.get("reasoning", ""))):
            pieces = self.parts[kind].strip()
            if pieces != whole.strip() if pieces_whole else bool(pieces) is not bool(whole.strip()):
                found = f"{self.parts[kind][-80:]!r} instead of {whole[-80:]!r}"
                raise SmokeError(f"expected the pieces of {kind} to add up to the final text, found {found}")
        return answer


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SmokeError(f"expected an object as {name}, found {value!r}")
    return value


def chat_stream_answer(events: Iterable[Event]) -> Answer:
    """Read the events of a chat completion: the role, deltas, one finish reason, the usage, [DONE].

    Raises SmokeError when they are not so.
    """
    chat = _Chat()
    for event in events:
        if event.data is None:
            chat.done = True
        else:
            chat.add(event.data)
    return chat.answer()


def response_stream_answer(events: Iterable[Event], pieces_whole: bool) -> Answer:
    """Read the events of a response: created, items with their deltas, completed, numbered in order.

    Raises SmokeError when they are not so. Events that only some versions of vLLM send may be there or not. With
    `pieces_whole` the pieces must add up to the final text.
    """
    response = _Response()
    for event in events:
        if event.data is not None:
            response.add(event)
    return response.answer(pieces_whole)
