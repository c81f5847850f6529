# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: shapes, what the endpoints' replies share: errors, events, identifiers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from simulator.answers import Generation
from simulator.conventions import Conventions
from simulator.logprobs import Weights


@dataclass(frozen=True)
class Context:
    """What a reply says about itself. `interval` is the number of tokens in one event of a stream."""

    request_id: str
    model: str
    created: int
    fingerprint: str
    interval: int = 1
    conventions: Conventions = field(default_factory=Conventions)
    weights: Weights = field(default_factory=Weights)


class RequestError(Exception):
    """A request that vLLM refuses, with status and error body."""

    def __init__(self, status: int, message: str, kind: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": parameter, "code": status}}


def dump(value: Any) -> bytes:
    """Encode as vLLM does: compact, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value: Any, name: str | None = None) -> bytes:
    """Return one server-sent event."""
    return (b"event: %s\n" % name.encode() if name else b"") + b"data: " + dump(value) + b"\n\n"


def pieces_of(text: str, interval: int) -> list[str]:
    """Cut a text into pieces of `interval` words; joined they give the text again."""
    if not text:
        return []
    words = text.split(" ")
    tokens = [words[0], *(" " + word for word in words[1:])]
    return ["".join(tokens[start : start + interval]) for start in range(0, len(tokens), interval)]


def told(generation: Generation) -> dict[str, int]:
    """Return what is told of a generation's tokens."""
    counts = {
        "prompt_tokens": generation.prompt_tokens,
        "completion_tokens": generation.completion_tokens,
        "reasoning_tokens": len(generation.reasoning),
    }
    counts = {name: count + generation.counts.get(name, 0) for name, count in counts.items()}
    total = counts["prompt_tokens"] + counts["completion_tokens"] + generation.counts.get("total_tokens", 0)
    return {**counts, "total_tokens": total}


def invalid(kind: str, location: str, message: str, extra: str = "") -> RequestError:
    """Return the error of a body that fails validation, worded as vLLM's handler words it."""
    text = f"1 validation error:\n  {{'type': '{kind}', 'loc': '{location}', 'msg': {message!r}{extra}}}"
    return RequestError(400, text, "Bad Request", location)


def parse_body(body: bytes) -> dict[str, Any]:
    """Decode a JSON object. Raises RequestError as vLLM does for anything else."""
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        extra = f", 'input': '<dict of 0 items>', 'ctx': {{'error': {error.msg!r}}}"
        raise invalid("json_invalid", f"body.{error.pos}", "JSON decode error", extra) from None
    except UnicodeDecodeError:
        raise RequestError(400, "There was an error parsing the body", "Bad Request") from None
    if not isinstance(value, dict):
        raise invalid(
            "model_attributes_type", "body", "Input should be a valid dictionary or object to extract fields from"
        )
    return value
