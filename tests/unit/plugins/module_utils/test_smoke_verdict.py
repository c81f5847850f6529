from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import Conventions, conventions_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, SmokeError, Usage, chat_answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_verdict import (
    judge_end,
    judge_reasoning,
    judge_sense,
    judge_usage,
)
from replies import NEW, OLD, whole

PROMPT = "What is the capital of France?"
THOUGHT = "We need to answer the question about the capital of France, which everybody knows to be Paris."
GOOD = Answer("The capital of France is **Paris**.", "stop", Usage(72, 40, 20), {"reasoning": THOUGHT})
RELEASE = conventions_of("0.32.0")


def with_(**changes: Any) -> Answer:
    return dataclasses.replace(GOOD, **changes)


@pytest.mark.parametrize("answer", [GOOD, *(chat_answer(whole(NEW, f"chat-{effort}")) for effort in ("low", "high"))])
def test_good_answers_pass(answer: Answer) -> None:
    judge_end(answer)
    judge_usage(answer, PROMPT, counted=True)
    judge_reasoning(answer, RELEASE, chat=True)
    judge_sense(answer, "")


@pytest.mark.parametrize("reason", ["length", "abort", "incomplete", "failed", None])
def test_a_reply_must_end_by_itself(reason: str | None) -> None:
    with pytest.raises(SmokeError, match="expected the reply to end by itself"):
        judge_end(with_(finish_reason=reason))


def test_a_reply_may_be_cut_where_that_does_not_matter() -> None:
    judge_end(with_(finish_reason="length"), may_be_cut=True)
    with pytest.raises(SmokeError, match="'abort'"):
        judge_end(with_(finish_reason="abort"), may_be_cut=True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (with_(usage=Usage(0, 40)), "expected tokens to be counted"),
        (with_(usage=Usage(72, 0)), "expected tokens to be counted"),
        (with_(usage=Usage(0, 0)), "expected tokens to be counted"),
        (with_(usage=Usage(5, 40)), "expected a token for each word of the prompt, found 5"),
        (with_(usage=Usage(72, 20)), "expected tokens to fit the reply's 23 words in .* found 20"),
        (with_(usage=Usage(72, 400)), "expected tokens to fit the reply's .* found 400"),
    ],
)
def test_counts_that_cannot_be(answer: Answer, expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        judge_usage(answer, PROMPT, counted=True)


def test_counts_of_a_real_reply_that_shows_nothing() -> None:
    judge_usage(chat_answer(whole(OLD, "chat")), "Hi", counted=True)


def test_zeros_pass_where_that_version_does_not_count() -> None:
    judge_usage(with_(usage=Usage(0, 0, 0)), PROMPT, counted=False)
    with pytest.raises(SmokeError, match="expected tokens to be counted"):
        judge_usage(with_(usage=Usage(0, 40)), PROMPT, counted=False)


def fields(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, THOUGHT)


@pytest.mark.parametrize(
    ("version", "names", "ok"),
    [
        ("0.11.0", ("reasoning_content",), True),
        ("0.11.0", ("reasoning",), False),
        ("0.13.0", ("reasoning", "reasoning_content"), True),
        ("0.13.0", ("reasoning_content", "reasoning"), True),
        ("0.13.0", ("reasoning",), False),
        ("0.16.0", ("reasoning",), True),
        ("0.16.0", ("reasoning_content",), False),
        ("0.16.0", ("reasoning", "reasoning_content"), False),
        ("0.10.2.dev2+gf5635d62e", ("reasoning_content",), True),
        (None, ("reasoning",), True),
        (None, ("reasoning_content",), True),
    ],
)
def test_the_field_of_the_reasoning_by_version(version: str | None, names: tuple[str, ...], ok: bool) -> None:
    answer = with_(reasoning=fields(*names))
    judge_reasoning(answer, conventions_of(version), chat=False)
    if ok:
        judge_reasoning(answer, conventions_of(version), chat=True)
        return
    with pytest.raises(SmokeError, match="expected the reasoning in"):
        judge_reasoning(answer, conventions_of(version), chat=True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (with_(reasoning={}), "expected reasoning, as 20 tokens of it are counted"),
        (with_(text="<|channel|>final<|message|>Paris"), r"no mark of a channel in the text, found '<\|channel\|>'"),
        (with_(text="Paris<|return|>"), "no mark of a channel in the text"),
        (with_(text='analysisWe need to answer "What is 2+2?".assistantfinalfour'), "found 'analysis'"),
        (with_(text="Four it is.assistantfinalfour"), "found 'assistantfinal'"),
        (with_(text="analysisWe need to answer."), "found 'analysis'"),
        (with_(text="Paris.assistantcommentary to=functions.f"), "found 'assistantcommentary'"),
        (with_(reasoning={"reasoning": "Hm.<|end|><|start|>assistant"}), "no mark of a channel in the reasoning"),
        (with_(text=f"{THOUGHT} Paris."), "expected no reasoning in the text"),
    ],
)
def test_reasoning_that_is_lost_or_leaks(answer: Answer, expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        judge_reasoning(answer, Conventions(), chat=True)


@pytest.mark.parametrize(
    "answer",
    [
        with_(usage=Usage(72, 10, 0), reasoning={}),
        with_(usage=Usage(72, 10, 3), reasoning={}),
        with_(usage=Usage(72, 10, None), reasoning={}),
        with_(text="Paris.", reasoning={"reasoning": "Paris."}),
        with_(text="An analysis of the final answer: the assistant, finally, says a < b | c > d."),
        with_(text="Analysis shows that Paris is the capital."),
    ],
)
def test_what_is_no_leak(answer: Answer) -> None:
    judge_reasoning(answer, RELEASE, chat=True)


@pytest.mark.parametrize(
    ("text", "expect", "expected"),
    [
        ("", "Paris", "expected an answer, found no visible text"),
        (" \n", "", "expected an answer, found no visible text"),
        ("Berlin.", "Paris", "expected 'Paris' in the answer, found 'Berlin.'"),
        ("Paris " * 40, "Paris", "but the text repeats 'Paris"),
        ("!!!!!!!!!!", "", "but the text is '!' again and again"),
    ],
)
def test_answers_without_sense(text: str, expect: str, expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        judge_sense(with_(text=text), expect)


def test_what_is_expected_is_found_in_any_case() -> None:
    judge_sense(with_(text="PARIS"), "paris")
