# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constants marked "scipy" were computed once with scipy 1.x and are committed, so that scipy is not needed here."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _statistics


@pytest.mark.parametrize(
    ("z", "p"),
    [(-8.5, 9.47953482220325e-18), (-3.0902, 0.0010001087832070706), (-1.6449, 0.04999521746834631), (0, 0.5)],
)
def test_the_normal_distribution_is_right_far_out_in_the_tail(z: float, p: float) -> None:
    assert _statistics.normal_cdf(z) == pytest.approx(p, rel=1e-12)  # scipy.stats.norm.cdf


def test_the_exact_tail_is_the_convolution_of_hypergeometric_distributions() -> None:
    own, panel = [(2, 8), (5, 8), (0, 4)], [(10, 16), (13, 16), (3, 8)]
    assert _statistics.exact_lower_tail(own, panel) == pytest.approx(0.019939540083160002)  # scipy.stats.hypergeom


@pytest.mark.parametrize(
    ("own", "panel", "p"),
    [
        ([(1, 1)], [(1, 1)], 1.0),  # all right on both sides: nothing to tell
        ([(0, 1)], [(1, 1)], 0.5),
        ([(0, 1)] * 4, [(1, 1)] * 4, 0.0625),
        ([(0, 0)], [(3, 8)], 1.0),  # not measured: nothing to tell
    ],
)
def test_the_exact_tail_of_cases_done_by_hand(own: list, panel: list, p: float) -> None:
    assert _statistics.exact_lower_tail(own, panel) == pytest.approx(p)


P_VALUES = [0.001, 0.04, 0.03, 0.012, 0.5]


def test_holm() -> None:
    assert _statistics.holm(P_VALUES) == pytest.approx([0.005, 0.09, 0.09, 0.048, 0.5])  # by hand
    assert _statistics.holm([]) == []


def test_benjamini_hochberg() -> None:
    adjusted = _statistics.benjamini_hochberg(P_VALUES)
    assert adjusted == pytest.approx([0.005, 0.05, 0.05, 0.03, 0.5])  # scipy.stats.false_discovery_control


@pytest.mark.parametrize("values", [[1.0, 5.0], [3.0, 1.0, 2.0], [4.0, 4.0, 1.0, 9.0], [5.0, 3.0, 8.0, 1.0, 2.0]])
def test_leave_one_out_medians(values: list[float]) -> None:
    wanted = [statistics.median(values[:i] + values[i + 1 :]) for i in range(len(values))]
    assert _statistics.leave_one_out_medians(values) == wanted


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10, 31])
def test_the_variance_of_a_median(n: int) -> None:
    rng = random.Random(n)
    seen = statistics.pvariance([statistics.median(rng.gauss(0, 1) for _unused in range(n)) for _unused in range(4000)])
    assert _statistics.median_variance(n) == pytest.approx(seen, rel=0.08)


@pytest.mark.parametrize(
    ("difference", "error", "p"), [(0.0, 0.0, 1.0), (-0.1, 0.0, 0.0), (0.1, 0.0, 1.0), (-1.959964, 1.0, 0.025)]
)
def test_a_difference_without_noise_still_has_a_p_value(difference: float, error: float, p: float) -> None:
    assert _statistics.lower_tail(difference, error) == pytest.approx(p, abs=1e-6)


def test_variance_pooled_sees_the_noise_across_hosts_that_answered_once() -> None:
    tables = [[(1, 1), (1, 1)], [(0, 1), (1, 1)]]
    assert _statistics.variance_pooled(tables, 2) == pytest.approx(0.5 / 2 / 2)


def test_mean_score_leaves_out_what_was_not_measured() -> None:
    assert _statistics.mean_score([(1, 2), (0, 0), (2, 2)]) == 0.75
    assert _statistics.mean_score([(0, 0)]) is None


# Of one answer to a question of n answers: p (1 - p) n / (n - 1).
HALF, QUARTER = 0.25 * 2 / 1, 0.1875 * 4 / 3


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        ([], (0, 0, 0.0, None)),
        ([(0, 0), (0, 0)], (0, 0, 0.0, None)),
        ([(1, 1), (0, 1), (0, 0)], (2, 2, 0.5, None)),  # nothing was answered twice
        ([(1, 2), (0, 0)], (1, 2, 0.5, HALF)),
        ([(1, 2), (1, 2), (3, 4)], (3, 8, (0.5 + 0.5 + 0.75) / 3, (HALF * 4 + QUARTER * 4) / 8)),
        # Questions answered once take the mean of the others' variances.
        (
            [(1, 2), (1, 2), (3, 4), (1, 1), (0, 1)],
            (5, 10, 2.75 / 5, (HALF * 4 + QUARTER * 4 + 2 * (2 * HALF + QUARTER) / 3) / 10),
        ),
    ],
)
def test_the_summary_of_an_outcome_table(outcomes: list, wanted: tuple) -> None:
    assert tuple(_statistics.summary(outcomes)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("tables", "n", "variance"),
    [
        ([], 4, 0.0),
        ([[], []], 4, 0.0),
        ([[(1, 1)], [(0, 0)]], 1, 0.0),  # one answer in all tells nothing
        ([[(0, 0)], [(0, 0)]], 1, 0.0),
        ([[(1, 1), (0, 0)], [(0, 1), (1, 1)]], 1, 0.25),  # 0.5 of the first question, 0 of the second
        ([[(3, 4)], [(1, 4)]], 8, 0.25 * 8 / 7 / 8),
    ],
)
def test_variance_pooled(tables: list, n: float, variance: float) -> None:
    assert _statistics.variance_pooled(tables, n) == pytest.approx(variance)


@pytest.mark.parametrize("adjust", [_statistics.holm, _statistics.benjamini_hochberg])
def test_adjusted_p_values_stay_probabilities(adjust: Callable[[list[float]], list[float]]) -> None:
    assert adjust([0.9, 0.8, 0.95]) == pytest.approx([1.0, 1.0, 1.0] if adjust is _statistics.holm else [0.95] * 3)
    assert adjust([1.0]) == [1.0]
