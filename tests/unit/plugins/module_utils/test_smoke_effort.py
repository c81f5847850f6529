from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, Usage
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import Check
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_effort import compare_efforts

EFFORTS = ["low", "medium", "high"]


def asked(effort: str, tokens: int, told: int | None, finish_reason: str = "stop", thought: str = "Hm.") -> Check:
    reasoning = {"reasoning": thought} if thought else {}
    answer = Answer("Yes.", finish_reason, Usage(70, tokens, told), reasoning)
    return Check(f"effort {effort} 1", effort, True, "", 0.5, answer=answer, usage=answer.usage)


def test_reasoning_tokens_are_compared_where_they_are_told() -> None:
    # One prompt may go the other way: the sum counts.
    check = compare_efforts(
        EFFORTS, [asked("low", 90, 9), asked("low", 20, 2), asked("high", 12, 3), asked("high", 50, 40)]
    )
    assert (check.ok, check.numbers, check.seconds) == (True, {"low": 11, "high": 43}, 2.0)
    assert check.usage == Usage(280, 172, 54)
    assert check.detail == "tokens of reasoning: 11 at low, 43 at high, in 4 replies"


def test_tokens_of_replies_are_compared_where_not_all_tell() -> None:
    check = compare_efforts(EFFORTS, [asked("low", 20, None), asked("high", 50, 40, "length")])
    assert (check.ok, check.numbers) == (True, {"low": 20, "high": 50})
    assert check.detail == "tokens of replies: 20 at low, 50 at high, in 2 replies, 1 of them cut by max_tokens"


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        (
            [asked("low", 20, 9), asked("high", 20, 9)],
            "expected less at low than at high, found tokens of reasoning: 9",
        ),
        ([asked("low", 50, 40), asked("high", 20, 9)], "expected less at low than at high"),
        ([asked("low", 20, None), asked("high", 50, None, thought="")], "expected reasoning in the replies at high"),
        (
            [asked("low", 20, 9), Check("effort high 1", "high", False, "status 500")],
            "1 of 2 replies were bad; the first: effort high 1: status 500",
        ),
    ],
)
def test_an_effort_that_is_not_heeded(checks: list[Check], expected: str) -> None:
    check = compare_efforts(EFFORTS, checks)
    assert not check.ok
    assert expected in check.detail


def test_nothing_is_said_of_a_hung_server() -> None:
    check = compare_efforts(EFFORTS, [asked("low", 20, 9), Check("effort high 1", "high", True, "", skipped=True)])
    assert (check.ok, check.skipped, check.numbers) == (True, True, {})
