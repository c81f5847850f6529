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
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally, standard_error_within
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _statistics
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell

FLEET_MINIMUM = 3  # of two that differ, nobody can say which one is off
_EXACT_BELOW = 100  # questions; fewer are judged without relying on the central limit theorem (arXiv:2503.01747)
_WORTH_AN_EXACT_TEST = -1.0  # standard errors; above, p is far from mattering, and the convolution is saved
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
    exact: bool = False
    n_others: int = 0
    judges: bool = True
    source: Mapping[str, Any] | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the difference."""
        half = _Z95 * self.standard_error
        return self.difference - half, self.difference + half


def with_fleet(cells: Sequence[Cell]) -> list[Comparison]:
    """Compare each of at least two comparable cells with the others. Two alone get figures, but no judgement."""
    scores = [_statistics.mean_score(cell.outcomes) or 0.0 for cell in cells]
    samples = [sum(tally.measured for tally in cell.outcomes) for cell in cells]
    unit = _variance_of_one_answer([cell.outcomes for cell in cells], samples)
    centre_variance = _statistics.median_variance(len(cells) - 1) * unit / statistics.median(samples)
    medians = _statistics.leave_one_out_medians(scores)
    results = []
    for cell, score, n, median in zip(cells, scores, samples, medians, strict=True):
        error = math.sqrt(unit / n + centre_variance)
        p = _statistics.lower_tail(score - median, error)
        others = len(cells) - 1
        judges = len(cells) >= FLEET_MINIMUM
        results.append(Comparison("fleet", (cell,), median, score - median, error, p, n_others=others, judges=judges))
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
        n_others=min(each.n_others for each in comparisons),
    )


def with_reference(cell: Cell, reference: Mapping[str, Any], same_questions: bool) -> Comparison:
    """Compare a cell with a published score over n samples.

    The published score's noise counts too. Over the same questions a sample of it is as noisy as one of the cell's own;
    over others the binomial variance is taken, which is never smaller.
    """
    score = _statistics.mean_score(cell.outcomes) or 0.0
    n = sum(tally.measured for tally in cell.outcomes)
    own = standard_error_within(cell.outcomes)
    own_variance = own**2 if own else score * (1 - score) / n
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
    return Comparison("reference", (cell,), published, score - published, error, p, source=reference)


def _variance_of_one_answer(tables: Sequence[Sequence[Tally]], samples: Sequence[int]) -> float:
    """Return the variance within questions of one answer: the hosts' median, which one odd host cannot move."""
    errors = [standard_error_within(table) for table in tables]
    known = [error**2 * n for error, n in zip(errors, samples, strict=True) if error is not None]
    return statistics.median(known) if known else _statistics.variance_pooled(tables, 1)


def _exact_where_small(comparisons: list[Comparison]) -> list[Comparison]:
    """Replace the p values of small cells by exact ones, each host against the panel of those near the median."""
    tables = [each.cells[0].outcomes for each in comparisons]
    small = len(tables[0]) < _EXACT_BELOW
    on_panel = [abs(each.difference) <= _PANEL_WITHIN * each.standard_error for each in comparisons]
    panel = [table for table, near in zip(tables, on_panel, strict=True) if near]
    totals = [_add(column) for column in zip(*panel, strict=True)] if panel else [Tally(0, 0)] * len(tables[0])
    results = []
    for each, table, near in zip(comparisons, tables, on_panel, strict=True):
        low = each.difference < _WORTH_AN_EXACT_TEST * each.standard_error
        others = [_less(total, own) for total, own in zip(totals, table, strict=True)] if near else totals
        if low and (small or not each.standard_error) and any(tally.measured for tally in others):
            p = _statistics.exact_lower_tail(table, others)
            each = Comparison(**{**vars(each), "p": p, "exact": True})
        results.append(each)
    return results


def _add(tallies: Sequence[Tally]) -> Tally:
    return Tally(sum(tally.correct for tally in tallies), sum(tally.measured for tally in tallies))


def _less(total: Tally, own: Tally) -> Tally:
    return Tally(total.correct - own.correct, total.measured - own.measured)
