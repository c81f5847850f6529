# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: statistics of repeated answers to fixed questions, in plain Python.

An outcome table is a sequence of ``(n_correct, n_measured)``, one pair a question. All scores are shares, 0 to 1.

Sources: Miller 2024, Adding Error Bars to Evals, arXiv:2411.00640 (variance within and between questions, paired
differences); Mantel and Haenszel 1959, J. Natl. Cancer Inst. 22:719 (the stratified exact test); Holm 1979,
Scand. J. Statist. 6:65; Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57:289.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

Outcomes = Sequence[tuple[int, int]]

# Variance of the median of n standard normal values, n = 1 to 10 (integrals over the order statistics, by scipy
# quadrature). For even n the median is the mean of the two middle values.
_MEDIAN_VARIANCE = (1.0, 0.5, 0.448671, 0.2982, 0.286834, 0.214743, 0.210447, 0.168181, 0.166101, 0.138326)


_ROOT_HALF = math.sqrt(0.5)


class Summary(NamedTuple):
    """What a comparison needs of an outcome table."""

    n_questions: int  # with an answer
    n_measured: int  # answers
    score: float  # the mean of the measured questions' shares of right answers; 0 when nothing is measured
    answer_variance: float | None  # within questions, of one answer; None where no question was answered twice


def summary(outcomes: Outcomes) -> Summary:
    """Return the summary of an outcome table of hashable pairs.

    The variance of one answer is the mean over the answers of p (1 - p) n / (n - 1) of their question's n answers
    (Miller 2024, section 3); a question answered once has none of its own and takes the mean of the others'.
    """
    pairs = [(correct, measured, times) for (correct, measured), times in Counter(outcomes).items() if measured]
    n_questions = sum(times for _correct, _measured, times in pairs)
    n_measured = sum(measured * times for _correct, measured, times in pairs)
    if not n_measured:
        return Summary(0, 0, 0.0, None)
    score = math.fsum(correct / measured * times for correct, measured, times in pairs) / n_questions
    several = [
        (correct * (measured - correct) / (measured * (measured - 1)), measured * times, times)
        for correct, measured, times in pairs
        if measured > 1
    ]
    if not several:
        return Summary(n_questions, n_measured, score, None)
    mean = math.fsum(variance * times for variance, _n, times in several) / sum(times for _v, _n, times in several)
    singles = sum(times for _correct, measured, times in pairs if measured == 1)
    whole = math.fsum(variance * n for variance, n, _times in several) + mean * singles
    return Summary(n_questions, n_measured, score, whole / n_measured)


def mean_score(outcomes: Outcomes) -> float | None:
    """Return the mean of the measured questions' shares of right answers; None when nothing is measured."""
    found = summary(outcomes)
    return found.score if found.n_measured else None


def variance_pooled(tables: Sequence[Outcomes], n_answers: float) -> float:
    """Return the variance within questions of a score over ``n_answers``, from all hosts' answers taken together.

    Serves when each host answered each question once: the spread of a question's answers then shows only across hosts.
    """
    terms = []
    for pairs in zip(*tables, strict=True):
        total = sum(measured for _correct, measured in pairs)
        share = sum(correct for correct, _measured in pairs) / total if total else 0.0
        terms.append(share * (1 - share) * total / (total - 1) if total > 1 else 0.0)
    return math.fsum(terms) / len(terms) / n_answers if terms else 0.0


def median_variance(n: int) -> float:
    """Return the variance of the median of ``n`` standard normal values; above 10 the slightly larger pi / (2 n)."""
    return _MEDIAN_VARIANCE[n - 1] if n <= len(_MEDIAN_VARIANCE) else math.pi / (2 * n)


def leave_one_out_medians(values: Sequence[float]) -> list[float]:
    """Return for each of at least two values the median of all the others, which no single bad one can move far."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranked = [values[index] for index in order]
    low, high = (len(ranked) - 2) // 2, (len(ranked) - 1) // 2
    medians = [(ranked[low + (low >= rank)] + ranked[high + (high >= rank)]) / 2 for rank in range(len(ranked))]
    return _in_input_order(order, medians)


def normal_cdf(z: float) -> float:
    """Return P(Z <= z) of the standard normal distribution, accurate in the lower tail."""
    return 0.5 * math.erfc(-z * _ROOT_HALF)


def lower_tail(difference: float, standard_error: float) -> float:
    """Return the one-sided p value of a difference, small where it lies far below zero."""
    if standard_error > 0:
        return normal_cdf(difference / standard_error)
    return float(difference >= 0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values: with those up to alpha rejected, any false rejection is as rare as alpha."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    steps = accumulate(((len(order) - rank) * p_values[index] for rank, index in enumerate(order)), max)
    return _in_input_order(order, [min(1.0, step) for step in steps])


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's adjusted p values: they bound the expected share of false ones in a list."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    size = len(order)
    steps = accumulate((p_values[index] * size / (size - rank) for rank, index in enumerate(order)), min)
    return _in_input_order(order, [min(1.0, step) for step in steps])


def exact_lower_tail(own: Outcomes, panel: Outcomes) -> float:
    """Return P(as few right answers as ``own`` or fewer), given each question's total over ``own`` and ``panel``.

    Where both answer a question equally well, own's right answers are hypergeometric given the question's total; their
    sum's distribution is the convolution over the questions (the exact form of the Mantel-Haenszel test). It needs no
    large sample and holds with one answer a question.
    """
    distribution = [1.0]
    observed = 0
    for (correct, measured), (panel_correct, panel_measured) in zip(own, panel, strict=True):
        observed += correct
        distribution = _convolve(
            distribution, _hypergeometric(measured + panel_measured, correct + panel_correct, measured)
        )
    return min(1.0, math.fsum(distribution[: observed + 1]))


@lru_cache(maxsize=65536)
def _hypergeometric(population: int, right: int, drawn: int) -> tuple[float, ...]:
    whole = math.comb(population, drawn)
    return tuple(math.comb(right, k) * math.comb(population - right, drawn - k) / whole for k in range(drawn + 1))


def _convolve(left: Sequence[float], right: Sequence[float]) -> list[float]:
    result = [0.0] * (len(left) + len(right) - 1)
    for shift, weight in enumerate(right):
        if weight:
            for index, value in enumerate(left):
                result[index + shift] += weight * value
    return result


def _in_input_order(order: Sequence[int], values: Sequence[float]) -> list[float]:
    result = [0.0] * len(order)
    for index, value in zip(order, values, strict=True):
        result[index] = value
    return result
