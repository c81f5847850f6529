# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each comparison's numbers, against the formulas written out anew or against numbers done by hand."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _comparisons
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell, Key
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._comparisons import Comparison
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._statistics import exact_lower_tail

Outcomes = Sequence[tuple[int, int]]
REFERENCE = {"name": "published", "score": 0.5, "n": 400}


def cell(host: str, outcomes: Outcomes, effort: str = "low", **row: Any) -> Cell:
    found = {"outcomes": [list(pair) for pair in outcomes], "questions": list(range(len(outcomes))), **row}
    return Cell(Key(host, "one", "gpqa", effort), found)


def lower(difference: float, error: float) -> float:
    """The one-sided p value, by the standard library."""
    return statistics.NormalDist().cdf(difference / error)


def of_answer(outcomes: Outcomes) -> float:
    """The variance within questions of one answer, of questions that were each answered several times."""
    terms = [n * (p := right / n) * (1 - p) * n / (n - 1) for right, n in outcomes]
    return sum(terms) / sum(n for _right, n in outcomes)


def score(outcomes: Outcomes) -> float:
    return statistics.fmean(right / n for right, n in outcomes if n)


def large(right: int, others: int = 4) -> list[tuple[int, int]]:
    """120 questions, 8 answers each: too many for an exact test."""
    return [(right, 8)] * 60 + [(others, 8)] * 60


def test_a_server_against_the_others_median() -> None:
    tables = [large(6), large(5), large(2)]
    found = _comparisons.with_fleet([cell(f"h{n}", table) for n, table in enumerate(tables)])
    unit = statistics.median(of_answer(table) for table in tables)
    # The median of two is their mean, whose variance is half of one's.
    error = math.sqrt(unit / 960 + 0.5 * unit / 960)
    scores = [score(table) for table in tables]
    for number, each in enumerate(found):
        centre = statistics.median(scores[:number] + scores[number + 1 :])
        assert each.centre == pytest.approx(centre)
        assert each.difference == pytest.approx(scores[number] - centre)
        assert each.standard_error == pytest.approx(error)
        assert each.p == pytest.approx(lower(each.difference, error))
        assert each.own_variance == pytest.approx(unit / 960)
        assert (each.against, each.cells[0].key.host) == ("fleet", f"h{number}")
        assert (each.n_others, each.judges, each.exact) == (2, True, False)
        assert each.interval == pytest.approx(
            (each.difference - 1.96 * error, each.difference + 1.96 * error), abs=1e-5
        )


def test_two_servers_have_figures_and_no_judgement() -> None:
    found = _comparisons.with_fleet([cell("a", large(6)), cell("b", large(5))])
    assert [(each.n_others, each.judges) for each in found] == [(1, False)] * 2
    assert found[0].difference == pytest.approx(0.0625) == -found[1].difference


def test_a_server_without_the_hard_questions_is_compared_over_the_others() -> None:
    whole, part = [(8, 8)] * 60 + [(0, 8)] * 60, [(8, 8)] * 60 + [(0, 0)] * 60
    found = _comparisons.with_fleet([cell("a", whole), cell("b", whole), cell("c", part)])
    assert [each.centre for each in found] == pytest.approx([0.75, 0.75, 1.0])
    assert found[2].difference == pytest.approx(0.0)


def test_what_nobody_measured_shifts_nothing() -> None:
    table = [(6, 8)] * 60 + [(0, 0)] * 60
    found = _comparisons.with_fleet([cell(host, table) for host in "abc"])
    assert [(each.centre, each.difference) for each in found] == [(0.75, 0.0)] * 3


# One answer each; c has half of the others' right answers.
ONCE = [[(1, 1)] * 12, [(1, 1)] * 11 + [(0, 1)], [(1, 1)] * 5 + [(0, 1)] * 7, [(1, 1)] * 12]


def test_few_questions_are_judged_by_the_exact_test_against_those_near_the_median() -> None:
    found = _comparisons.with_fleet([cell(host, table) for host, table in zip("abcd", ONCE, strict=True)])
    # c is no part of the panel, being more than 3 standard errors off.
    panel = [(3, 3)] * 11 + [(2, 3)]
    assert abs(found[2].difference) > 3 * found[2].standard_error
    assert [each.exact for each in found] == [False, False, True, False]
    assert found[2].p == pytest.approx(exact_lower_tail(ONCE[2], panel))


def test_a_server_near_the_median_is_no_part_of_its_own_panel() -> None:
    tables = [[(8, 8)] * 9 + [(4, 8)] * 3, [(8, 8)] * 9 + [(5, 8)] * 3, [(8, 8)] * 9 + [(2, 8)] * 3]
    found = _comparisons.with_fleet([cell(host, table) for host, table in zip("abc", tables, strict=True)])
    assert -3 < found[2].difference / found[2].standard_error < -1.5
    assert [each.exact for each in found] == [False, False, True]
    assert found[2].p == pytest.approx(exact_lower_tail(tables[2], [(16, 16)] * 9 + [(9, 16)] * 3))


def test_many_questions_without_noise_are_judged_by_the_exact_test() -> None:
    """All right but for one server: there is no standard error to judge by."""
    tables = [[(1, 1)] * 150, [(1, 1)] * 150, [(1, 1)] * 150, [(0, 8)] * 10 + [(8, 8)] * 140]
    found = _comparisons.with_fleet([cell(host, table) for host, table in zip("abcd", tables, strict=True)])
    assert found[3].standard_error == 0.0
    assert found[3].exact and found[3].p == pytest.approx(exact_lower_tail(tables[3], [(3, 3)] * 150))


def test_the_panel_is_all_answers_of_the_others() -> None:
    """Servers that stopped at different repeats: each answer counts once."""
    tables = [[(3, 4)] * 60 + [(2, 4)] * 60, [(6, 8)] * 20 + [(5, 8)] * 100, [(5, 8)] * 120, [(1, 8)] * 120]
    found = _comparisons.with_panel([cell(host, table) for host, table in zip("abcd", tables, strict=True)])
    unit = statistics.median(of_answer(table) for table in tables)
    right, asked = (300, 620, 600), (480, 960, 960)
    for number in range(3):
        others = sum(right) - right[number], sum(asked) - asked[number]
        error = math.sqrt(unit / asked[number] + unit / others[1])
        assert found[number].centre == pytest.approx(others[0] / others[1])
        assert found[number].difference == pytest.approx(score(tables[number]) - others[0] / others[1])
        assert found[number].standard_error == pytest.approx(error)
        assert found[number].p == pytest.approx(lower(found[number].difference, error))
    # Far off the median: it is compared with all the others, and moves none of them.
    assert found[3].centre == pytest.approx(sum(right) / sum(asked))
    assert {each.centre_is for each in found} == {"the other servers' answers"}


def test_a_panel_of_servers_that_lack_questions_is_shifted_too() -> None:
    whole, part = [(6, 8)] * 60 + [(2, 8)] * 60, [(6, 8)] * 60 + [(0, 0)] * 60
    tables = [whole, whole, whole, whole, part]
    found = _comparisons.with_panel([cell(host, table) for host, table in zip("abcde", tables, strict=True)])
    assert {each.centre_is for each in found} == {"the other servers' answers"}
    assert found[4].centre == pytest.approx(0.5 + 0.25)
    assert found[4].difference == pytest.approx(0.0)
    assert found[4].standard_error == pytest.approx(math.sqrt(of_answer(whole) * (1 / 480 + 1 / 3840)))


def test_efforts_are_pooled_as_independent_samples() -> None:
    low, high = (
        Comparison("fleet", (cell("a", large(6), effort),), centre, difference, error, 0.5, own, n_others=others)
        for effort, centre, difference, error, own, others in (
            ("low", 0.5, -0.02, 0.03, 0.0005, 4),
            ("high", 0.8, -0.06, 0.04, 0.0011, 3),
        )
    )
    found = _comparisons.pooled([low, high])
    assert (found.against, found.cells) == ("efforts", (*low.cells, *high.cells))
    assert (found.centre, found.difference) == pytest.approx((0.65, -0.04))
    assert found.standard_error == pytest.approx(0.025)
    assert found.p == pytest.approx(lower(-0.04, 0.025))
    assert found.own_variance == pytest.approx(0.0004)
    assert found.n_others == 3


OWN = of_answer(large(6)) / 960


@pytest.mark.parametrize(
    ("reference", "same", "own", "theirs"),
    [
        (REFERENCE, True, OWN, OWN * 960 / 400),  # as noisy as one of the cell's own samples
        (REFERENCE, False, OWN, 0.25 / 400),  # binomial
        ({**REFERENCE, "n": None}, True, OWN, 0.0),
        ({**REFERENCE, "score": 0.8}, False, OWN, 0.16 / 400),
    ],
)
def test_a_published_score_has_noise_of_its_own(
    reference: dict[str, Any], same: bool, own: float, theirs: float
) -> None:
    asked = cell("a", large(6))
    found = _comparisons.with_reference(asked, reference, same)
    error = math.sqrt(own + theirs)
    assert (found.against, found.cells, found.centre) == ("reference", (asked,), reference["score"])
    assert found.difference == pytest.approx(0.625 - reference["score"])
    assert found.standard_error == pytest.approx(error)
    assert found.p == pytest.approx(lower(found.difference, error))
    assert found.own_variance == pytest.approx(own)
    assert found.source == reference and not found.exact


@pytest.mark.parametrize("same", [True, False])
def test_a_score_of_one_answer_each_has_binomial_noise(same: bool) -> None:
    once = cell("a", [(1, 1)] * 90 + [(0, 1)] * 60)
    found = _comparisons.with_reference(once, REFERENCE, same)
    assert found.own_variance == pytest.approx(0.24 / 150)
    assert found.standard_error == pytest.approx(math.sqrt(0.24 / 150 + 0.25 / 400))


def paired(own: Outcomes, theirs: Outcomes) -> Comparison:
    reference = {**REFERENCE, "outcomes": theirs, "questions": list(range(len(theirs)))}
    return _comparisons.with_reference(cell("a", own), reference, True)


def test_a_reference_with_outcomes_is_compared_question_by_question() -> None:
    found = paired([(5, 8)] * 100 + [(0, 0)] * 20, [(6, 8)] * 110)
    # Both together gave 11 of 16 right to each of the hundred questions.
    unit = 11 / 16 * 5 / 16 * 16 / 15
    error = math.sqrt(unit / 800 + unit / 800)
    assert (found.centre, found.difference) == pytest.approx((0.75, -0.125))
    assert found.standard_error == pytest.approx(error)
    assert found.p == pytest.approx(lower(-0.125, error), rel=1e-6)
    assert found.own_variance == pytest.approx(unit / 800)
    assert found.source is not None and not found.exact
    assert (found.source["n_correct"], found.source["n"], found.source["n_paired"]) == (600, 800, 100)
    assert found.source["name"] == "published"


@pytest.mark.parametrize(
    ("own", "theirs", "exact"),
    [
        ([(4, 8)] * 10, [(7, 8)] * 10, True),  # few questions, and well below
        ([(7, 8)] * 10, [(7, 8)] * 10, False),  # as good
        ([(4, 8)] * 99, [(7, 8)] * 99, True),
        ([(4, 8)] * 100, [(7, 8)] * 100, False),  # many
        ([(0, 8)] * 120, [(0, 8)] * 120, False),  # without noise, but as good
    ],
)
def test_few_questions_of_a_reference_are_judged_by_the_exact_test(
    own: Outcomes, theirs: Outcomes, exact: bool
) -> None:
    found = paired(own, theirs)
    assert found.exact == exact
    if exact:
        assert found.p == pytest.approx(exact_lower_tail(own, theirs))
