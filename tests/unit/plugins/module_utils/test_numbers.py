# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constants marked "scipy" or "numpy" were computed once with those and are committed, so that neither is needed."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._numbers import (
    Ballot,
    ballot_choice,
    ks,
    majority,
    pass_at_k,
    pass_table,
    percentile,
    repeat_scores,
    spread,
    vote,
)

TALLIES = [(3, 8), (0, 8), (8, 8), (1, 8), (2, 5)]


@pytest.mark.parametrize(
    ("k", "score", "n_questions"),
    [(1, 0.38, 5), (2, 0.5185714285714285, 5), (4, 0.6857142857142857, 5), (8, 0.75, 4), (9, None, 0)],
)
def test_pass_at_k_is_one_less_the_chance_of_drawing_no_right_one(
    k: int, score: float | None, n_questions: int
) -> None:
    # 1 - scipy.stats.hypergeom.pmf(0, n, c, k), averaged
    assert pass_at_k(TALLIES, k) == (None if score is None else pytest.approx(score, rel=1e-12), n_questions)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_pass_at_k_is_unbiased(k: int) -> None:
    """Over all outcomes of four answers, each right with p, it averages to 1 - (1 - p)^k."""
    p = 0.3
    mean = 0.0
    for answers in itertools.product((0, 1), repeat=4):
        right = sum(answers)
        mean += p**right * (1 - p) ** (4 - right) * (pass_at_k([(right, 4)], k)[0] or 0.0)
    assert mean == pytest.approx(1 - (1 - p) ** k)


@pytest.mark.parametrize(
    ("n_repeats", "told"),
    [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (10, [1, 2, 4, 8, 10]), (16, [1, 2, 4, 8, 16])],
)
def test_which_k_are_told(n_repeats: int, told: list[int]) -> None:
    assert ks(n_repeats) == told


def test_pass_at_1_is_the_score_where_all_was_measured() -> None:
    table = pass_table([(3, 8), (1, 8), (8, 8)], 8)
    assert table[0]["score"] == pytest.approx(12 / 24)
    assert [row["k"] for row in table] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("extracted", "permutation", "right", "choice"),
    [
        ("C", (3, 1, 0, 2), True, "right"),
        ("A", (3, 1, 0, 2), False, "choice 3"),
        ("D", (3, 1, 0, 2), False, "choice 2"),
        ("E", (3, 1, 0, 2), False, None),  # not among the choices
        ("d", (3, 1, 0, 2), False, None),  # a fallback rule's first character
        ("**", (3, 1, 0, 2), False, None),
        ("", (3, 1, 0, 2), False, None),
        (None, (), False, None),
        ("204", (3, 1, 0, 2), False, "204"),
        ("-5", (3, 1, 0, 2), False, "-5"),
        ("204", (3, 1, 0, 2), True, "right"),
    ],
)
def test_what_an_answer_chose(
    extracted: str | None, permutation: tuple[int, ...], right: bool, choice: str | None
) -> None:
    assert ballot_choice(extracted, permutation, right) == choice


RIGHT, NONE = Ballot("right", True), Ballot(None, False)
ONE, TWO = Ballot("choice 1", False), Ballot("choice 2", False)


@pytest.mark.parametrize(
    ("ballots", "score", "tied"),
    [
        ([RIGHT] * 3 + [ONE] * 2, 1.0, False),
        ([RIGHT] * 2 + [ONE] * 3, 0.0, False),
        ([RIGHT] * 2 + [ONE] * 2 + [TWO], 0.5, True),
        ([RIGHT, ONE, TWO], 1 / 3, True),
        ([RIGHT] + [ONE] * 2 + [TWO] * 2, 0.0, True),
        # The wrong ones do not agree with each other: the right ones win with less than half.
        ([RIGHT] * 3 + [ONE] * 2 + [TWO] * 2 + [NONE], 1.0, False),
        ([NONE] * 8, 0.0, False),
        ([NONE] * 7 + [RIGHT], 1.0, False),
        ([], None, False),
    ],
)
def test_votes(ballots: list[Ballot], score: float | None, tied: bool) -> None:
    assert vote(ballots) == (score, tied)


def test_majority_over_questions() -> None:
    ballots = {0: [RIGHT, RIGHT, ONE], 1: [ONE, ONE, RIGHT], 2: [RIGHT, ONE], 3: []}
    assert majority(ballots, 3) == {"k": 3, "score": pytest.approx(1.5 / 3), "n_questions": 3, "n_tied": 1}
    assert majority({}, 3) == {"k": 3, "score": None, "n_questions": 0, "n_tied": 0}


def test_a_tie_counts_what_drawing_lots_gives_on_average() -> None:
    rng = random.Random(1)
    ballots = [RIGHT, RIGHT, ONE, ONE, TWO]
    drawn = Counter(rng.choice(["right", "choice 1"]) for _unused in range(20000))
    assert vote(ballots)[0] == pytest.approx(drawn["right"] / 20000, abs=0.02)


def test_repeat_scores() -> None:
    answers = [(0, True), (0, False), (2, True)]
    assert repeat_scores(answers, 3) == [0.5, None, 1.0]


VALUES = sorted([0.5, 3.25, 1.0, 9.75, 2.5, 2.5, 7.0, 0.125, 4.0, 6.5, 5.5])


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        (VALUES, 50, 3.25),  # numpy.percentile(method="inverted_cdf")
        (VALUES, 90, 7.0),
        (VALUES, 99, 9.75),
        ([float(n) for n in range(1, 101)], 50, 50.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
        # By the definition; in floating point 7 % of 100 is a little more than 7, and numpy says 8.
        ([float(n) for n in range(1, 101)], 7, 7.0),
        ([4.0], 50, 4.0),
        ([4.0, 5.0], 50, 4.0),
        ([4.0, 5.0], 0, 4.0),
        ([4.0, 5.0], 100, 5.0),
    ],
)
def test_percentiles(values: list[float], percent: float, wanted: float) -> None:
    assert percentile(values, percent) == wanted


def test_spread() -> None:
    assert spread(iter(VALUES)) == {"p50": 3.25, "p90": 7.0, "p99": 9.75, "max": 9.75}
    assert spread([]) is None
