# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: scores, from the outcomes of one eval's samples to its score row."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark

_Z95 = 1.959963984540054  # the standard normal distribution's 97.5 % point


class Tally(NamedTuple):
    """Right and measured answers to one question."""

    correct: int
    measured: int


def standard_error_clustered(tallies: Sequence[Tally]) -> Optional[float]:
    """Return the standard error of correct/measured over *new questions*; None with fewer than two questions.

    The repeats of a question are one cluster: sqrt(C/(C-1) * sum_c (k_c - n_c*s)^2) / N, with k_c of n_c right in
    cluster c, s the score, N samples and C clusters (Miller 2024, "Adding Error Bars to Evals", arXiv 2411.00640,
    section 2.2, with the C/(C-1) of few clusters).
    """
    asked = [tally for tally in tallies if tally.measured]
    total = sum(tally.measured for tally in asked)
    if len(asked) < 2:
        return None
    score = sum(tally.correct for tally in asked) / total
    squares = sum((tally.correct - tally.measured * score) ** 2 for tally in asked)
    return math.sqrt(squares * len(asked) / (len(asked) - 1)) / total


def standard_error_within(tallies: Sequence[Tally]) -> Optional[float]:
    """Return the standard error of correct/measured over *new answers to the same questions*; None without repeats.

    sqrt(sum_q p_q*(1-p_q)/(K-1)) / Q for K repeats of Q questions; with unequal repeats each question weighs n_q.
    This is the error for comparing hosts on the same questions (Miller 2024, arXiv 2411.00640, section 3: the
    conditional variance). A question answered once has no variance of its own and takes the mean of the others'.
    """
    asked = [tally for tally in tallies if tally.measured]
    variances = [_answer_variance(tally) for tally in asked if tally.measured > 1]
    if not variances:
        return None
    mean = sum(variances) / len(variances)
    total = sum(tally.measured for tally in asked)
    summed = sum(t.measured * (_answer_variance(t) if t.measured > 1 else mean) for t in asked)
    return math.sqrt(summed) / total


def _answer_variance(tally: Tally) -> float:
    """Return the unbiased variance of one answer to this question: p(1-p)*n/(n-1)."""
    rate = tally.correct / tally.measured
    return rate * (1 - rate) * tally.measured / (tally.measured - 1)


def confidence_interval(score: float, error: Optional[float], clusters: int) -> Optional[list[float]]:
    """Return the 95 % interval score ± t*error, t with clusters-1 degrees of freedom, kept within 0 and 1."""
    if error is None or clusters < 2:
        return None
    half = _t975(clusters - 1) * error
    return [max(0.0, score - half), min(1.0, score + half)]


def _t975(freedom: int) -> float:
    """Return Student's 97.5 % point, from the normal one (Abramowitz & Stegun 26.7.5; within 1 % from 4 degrees up)."""
    z, inverse = _Z95, 1.0 / freedom
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term * inverse**power for power, term in enumerate(terms))


def active_seconds(marks: Iterable[Mark]) -> float:
    """Return for how many seconds at least one request was under way: pauses between two runs do not count."""
    total = 0.0
    end = -math.inf
    for started, finished in sorted((mark.started, mark.finished) for mark in marks):
        if finished > end:
            total += finished - max(started, end)
            end = finished
    return total


def summarize(marks: Mapping[tuple[int, int], Mark], questions: Sequence[int], n_repeats: int) -> dict[str, Any]:
    """Return the numbers of a score row from the marks of the asked samples; ``questions`` are the asked ones."""
    counts = Counter(mark.outcome for mark in marks.values())
    tallies = _tallies(marks, questions)
    measured = sum(tally.measured for tally in tallies)
    score = counts[_outcomes.CORRECT] / measured if measured else None
    error = standard_error_clustered(tallies)
    clusters = sum(1 for tally in tallies if tally.measured)
    return {
        "score": score,
        "n_questions": len(questions),
        "n_repeats": n_repeats,
        "n_samples": len(questions) * n_repeats,
        "n_measured": measured,
        "n_correct": counts[_outcomes.CORRECT],
        "n_wrong": counts[_outcomes.WRONG],
        "n_unparsed": counts[_outcomes.UNPARSED],
        "n_truncated": counts[_outcomes.TRUNCATED],
        "n_refused": counts[_outcomes.REFUSED],
        "n_errors": counts[_outcomes.ERROR],
        "n_timeouts": counts[_outcomes.TIMEOUT],
        "standard_error": error,
        "standard_error_within": standard_error_within(tallies),
        "confidence_interval": None if score is None else confidence_interval(score, error, clusters),
        "tokens": _tokens(marks.values()),
        "seconds": round(active_seconds(marks.values()), 3),
        "outcomes": [list(tally) for tally in tallies],
        "questions": list(questions),
        "complete": len(marks) == len(questions) * n_repeats,
        "errors": _frequent_errors(marks.values()),
    }


def _tallies(marks: Mapping[tuple[int, int], Mark], questions: Sequence[int]) -> list[Tally]:
    correct: Counter[int] = Counter()
    measured: Counter[int] = Counter()
    for (question, _repeat), mark in marks.items():
        measured[question] += mark.outcome in _outcomes.MEASURED
        correct[question] += mark.outcome == _outcomes.CORRECT
    return [Tally(correct[question], measured[question]) for question in questions]


def _tokens(marks: Iterable[Mark]) -> dict[str, int]:
    prompt = completion = reasoning = 0
    for mark in marks:
        prompt += mark.prompt_tokens
        completion += mark.completion_tokens
        reasoning += mark.reasoning_tokens
    return {"prompt": prompt, "completion": completion, "reasoning": reasoning}


def _frequent_errors(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    texts = Counter(mark.error for mark in marks if mark.error)
    return [{"text": text, "count": count} for text, count in texts.most_common(3)]


def judge(row: Mapping[str, Any], max_invalid: float, max_truncated: float) -> dict[str, Any]:
    """Return the row with its verdict: void when too much could not be measured; truncation gives a reason alone."""
    planned = max(1, row["n_samples"])
    invalid = row["n_refused"] + row["n_errors"] + row["n_timeouts"]
    reasons = []
    void = row["complete"] and (invalid > max_invalid * planned or not row["n_measured"])
    if void:
        text = "; ".join(f"{error['count']} × {error['text']}" for error in row["errors"])
        reasons.append(
            f"{invalid} of {planned} samples were not measured ({row['n_refused']} refused, {row['n_errors']} errors, "
            f"{row['n_timeouts']} timeouts), more than {max_invalid:.1%}: {text or 'no text'}"
        )
    if row["n_truncated"] > max_truncated * planned:
        reasons.append(
            f"{row['n_truncated']} of {planned} replies were cut off at the token limit (over {max_truncated:.1%}): "
            "raise the server's max_model_len"
        )
    return {**row, "verdict": "void" if void else None, "reason": "; ".join(reasons)}
