from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import ApiError, ApiTimeout
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, SmokeError, Usage
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import Check, Job, Outcome, make, make_all

ANSWER = Answer("Paris", "stop", Usage(1, 2, 1))


def clock() -> Callable[[], float]:
    ticks = iter(range(1000))
    return lambda: float(next(ticks))


def fail(error: Exception) -> Callable[[], Outcome]:
    def ask() -> Outcome:
        raise error

    return ask


def test_a_check_tells_what_was_found() -> None:
    check = make(Job("a", "answers", lambda: Outcome("Paris", ANSWER, {"more": 3})), clock())
    numbers = {"prompt_tokens": 1, "completion_tokens": 2, "reasoning_tokens": 1, "more": 3}
    assert check == Check("a", "answers", True, "Paris", 1.0, numbers=numbers, answer=ANSWER, usage=Usage(1, 2, 1))


@pytest.mark.parametrize("error", [SmokeError("bad"), ApiError("bad"), ApiTimeout("bad")])
def test_a_check_tells_what_was_wrong(error: Exception) -> None:
    assert make(Job("a", "answers", fail(error)), clock()) == Check("a", "answers", False, "bad", 1.0)


def test_the_heaviest_begin_first_and_the_order_stays() -> None:
    begun: list[str] = []

    def noted(name: str) -> Callable[[], Outcome]:
        return lambda: begun.append(name) or Outcome(name)  # type: ignore[func-returns-value]

    jobs = [Job(name, "g", noted(name), weight) for name, weight in (("a", 0), ("b", 2), ("c", 1))]
    assert [check.name for check in make_all(jobs, 1, clock())] == ["a", "b", "c"]
    assert begun == ["b", "c", "a"]


def test_so_many_are_made_at_a_time() -> None:
    together = threading.Barrier(3)

    def meet() -> Outcome:
        together.wait(timeout=10)
        return Outcome("met")

    jobs = [Job(str(number), "g", meet) for number in range(6)]
    assert all(check.ok for check in make_all(jobs, 3, clock()))


def test_a_hung_server_is_asked_no_more() -> None:
    jobs = [Job("a", "g", fail(ApiTimeout("no reply"))), Job("b", "g", lambda: Outcome("never"))]
    hung, skipped = make_all(jobs, 1, clock())
    assert (hung.ok, hung.detail) == (False, "no reply")
    assert (skipped.ok, skipped.skipped) == (True, True)
    assert "did not answer" in skipped.detail


def test_other_errors_stop_nothing() -> None:
    jobs = [Job("a", "g", fail(ApiError("status 500"))), Job("b", "g", lambda: Outcome("asked"))]
    assert [check.ok for check in make_all(jobs, 1, clock())] == [False, True]
