# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke answer - one reply of a server, whole: its text, reasoning, end and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import REASONING_FIELDS


class SmokeError(Exception):
    """A reply is not as it must be."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one request, or of several. `reasoning_tokens` is None where the server does not tell them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: Optional[int] = None

    def __add__(self, other: Usage) -> Usage:
        told = [tokens for tokens in (self.reasoning_tokens, other.reasoning_tokens) if tokens is not None]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            sum(told) if told else None,
        )

    def numbers(self) -> dict[str, int]:
        """Return the counts by name, without those that the server does not tell."""
        counts = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        return counts if self.reasoning_tokens is None else {**counts, "reasoning_tokens": self.reasoning_tokens}


@dataclass(frozen=True)
class Answer:
    """What one reply came to. `finish_reason` is in the words of chat completions: stop, length.

    `reasoning` maps the fields that hold reasoning to it; the Responses API has but one, called "reasoning".
    """

    text: str
    finish_reason: Optional[str]
    usage: Usage
    reasoning: Mapping[str, str] = field(default_factory=dict)


def chat_answer(body: Mapping[str, Any]) -> Answer:
    """Read a chat completion. Raises SmokeError when it has not that shape."""
    expect_value(body, "object", "chat.completion")
    choice = only(body.get("choices"), "choices")
    message = choice.get("message")
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        raise SmokeError(f"expected a message of the assistant, found {message!r}")
    text = message.get("content") or ""
    if not isinstance(text, str):
        raise SmokeError(f"expected a text as content of the message, found {text!r}")
    reasoning = {name: str(message[name]) for name in REASONING_FIELDS if message.get(name)}
    return Answer(text, _optional_text(choice.get("finish_reason")), chat_usage(body.get("usage")), reasoning)


def response_answer(body: Any) -> Answer:
    """Read a response of the Responses API. Raises SmokeError when it has not that shape."""
    if not isinstance(body, Mapping):
        raise SmokeError(f"expected a response, found {body!r}")
    expect_value(body, "object", "response")
    text = _texts(body.get("output"), "message", "output_text")
    reasoning = _texts(body.get("output"), "reasoning", "reasoning_text")
    return Answer(
        text, _finish_reason(body), response_usage(body.get("usage")), {"reasoning": reasoning} if reasoning else {}
    )


def chat_usage(usage: Any) -> Usage:
    """Read the counts of a chat completion. Raises SmokeError when they do not fit each other."""
    return _usage(usage, "prompt_tokens", "completion_tokens", "completion_tokens_details")


def response_usage(usage: Any) -> Usage:
    """Read the counts of a response. Raises SmokeError when they do not fit each other."""
    return _usage(usage, "input_tokens", "output_tokens", "output_tokens_details")


def expect_value(body: Mapping[str, Any], key: str, value: str) -> None:
    """Raise SmokeError unless the key has the value."""
    if body.get(key) != value:
        raise SmokeError(f"expected {key} {value!r} in the reply, found {body.get(key)!r}")


def only(found: Any, name: str) -> Mapping[str, Any]:
    """Return the one entry of a list. Raises SmokeError when there is none, or several."""
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Mapping):
        raise SmokeError(f"expected one entry in {name}, found {found!r}")
    return found[0]


def _optional_text(value: Any) -> Optional[str]:
    return None if value is None else str(value)


def _finish_reason(body: Mapping[str, Any]) -> str:
    status, details = str(body.get("status")), body.get("incomplete_details") or {}
    if status == "incomplete" and isinstance(details, Mapping) and details.get("reason") == "max_output_tokens":
        return "length"
    return "stop" if status == "completed" else status


def _usage(usage: Any, prompt: str, completion: str, details: str) -> Usage:
    if not isinstance(usage, Mapping):
        raise SmokeError(f"expected the usage of tokens, found {usage!r}")
    found = usage.get(details)
    told = isinstance(found, Mapping) and found.get("reasoning_tokens") is not None
    reasoning = _count(found, "reasoning_tokens") if told and isinstance(found, Mapping) else None
    counted = Usage(_count(usage, prompt), _count(usage, completion), reasoning)
    if _count(usage, "total_tokens") != counted.prompt_tokens + counted.completion_tokens:
        raise SmokeError(f"expected total_tokens to be the sum of the others, found {dict(usage)!r}")
    if (reasoning or 0) > counted.completion_tokens:
        raise SmokeError(f"expected reasoning_tokens to be a part of the reply's, found {dict(usage)!r}")
    return counted


def _count(usage: Mapping[str, Any], key: str) -> int:
    value = usage.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SmokeError(f"expected a number of {key}, found {value!r}")
    return value


def _texts(output: Any, item_type: str, part_type: str) -> str:
    if not isinstance(output, list):
        raise SmokeError(f"expected a list of outputs, found {output!r}")
    return "".join(
        str(part.get("text") or "")
        for entry in output
        if isinstance(entry, Mapping) and entry.get("type") == item_type
        for part in _parts(entry.get("content"))
        if isinstance(part, Mapping) and part.get("type") == part_type
    )


def _parts(content: Any) -> Sequence[Any]:
    if content is not None and not isinstance(content, list):
        raise SmokeError(f"expected a list of parts as content, found {content!r}")
    return content or []
