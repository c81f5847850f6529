# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: comparisons, one score against its fleet or a reference, with the noise of both.

Hosts answer the same questions, so only the sampling noise within the questions counts (Miller 2024,
arXiv:2411.00640). A host is compared with the median of the *other* hosts' scores, which bad ones cannot move far. The
median of scores and not of each question's shares keeps the test centred: of eight repeats a question's median share
lies off its mean (by up to 5 points at 95 % right), a score's does not; and with the same questions the difference is
paired in either case.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _statistics
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import questions_of

FLEET_MINIMUM = 3  # of two that differ, nobody can say which one is off
_EXACT_BELOW = 100  # questions; fewer are judged without relying on the central limit theorem (arXiv:2503.01747)
_WORTH_AN_EXACT_TEST = -1.5  # standard errors; above, p is far from mattering, and the convolution is saved
_PANEL_WITHIN = 3.0  # standard errors from the median: who is further off does not say what is normal
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Comparison:
    """A score less what it is compared with; shares, 0 to 1; p is one-sided, for "lower"."""

    against: str  # "fleet", "efforts" (the fleet, efforts pooled) or "reference"
    cells: tuple[Cell, ...]
    centre: float
    difference: float
    standard_error: float
    p: float
    own_variance: float = 0.0  # the part of standard_error^2 that is the score's own
    exact: bool = False
    n_others: int = 0
    judges: bool = True
    centre_is: str = "the fleet median"
    source: Mapping[str, Any] | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the difference."""
        half = _Z95 * self.standard_error
        return self.difference - half, self.difference + half


def with_fleet(cells: Sequence[Cell]) -> list[Comparison]:
    """Compare each of at least two comparable cells with the others. Two alone get figures, but no judgement."""
    return _exact_where_small(_with_median(cells))


def _with_median(cells: Sequence[Cell]) -> list[Comparison]:
    scores = [cell.summary.score for cell in cells]
    samples = [cell.summary.n_measured for cell in cells]
    unit = _variance_of_one_answer(cells)
    centre_variance = _statistics.median_variance(len(cells) - 1) * unit / statistics.median(samples)
    medians = _statistics.leave_one_out_medians(scores)
    others, judges = len(cells) - 1, len(cells) >= FLEET_MINIMUM
    results = []
    for cell, score, n, median, shift in zip(cells, scores, samples, medians, _shifts(cells), strict=True):
        median += shift
        error = math.sqrt(unit / n + centre_variance)
        p = _statistics.lower_tail(score - median, error)
        results.append(
            Comparison("fleet", (cell,), median, score - median, error, p, unit / n, n_others=others, judges=judges)
        )
    return results


def with_panel(cells: Sequence[Cell]) -> list[Comparison]:
    """Compare each of at least two cells, asked through different repeats, with all the others' answers together.

    In a sequential eval who does well stops early, so that a mean or median of the servers' scores would be too high.
    The share of right ones among all answers is not, whenever each server stops (Wald 1944, Ann. Math. Statist.
    15:283). Bad servers cannot move it far: those that are far from the median do not count, and they stop early.
    """
    firsts = _with_median(cells)
    unit = _variance_of_one_answer(cells)
    near = [abs(each.difference) <= _PANEL_WITHIN * each.standard_error for each in firsts]
    totals = [_add(cell.outcomes) for cell in cells]
    whole = _add([total for total, is_near in zip(totals, near, strict=True) if is_near])
    results = []
    for first, own, is_near, shift in zip(firsts, totals, near, _shifts(cells), strict=True):
        others = _less(whole, own) if is_near else whole
        if others.measured:
            centre = others.correct / others.measured + shift
            difference = first.cells[0].summary.score - centre
            error = math.sqrt(unit / own.measured + unit / others.measured)
            p = _statistics.lower_tail(difference, error)
            first = replace(first, centre=centre, difference=difference, standard_error=error, p=p)
        results.append(replace(first, centre_is="the other servers' answers"))
    return _exact_where_small(results)


def pooled(comparisons: Sequence[Comparison]) -> Comparison:
    """Return one server's mean difference from the fleet over its reasoning efforts, which are independent samples."""
    n = len(comparisons)
    difference = math.fsum(each.difference for each in comparisons) / n
    error = math.sqrt(math.fsum(each.standard_error**2 for each in comparisons)) / n
    return Comparison(
        "efforts",
        tuple(cell for each in comparisons for cell in each.cells),
        math.fsum(each.centre for each in comparisons) / n,
        difference,
        error,
        _statistics.lower_tail(difference, error),
        math.fsum(each.own_variance for each in comparisons) / n**2,
        n_others=min(each.n_others for each in comparisons),
    )


def with_reference(cell: Cell, reference: Mapping[str, Any], same_questions: bool) -> Comparison:
    """Compare a cell with a published score over n samples, or question by question with one that has outcomes.

    The published score's noise counts too. Over the same questions a sample of it is as noisy as one of the cell's own;
    over others the binomial variance is taken, which is never smaller.
    """
    pairs = _pairs(cell, reference) if same_questions and reference.get("outcomes") else []
    if pairs:
        return _paired(cell, reference, pairs)
    _n_questions, n, score, own = cell.summary
    own_variance = (own or score * (1 - score)) / n
    published = float(reference["score"])
    n_reference = reference.get("n")
    if not n_reference:
        published_variance = 0.0
    elif same_questions and own:
        published_variance = own_variance * n / n_reference
    else:
        published_variance = published * (1 - published) / n_reference
    error = math.sqrt(own_variance + published_variance)
    p = _statistics.lower_tail(score - published, error)
    return Comparison("reference", (cell,), published, score - published, error, p, own_variance, source=reference)


def _pairs(cell: Cell, reference: Mapping[str, Any]) -> list[tuple[Tally, Tally]]:
    """Return a cell's and a reference's answers to each question that both have measured."""
    theirs = dict(zip(questions_of(reference), reference["outcomes"], strict=True))
    asked = zip(questions_of(cell.row or {}), cell.outcomes, strict=True)
    pairs = [(own, Tally(*theirs[question])) for question, own in asked if question in theirs]
    return [(own, other) for own, other in pairs if own.measured and other.measured]


def _paired(cell: Cell, reference: Mapping[str, Any], pairs: Sequence[tuple[Tally, Tally]]) -> Comparison:
    """Compare a cell with a reference on the questions that both have measured.

    The noise is that of both within their questions, of one answer as both together show it; so it is known where each
    question was asked once, and is wider the fewer questions and repeats there are.
    """
    own, other = zip(*pairs, strict=True)
    n_own, n_other = (sum(tally.measured for tally in table) for table in (own, other))
    unit = _statistics.variance_pooled([own, other], 1)
    error = math.sqrt(unit / n_own + unit / n_other)
    centre = _statistics.mean_score(other) or 0.0
    difference = (_statistics.mean_score(own) or 0.0) - centre
    p, exact = _statistics.lower_tail(difference, error), False
    if difference < _WORTH_AN_EXACT_TEST * error and (len(own) < _EXACT_BELOW or not error):
        p, exact = _statistics.exact_lower_tail(own, other), True
    n_correct = sum(tally.correct for tally in other)
    source = {**reference, "n_correct": n_correct, "n": n_other, "n_paired": len(own)}
    return Comparison("reference", (cell,), centre, difference, error, p, unit / n_own, exact, source=source)


def _shifts(cells: Sequence[Cell]) -> list[float]:
    """Return how much easier for the fleet the questions are that each cell has measured than all of them are.

    A cell that lacks a question's every answer is compared over the others: else one that fails at the hard ones would
    look good.
    """
    if all(cell.summary.n_questions == len(cell.outcomes) for cell in cells):
        return [0.0] * len(cells)
    totals = [_add(column) for column in zip(*(cell.outcomes for cell in cells), strict=True)]
    shares = [total.correct / total.measured if total.measured else None for total in totals]
    known = [share for share in shares if share is not None]
    results = []
    for cell in cells:
        own = [
            share for share, tally in zip(shares, cell.outcomes, strict=True) if share is not None and tally.measured
        ]
        results.append(math.fsum(own) / len(own) - math.fsum(known) / len(known) if own else 0.0)
    return results


def _variance_of_one_answer(cells: Sequence[Cell]) -> float:
    """Return the variance within questions of one answer: the hosts' median, which one odd host cannot move."""
    known = [cell.summary.answer_variance for cell in cells if cell.summary.answer_variance is not None]
    return statistics.median(known) if known else _statistics.variance_pooled([cell.outcomes for cell in cells], 1)


def _exact_where_small(comparisons: list[Comparison]) -> list[Comparison]:
    """Replace the p values of small cells by exact ones, each host against the panel of those near the median."""
    small = len(comparisons[0].cells[0].outcomes) < _EXACT_BELOW
    wanted = [
        each.difference < _WORTH_AN_EXACT_TEST * each.standard_error and (small or not each.standard_error)
        for each in comparisons
    ]
    if not any(wanted):
        return comparisons
    near = [abs(each.difference) <= _PANEL_WITHIN * each.standard_error for each in comparisons]
    tables = [each.cells[0].outcomes for each in comparisons]
    panel = [table for table, is_near in zip(tables, near, strict=True) if is_near]
    totals = [_add(column) for column in zip(*panel, strict=True)] if panel else [Tally(0, 0)] * len(tables[0])
    results = []
    for each, table, is_wanted, is_near in zip(comparisons, tables, wanted, near, strict=True):
        others = totals
        if is_wanted and is_near:
            others = [_less(total, own) for total, own in zip(totals, table, strict=True)]
        if is_wanted and any(tally.measured for tally in others):
            each = replace(each, p=_statistics.exact_lower_tail(table, others), exact=True)
        results.append(each)
    return results


def _add(tallies: Sequence[Tally]) -> Tally:
    return Tally(sum(tally.correct for tally in tallies), sum(tally.measured for tally in tallies))


def _less(total: Tally, own: Tally) -> Tally:
    return Tally(total.correct - own.correct, total.measured - own.measured)
