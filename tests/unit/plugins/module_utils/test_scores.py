from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark, classify
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import (
    Tally,
    active_seconds,
    confidence_interval,
    confidence_interval_within,
    judge,
    standard_error_clustered,
    standard_error_within,
    summarize,
)


def tallies(*pairs: tuple[int, int]) -> list[Tally]:
    return [Tally(*pair) for pair in pairs]


@pytest.mark.parametrize(
    ("counts", "clustered", "within"),
    [
        # Two questions, two repeats: scores 1 and 0 -> sd of (1, 0) is 0.7071, over sqrt(2): 0.5. No spread within.
        (tallies((2, 2), (0, 2)), 0.5, 0.0),
        # Scores 0.5 and 0.5: no spread between; within: p(1-p)/(K-1) = 0.25 each -> sqrt(0.5)/2.
        (tallies((1, 2), (1, 2)), 0.0, math.sqrt(0.5) / 2),
        # Means 0.75, 0.25, 0.5 of four: sd 0.25, / sqrt(3); within: (3/16 + 3/16 + 1/4)/3 = 5/24.
        (tallies((3, 4), (1, 4), (2, 4)), 0.25 / math.sqrt(3), math.sqrt(5 / 24) / 3),
        # One repeat each: the ordinary standard error, and none within.
        (tallies((1, 1), (0, 1), (1, 1), (0, 1)), math.sqrt(1 / 3) / 2, None),
        # Unequal: s = 3/5; squares (2-1.2)^2 + (1-1.8)^2 = 1.28, * 2/1, sqrt / 5.
        (tallies((2, 2), (1, 3)), math.sqrt(2.56) / 5, math.sqrt(3 * (1 / 3 * 2 / 3 * 3 / 2)) / 5),
        # A question nobody could measure does not count; with one left there is no spread between.
        (tallies((1, 2), (0, 0)), None, math.sqrt(2 * 0.5) / 2),
        (tallies((0, 0)), None, None),
        ([], None, None),
    ],
)
def test_standard_errors(counts: list[Tally], clustered: float | None, within: float | None) -> None:
    assert standard_error_clustered(counts) == (None if clustered is None else pytest.approx(clustered))
    assert standard_error_within(counts) == (None if within is None else pytest.approx(within))


def test_a_question_answered_once_takes_the_others_variance() -> None:
    # Two questions with variance 0.5 an answer (1 of 2 right), one answered once: 2*0.5 + 2*0.5 + 0.5 over 5.
    assert standard_error_within(tallies((1, 2), (1, 2), (1, 1))) == pytest.approx(math.sqrt(2.5) / 5)


@pytest.mark.parametrize(
    ("clusters", "t"),
    [(198, 1.9721), (30, 2.0452), (16, 2.1314), (6, 2.5706)],  # Student's table, clusters - 1 degrees of freedom
)
def test_confidence_interval(clusters: int, t: float) -> None:
    interval = confidence_interval(0.5, 0.1, clusters)
    assert interval == [pytest.approx(0.5 - 0.1 * t, abs=1e-3), pytest.approx(0.5 + 0.1 * t, abs=1e-3)]


def test_confidence_interval_stays_within_bounds() -> None:
    assert confidence_interval(0.99, 0.1, 30) == [pytest.approx(0.785, abs=1e-3), 1.0]
    assert confidence_interval(0.5, None, 30) is None
    assert confidence_interval(0.5, 0.1, 1) is None


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [([], 0), ([(0, 2)], 2), ([(0, 2), (1, 3)], 3), ([(0, 5), (1, 2)], 5), ([(10, 12), (0, 1)], 3)],
)
def test_active_seconds(spans: list[tuple[float, float]], seconds: float) -> None:
    assert active_seconds([Mark("wrong", 0, 0, 0, *span) for span in spans]) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("right", "parsed", "finish", "outcome"),
    [
        (True, True, "stop", "correct"),
        (True, False, "length", "correct"),
        (False, True, "length", "truncated"),
        (False, False, "length", "truncated"),
        (False, True, "stop", "wrong"),
        (False, False, "stop", "unparsed"),
        (False, True, None, "wrong"),
    ],
)
def test_classify(right: bool, parsed: bool, finish: str | None, outcome: str) -> None:
    assert classify(right, parsed, finish) == outcome


def marks(outcomes: dict[tuple[int, int], str]) -> dict[tuple[int, int], Mark]:
    return {
        key: Mark(outcome, 10, 20, 5, 0.0, 2.0, "boom" if outcome in ("error", "refused") else "")
        for key, outcome in outcomes.items()
    }


ROW = summarize(
    marks(
        {
            (0, 0): "correct", (0, 1): "correct", (4, 0): "wrong", (4, 1): "unparsed",
            (7, 0): "truncated", (7, 1): "correct", (9, 0): "refused", (9, 1): "error",
            (11, 0): "timeout", (11, 1): "correct",
        }
    ),
    [0, 4, 7, 9, 11],
    2,
)  # fmt: skip


def test_summary() -> None:
    assert ROW["score"] == pytest.approx(4 / 7)
    counts = {name: ROW[name] for name in ROW if name.startswith("n_")}
    assert counts == {
        "n_questions": 5, "n_repeats": 2, "n_samples": 10, "n_measured": 7, "n_correct": 4, "n_wrong": 1,
        "n_unparsed": 1, "n_truncated": 1, "n_refused": 1, "n_errors": 1, "n_timeouts": 1,
        "n_cut_off": 0, "n_fallback": 0, "n_empty": 0,
    }  # fmt: skip
    assert ROW["outcomes"] == [[2, 2], [0, 2], [1, 2], [0, 0], [1, 1]]
    assert ROW["tokens"] == {"prompt": 100, "completion": 200, "reasoning": 50, "answer": 150}
    assert ROW["tokens_per_second"] == 100.0
    assert ROW["latency"] == {"p50": 2.0, "p90": 2.0, "p99": 2.0, "max": 2.0}
    assert ROW["repeat_scores"] == [pytest.approx(1 / 3), 3 / 4]
    assert ROW["complete"] is True
    assert ROW["errors"] == [{"text": "boom", "count": 2}]


def test_summary_of_nothing() -> None:
    row = summarize({}, [0, 1], 8)
    assert (row["score"], row["complete"], row["n_samples"], row["confidence_interval"]) == (None, False, 16, None)
    assert (row["confidence_interval_within"], row["latency"], row["tokens_per_second"]) == (None, None, None)
    assert row["pass_at_k"][-1] == {"k": 8, "score": None, "n_questions": 0}
    assert row["majority"] == {"k": 8, "score": None, "n_questions": 0, "n_tied": 0}
    assert row["repeat_scores"] == [None] * 8


def test_what_the_repeats_tell() -> None:
    """Two questions asked three times: one voted right against its score, one lost to the same wrong choice."""
    answers = {
        (0, 0): ("correct", "A", (0, 1, 2, 3)),
        (0, 1): ("correct", "C", (1, 2, 0, 3)),
        (0, 2): ("wrong", "A", (1, 2, 0, 3)),
        (1, 0): ("correct", "A", (0, 1, 2, 3)),
        (1, 1): ("wrong", "D", (0, 1, 3, 2)),
        (1, 2): ("wrong", "B", (3, 2, 1, 0)),
    }
    row = summarize(
        {
            key: Mark(outcome, 1, 1, 0, 0.0, 1.0, extracted=letter, permutation=permutation)
            for key, (outcome, letter, permutation) in answers.items()
        },
        [0, 1],
        3,
    )
    assert row["score"] == 0.5
    assert row["majority"] == {"k": 3, "score": 0.5, "n_questions": 2, "n_tied": 0}
    assert row["repeat_scores"] == [1.0, 0.5, 0.0]
    assert row["pass_at_k"] == [
        {"k": 1, "score": pytest.approx(1 / 2), "n_questions": 2},
        {"k": 2, "score": pytest.approx((1 + 2 / 3) / 2), "n_questions": 2},
        {"k": 3, "score": 1.0, "n_questions": 2},
    ]
    assert row["tokens"]["answer"] is None  # the server told of no reasoning


def test_the_interval_of_new_answers_to_the_same_questions() -> None:
    # Three questions of 8: 21 degrees of freedom, 2.0796 (scipy.stats.t.ppf).
    counts = tallies((4, 8), (6, 8), (2, 8))
    half = 2.0796138447276795 * math.sqrt((4 / 16 + 3 / 16 + 3 / 16) / 7) / 3
    assert confidence_interval_within(0.5, counts) == [
        pytest.approx(0.5 - half, rel=1e-4),
        pytest.approx(0.5 + half, rel=1e-4),
    ]
    assert confidence_interval_within(0.5, tallies((1, 1), (0, 1))) is None


def test_what_a_right_answer_hides_is_counted() -> None:
    """Cut off, found by a fallback rule, empty: these are told of right answers too."""
    row = summarize(
        {
            (0, 0): Mark("correct", 1, 1, 0, 0.0, 1.0, finish_reason="length"),
            (0, 1): Mark("correct", 1, 1, 0, 0.0, 1.0, parsed=False),
            (0, 2): Mark("unparsed", 1, 1, 0, 0.0, 1.0, parsed=False, empty=True),
            (0, 3): Mark("error", 0, 0, 0, 0.0, 1.0, "boom"),
        },
        [0],
        4,
    )
    assert (row["n_cut_off"], row["n_fallback"], row["n_empty"], row["n_truncated"]) == (1, 2, 1, 0)
    assert "1 of 4 replies were cut off" in judge(row, 1.0, 0.1)["reason"]


@pytest.mark.parametrize(
    ("change", "max_invalid", "max_truncated", "verdict", "reason"),
    [
        ({}, 0.3, 0.1, None, ""),
        ({}, 0.29, 0.1, "void", "3 of 10 samples were not measured (1 refused, 1 errors, 1 timeouts)"),
        ({"max_tokens": 512}, 0.3, 0.09, None, "1 of 10 replies were cut off at the token limit (over 9.0%): raise"),
        (
            {"max_tokens": 512},
            0.3,
            0.09,
            None,
            "(evaluate_max_tokens), which is 512, or the server's max_model_len where",
        ),
        (
            {"max_tokens": 3900, "max_tokens_fitted_from": 131072},
            0.3,
            0.09,
            None,
            "raise the server's max_model_len, to which max_tokens was fitted (3900)",
        ),
        ({"complete": False}, 0.0, 1.0, None, ""),
        ({"n_measured": 0}, 1.0, 1.0, "void", "2 × boom"),
    ],
)
def test_verdicts(
    change: dict[str, Any], max_invalid: float, max_truncated: float, verdict: str | None, reason: str
) -> None:
    judged = judge({**ROW, **change}, max_invalid, max_truncated)
    assert judged["verdict"] == verdict
    assert reason in judged["reason"]
    assert bool(judged["reason"]) == bool(reason)
