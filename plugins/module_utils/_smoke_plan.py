# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke plan - what a smoke test asks, and the ways to ask it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiTimeout, Event
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import checked
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import Conventions
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, chat_answer, response_answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_stream import (
    chat_stream_answer,
    response_stream_answer,
)

# Short questions that leave something to think about, so that the effort shows in the length of the reasoning.
PROMPTS = (
    "What is 17 times 23?",
    "How many days lie between 3 March and 21 June of the same year?",
    "A train covers 150 km in 75 minutes. What is its speed in km/h?",
    "Which number is larger, 9.11 or 9.9?",
    "How often does the letter r occur in the word strawberry?",
    "Sort these words by their length: pear, fig, banana, kiwi.",
    "Is 91 a prime number?",
    "Ann is older than Bob, and Bob is older than Carl. Who is the youngest?",
    "Which number comes next: 2, 6, 12, 20, 30?",
    "Write 45 as the sum of two squares.",
)


@dataclass(frozen=True)
class Plan:
    """What to ask. An empty `expect` means that the sense of the answers is not judged.

    `max_tokens` is the most tokens of a reply, None for the server's own limit. With fewer than two efforts, or without
    `effort_prompts`, efforts are not compared. `key_expected` says that the server must want a key.
    """

    model: str
    prompt: str
    expect: str
    reasoning_efforts: Sequence[str]
    max_tokens: Optional[int] = None
    temperature: float = 0.0
    effort_prompts: Sequence[str] = ()
    key_expected: bool = False
    concurrency: int = 8
    conventions: Conventions = field(default_factory=Conventions)


@dataclass(frozen=True)
class Question:
    """One request. `name` goes along as X-Request-Id, so that the server's log tells what it was."""

    name: str
    prompt: str
    effort: str
    max_tokens: Optional[int]


Ask = Callable[[Api, Plan, Question], Answer]


def ask_chat(api: Api, plan: Plan, question: Question) -> Answer:
    """Ask through chat completions."""
    return chat_answer(_whole(api, "chat/completions", _chat_payload(plan, question), question))


def ask_chat_stream(api: Api, plan: Plan, question: Question) -> Answer:
    """Ask through chat completions, the reply coming in pieces."""
    payload = {**_chat_payload(plan, question), "stream": True, "stream_options": {"include_usage": True}}
    return chat_stream_answer(_in_time(api, "chat/completions", payload, question))


def ask_responses(api: Api, plan: Plan, question: Question) -> Answer:
    """Ask through the Responses API."""
    return response_answer(_whole(api, "responses", _response_payload(plan, question), question))


def ask_responses_stream(api: Api, plan: Plan, question: Question) -> Answer:
    """Ask through the Responses API, the reply coming in pieces."""
    payload = {**_response_payload(plan, question), "stream": True}
    return response_stream_answer(_in_time(api, "responses", payload, question), plan.conventions.pieces_whole)


def headers_of(name: str) -> dict[str, str]:
    """Return the headers of a request, which name it in the server's log."""
    # An engine refuses an id that it works on already, such as that of another smoke test.
    return {"X-Request-Id": f"smoke/{name.replace(' ', '-')}/{secrets.token_hex(4)}"}


WAYS: Mapping[str, Ask] = {
    "chat": ask_chat,
    "chat stream": ask_chat_stream,
    "responses": ask_responses,
    "responses stream": ask_responses_stream,
}


def _chat_payload(plan: Plan, question: Question) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "model": plan.model,
        "messages": [{"role": "user", "content": question.prompt}],
        "reasoning_effort": question.effort,
        "temperature": plan.temperature,
    }
    return payload if question.max_tokens is None else {**payload, "max_tokens": question.max_tokens}


def _response_payload(plan: Plan, question: Question) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "model": plan.model,
        "input": question.prompt,
        "reasoning": {"effort": question.effort},
        "temperature": plan.temperature,
    }
    return payload if question.max_tokens is None else {**payload, "max_output_tokens": question.max_tokens}


def _whole(api: Api, path: str, payload: dict[str, Any], question: Question) -> dict[str, Any]:
    return checked(api.post(path, payload, headers_of(question.name)))


def _in_time(api: Api, path: str, payload: dict[str, Any], question: Question) -> Iterator[Event]:
    """Yield the events; ApiTimeout ends a stream that goes on for longer than a whole reply may take."""
    end = time.monotonic() + api.timeout
    for event in api.events(path, payload, headers_of(question.name)):
        if time.monotonic() > end:
            raise ApiTimeout(f"expected the stream to end within {api.timeout:g} s, it went on")
        yield event
