# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: numbers, what repeated answers tell beyond the share of right ones: pass@k, majority, repeats, percentiles.

Sources: pass@k: Chen et al. 2021, Evaluating Large Language Models Trained on Code, arXiv 2107.03374, equation 1.
Majority: Wang et al. 2022, Self-Consistency Improves Chain of Thought Reasoning, arXiv 2203.11171 (the most frequent
final answer; what happens with a tie is not said there). Percentiles: the inverse of the empirical distribution,
definition 1 of Hyndman and Fan 1996, Sample Quantiles in Statistical Packages, Am. Stat. 50:361.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

_PERCENTILES = (50, 90, 99)


class Ballot(NamedTuple):
    """One measured answer: what it chose (None when nothing could be read), and whether that is right."""

    choice: Optional[str]
    right: bool


def pass_at_k(tallies: Iterable[tuple[int, int]], k: int) -> tuple[Optional[float], int]:
    """Return the share of questions of which one of k answers is right, and over how many questions it is.

    The mean of 1 - C(n-c, k) / C(n, k) over the questions with c right answers of n >= k: unbiased, and with k = n the
    plain share of questions with any right answer. Questions with fewer than k measured answers cannot be told.
    """
    told = [
        1.0 - math.comb(measured - correct, k) / math.comb(measured, k)
        for correct, measured in tallies
        if measured >= k
    ]
    return (math.fsum(told) / len(told) if told else None), len(told)


def ks(n_repeats: int) -> list[int]:
    """Return the k that are told: 1, the powers of 2 below the number of repeats, and that number."""
    powers = [2**power for power in range(n_repeats.bit_length()) if 2**power < n_repeats]
    return [*powers, n_repeats] if n_repeats > 0 else []


def pass_table(tallies: Sequence[tuple[int, int]], n_repeats: int) -> list[dict[str, Any]]:
    """Return pass@k for each k that is told."""
    rows = []
    for k in ks(n_repeats):
        score, n_questions = pass_at_k(tallies, k)
        rows.append({"k": k, "score": score, "n_questions": n_questions})
    return rows


def ballot_choice(extracted: Optional[str], permutation: Sequence[int], right: bool) -> Optional[str]:
    """Return what an answer chose, in words that mean the same whatever the order in which the choices were shown.

    A letter becomes the number of the choice in the data set; an integer is its own name; anything else, such as a
    letter that was not among the choices, chose nothing. All right answers are one choice, as a wrong choice may have
    the text of the right one.
    """
    if right:
        return "right"
    if not extracted:
        return None
    place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".find(extracted) if len(extracted) == 1 else -1
    if 0 <= place < len(permutation):
        return f"choice {permutation[place]}"
    return extracted if extracted.lstrip("-").isdigit() else None


def vote(ballots: Iterable[Ballot]) -> tuple[Optional[float], bool]:
    """Return whether the most frequent choice is right, and whether it shares its place.

    Where m choices are the most frequent, the right one among them, it is 1/m: what drawing lots gives on average.
    None when there is no ballot; answers that chose nothing have no vote, and with no vote at all nothing is right.
    """
    ballots = list(ballots)
    if not ballots:
        return None, False
    counts = Counter(ballot.choice for ballot in ballots if ballot.choice is not None)
    most = max(counts.values(), default=0)
    leaders = {choice for choice, count in counts.items() if count == most}
    right = any(ballot.right and ballot.choice in leaders for ballot in ballots)
    return (1.0 / len(leaders) if right else 0.0), len(leaders) > 1


def majority(ballots: Mapping[int, Sequence[Ballot]], k: int) -> dict[str, Any]:
    """Return majority@k, from each question's ballots, over the questions with any; n_tied: those without a winner."""
    results = [vote(own) for own in ballots.values() if own]
    scores = [score for score, _tied in results if score is not None]
    return {
        "k": k,
        "score": math.fsum(scores) / len(scores) if scores else None,
        "n_questions": len(scores),
        "n_tied": sum(tied for _score, tied in results),
    }


def repeat_scores(answers: Iterable[tuple[int, bool]], n_repeats: int) -> list[Optional[float]]:
    """Return each repeat's share of right answers from pairs of repeat and right; None where nothing was measured."""
    right: Counter[int] = Counter()
    measured: Counter[int] = Counter()
    for repeat, correct in answers:
        measured[repeat] += 1
        right[repeat] += correct
    return [right[repeat] / measured[repeat] if measured[repeat] else None for repeat in range(n_repeats)]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest of at least one ascending value such that so many per cent are not above it."""
    # Rounded, as 0.07 * 100 is 7.000000000000001 to a computer.
    rank = math.ceil(round(len(ordered) * percent / 100.0, 9))
    return ordered[min(len(ordered), max(1, rank)) - 1]


def spread(values: Iterable[float]) -> Optional[dict[str, float]]:
    """Return median, 90th and 99th percentile and the largest of some values; None when there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    told = {f"p{percent}": round(percentile(ordered, percent), 3) for percent in _PERCENTILES}
    return {**told, "max": round(ordered[-1], 3)}
