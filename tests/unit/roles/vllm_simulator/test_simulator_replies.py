"""Replies of the simulator: what each version's hold, and what faults leave of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulator import chat, responses
from simulator.answers import MARKS, Generation, Prompt
from simulator.conventions import Conventions, conventions_of
from simulator.faults import parse_fault
from simulator.http import Reply
from simulator.shapes import Context
from simulator.spoiling import spoil, spoil_prompt, spoil_reply

GENERATION = Generation(["I", "think"], "Paris it is.", 70, 5 + MARKS)
CUT = Generation(["I", "think"], "", 70, 5, "length")


def context(version: str) -> Context:
    return Context("abc", "m", 0, "f", conventions=conventions_of(version))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.10.1+gptoss", Conventions(("reasoning_content",), False, False, False)),
        ("0.10.2", Conventions(("reasoning_content",), False, True, False)),
        ("0.11.0", Conventions(("reasoning_content",), False, True, True)),
        ("0.11.2", Conventions(("reasoning", "reasoning_content"), False, True, True)),
        ("0.16.0", Conventions(("reasoning",), False, True, True)),
        ("0.28.0", Conventions()),
        ("0.32.0", Conventions()),
    ],
)
def test_conventions(version: str, expected: Conventions) -> None:
    assert conventions_of(version) == expected


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("0.11.0", {"reasoning_content"}),
        ("0.15.1", {"reasoning", "reasoning_content"}),
        ("0.32.0", {"reasoning"}),
    ],
)
def test_a_chat_message_has_its_reasoning_where_that_version_puts_it(version: str, fields: set[str]) -> None:
    message = chat.completion(GENERATION, context(version))["choices"][0]["message"]
    assert {name for name in message if name.startswith("reasoning")} == fields
    deltas = b"".join(chat.stream(GENERATION, context(version), True)).decode()
    for name in ("reasoning", "reasoning_content"):
        assert (f'"{name}":"I"' in deltas) is (name in fields)


def test_what_old_versions_do_not_count_or_tell() -> None:
    old, new = context("0.10.1"), context("0.32.0")
    assert "completion_tokens_details" not in chat.completion(GENERATION, old)["usage"]
    assert responses.response(GENERATION, old, {})["usage"]["total_tokens"] == 0
    assert responses.response(CUT, old, {})["status"] == "completed"
    assert chat.completion(CUT, old)["choices"][0]["finish_reason"] == "length"
    assert chat.completion(GENERATION, new)["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert responses.response(CUT, new, {})["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize(("generation", "status"), [(GENERATION, "completed"), (CUT, "incomplete")])
def test_each_stream_of_a_response_ends_with_completed(generation: Generation, status: str) -> None:
    last = responses.stream(generation, context("0.32.0"), {})[-1].decode()
    assert last.startswith("event: response.completed\n")
    assert json.loads(last.partition("data: ")[2])["response"]["status"] == status


def usage(kind: str, generation: Generation = GENERATION, **more: Any) -> dict[str, Any]:
    return chat.usage(spoil(generation, parse_fault({"kind": kind, **more})), Conventions())


def test_counts_are_told_wrongly_on_demand() -> None:
    right = chat.usage(GENERATION, Conventions())
    assert usage("usage") == right
    assert usage("usage", counts={"total_tokens": -1})["total_tokens"] == right["total_tokens"] - 1
    more = usage("usage", counts={"prompt_tokens": 2})
    assert (more["prompt_tokens"], more["total_tokens"]) == (72, right["total_tokens"] + 2)


@pytest.mark.parametrize(
    ("kind", "reasoning", "content"),
    [
        (
            "leak",
            0,
            "<|channel|>analysis<|message|>I think<|end|><|start|>assistant<|channel|>final<|message|>Paris it is.",
        ),
        ("no_reasoning", 0, "Paris it is."),
        ("length", 2, ""),
        ("empty", 0, ""),
        ("status", 2, "Paris it is."),
    ],
)
def test_what_faults_leave_of_a_generation(kind: str, reasoning: int, content: str) -> None:
    left = spoil(GENERATION, parse_fault({"kind": kind}))
    assert (len(left.reasoning), left.content) == (reasoning, content)


def test_reasoning_that_is_lost_stays_counted() -> None:
    assert usage("no_reasoning")["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_an_effort_that_is_not_heeded_gives_always_as_much() -> None:
    other = Generation(["a"] * 300, "Paris it is.", 70, 303 + MARKS)
    low, high = usage("same_effort"), usage("same_effort", other)
    assert low == high
    assert low["completion_tokens_details"]["reasoning_tokens"] > 50


def test_a_limit_is_ignored_on_demand() -> None:
    prompt = Prompt("Hi", "low", 8, "", b"")
    assert spoil_prompt(prompt, parse_fault({"kind": "no_limit"})).max_tokens is None
    assert spoil_prompt(prompt, parse_fault({"kind": "leak"})) == spoil_prompt(prompt, None) == prompt


def test_errors_as_replies_of_status_200() -> None:
    fault = parse_fault({"kind": "error_as_200"})
    whole = spoil_reply(Reply(200, b"{}"), fault)
    assert (whole.status, json.loads(whole.body)["error"]["code"]) == (200, 400)
    stream = spoil_reply(Reply(200, pieces=[b"a", b"b"]), fault)
    assert stream.pieces is not None and b'"code":400' in stream.pieces[0]
    assert stream.pieces[-1] == b"data: [DONE]\n\n"


def test_streams_end_half_way_on_demand() -> None:
    assert spoil_reply(Reply(200, pieces=[b"a", b"b", b"c", b"d"]), parse_fault({"kind": "half"})).pieces == [
        b"a",
        b"b",
    ]
    assert spoil_reply(Reply(200, b"whole"), parse_fault({"kind": "half"})).body == b"whole"
