# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke - asks a server one question in each way, and judges shape and sense of the replies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError

_STREAM_OPTIONS = {"include_usage": True}


class SmokeError(Exception):
    """A reply is not as it must be."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True)
class Answer:
    """What one reply came to: the visible text, how it ended, and the tokens it took."""

    text: str
    finish_reason: Optional[str]
    usage: Usage


@dataclass(frozen=True)
class Check:
    """One check: what was asked, whether all was well, what was found, and how long it took."""

    name: str
    ok: bool
    detail: str
    seconds: float
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Plan:
    """What to ask. An empty `expect` means that the sense of the answer is not judged."""

    model: str
    prompt: str
    expect: str
    reasoning_efforts: Sequence[str]
    max_tokens: Optional[int] = None


Ask = Callable[[Api, Plan, str], Answer]


def run_checks(api: Api, plan: Plan, clock: Callable[[], float] = time.monotonic) -> list[Check]:
    """Return all checks in order. When the models list is wrong, nothing else is asked."""
    first = _timed("models", clock, lambda: (_check_models(api, plan.model), Usage()))
    if not first.ok:
        return [first]
    ways: tuple[tuple[str, Ask], ...] = (
        ("chat", ask_chat),
        ("chat stream", ask_chat_stream),
        ("responses", ask_responses),
    )
    asked = [
        _timed(f"{way} {effort}", clock, partial(_ask_and_judge, ask, api, plan, effort))
        for effort in plan.reasoning_efforts
        for way, ask in ways
    ]
    return [first, *asked]


def ask_chat(api: Api, plan: Plan, effort: str) -> Answer:
    """Ask through chat completions."""
    body = api.chat(_chat_payload(plan, effort))
    _expect_value(body, "object", "chat.completion")
    choice = _only(body.get("choices"), "choices")
    message = choice.get("message")
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        raise SmokeError(f"expected a message of the assistant, found {message!r}")
    return Answer(message.get("content") or "", choice.get("finish_reason"), _chat_usage(body.get("usage")))


def ask_chat_stream(api: Api, plan: Plan, effort: str) -> Answer:
    """Ask through chat completions, the reply coming in pieces."""
    payload = {**_chat_payload(plan, effort), "stream": True, "stream_options": _STREAM_OPTIONS}
    text, finish_reason, usage = "", None, None
    for event in api.stream("chat/completions", payload):
        _expect_value(event, "object", "chat.completion.chunk")
        usage = event.get("usage") or usage
        for choice in event.get("choices") or []:
            text += (choice.get("delta") or {}).get("content") or ""
            finish_reason = choice.get("finish_reason") or finish_reason
    return Answer(text, finish_reason, _chat_usage(usage))


def ask_responses(api: Api, plan: Plan, effort: str) -> Answer:
    """Ask through the Responses API."""
    payload: dict[str, Any] = {"model": plan.model, "input": plan.prompt, "reasoning": {"effort": effort}}
    if plan.max_tokens:
        payload["max_output_tokens"] = plan.max_tokens
    body = api.responses(payload)
    _expect_value(body, "object", "response")
    usage = body.get("usage")
    if not isinstance(usage, Mapping):
        raise SmokeError(f"expected the usage of tokens, found {usage!r}")
    # The same words as for chat: "completed" is a reply that stopped by itself.
    finish_reason = "stop" if body.get("status") == "completed" else str(body.get("status"))
    tokens = Usage(_count(usage, "input_tokens"), _count(usage, "output_tokens"))
    return Answer(_output_text(body.get("output")), finish_reason, tokens)


def failures(checks: Iterable[Check]) -> list[str]:
    """Return the failed checks, a line each."""
    return [f"{check.name}: {check.detail}" for check in checks if not check.ok]


def _chat_payload(plan: Plan, effort: str) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "model": plan.model,
        "messages": [{"role": "user", "content": plan.prompt}],
        "reasoning_effort": effort,
    }
    if plan.max_tokens:
        payload["max_tokens"] = plan.max_tokens
    return payload


def _check_models(api: Api, model: str) -> str:
    served = [str(entry.get("id")) for entry in api.models()]
    if model not in served:
        raise SmokeError(f"expected the model {model}, the server lists {', '.join(served) or 'none'}")
    return ", ".join(served)


def _ask_and_judge(ask: Ask, api: Api, plan: Plan, effort: str) -> tuple[str, Usage]:
    return _judged(ask(api, plan, effort), plan)


def _judged(answer: Answer, plan: Plan) -> tuple[str, Usage]:
    """Return what to show of a good answer; raise SmokeError for a bad one."""
    if answer.finish_reason != "stop":
        raise SmokeError(
            f"expected the reply to end by itself, it ended with {answer.finish_reason!r} after {answer.text[-80:]!r}"
        )
    if answer.usage.prompt_tokens < 1 or answer.usage.completion_tokens < 1:
        raise SmokeError(f"expected tokens to be counted, found {answer.usage}")
    if plan.expect and not answer.text.strip():
        raise SmokeError("expected an answer, found no visible text")
    if plan.expect and plan.expect.casefold() not in answer.text.casefold():
        raise SmokeError(f"expected {plan.expect!r} in the answer, found {answer.text[:200]!r}")
    return answer.text.strip()[:200], answer.usage


def _timed(name: str, clock: Callable[[], float], ask: Callable[[], tuple[str, Usage]]) -> Check:
    start = clock()
    try:
        detail, usage = ask()
    except (SmokeError, ApiError) as exc:
        return Check(name, False, str(exc), clock() - start)
    return Check(name, True, detail, clock() - start, usage)


def _expect_value(body: Mapping[str, Any], key: str, value: str) -> None:
    if body.get(key) != value:
        raise SmokeError(f"expected {key} {value!r} in the reply, found {body.get(key)!r}")


def _only(found: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Mapping):
        raise SmokeError(f"expected one entry in {name}, found {found!r}")
    return found[0]


def _chat_usage(usage: Any) -> Usage:
    if not isinstance(usage, Mapping):
        raise SmokeError(f"expected the usage of tokens, found {usage!r}")
    counted = Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    if _count(usage, "total_tokens") != counted.prompt_tokens + counted.completion_tokens:
        raise SmokeError(f"expected total_tokens to be the sum of the others, found {dict(usage)!r}")
    return counted


def _count(usage: Mapping[str, Any], key: str) -> int:
    value = usage.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SmokeError(f"expected a number of {key}, found {value!r}")
    return value


def _output_text(output: Any) -> str:
    if not isinstance(output, list):
        raise SmokeError(f"expected a list of outputs, found {output!r}")
    return "".join(
        str(part.get("text") or "")
        for entry in output
        if isinstance(entry, Mapping) and entry.get("type") == "message"
        for part in entry.get("content") or []
        if isinstance(part, Mapping) and part.get("type") == "output_text"
    )
