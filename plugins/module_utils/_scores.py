# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: scores, from the outcomes of one eval's samples to its score row."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _numbers, _outcomes
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
    return _interval(score, error, clusters - 1)


def confidence_interval_within(score: float, tallies: Sequence[Tally]) -> Optional[list[float]]:
    """Return the 95 % interval over new answers to the same questions, kept within 0 and 1; None without repeats.

    Each question's variance is estimated from its n answers with n-1 degrees of freedom; the sum's are added up.
    """
    freedom = sum(tally.measured - 1 for tally in tallies if tally.measured)
    return _interval(score, standard_error_within(tallies), freedom)


def _interval(score: float, error: Optional[float], freedom: int) -> Optional[list[float]]:
    if error is None or freedom < 1:
        return None
    half = _t975(freedom) * error
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
    tallies = _tallies(marks, questions)
    measured = sum(tally.measured for tally in tallies)
    correct = sum(tally.correct for tally in tallies)
    return {
        "score": correct / measured if measured else None,
        "n_questions": len(questions),
        "n_repeats": n_repeats,
        "n_samples": len(questions) * n_repeats,
        "n_measured": measured,
        **_counts(marks.values()),
        **_errors_of_score(tallies),
        **_of_repeats(marks, tallies, n_repeats),
        **_speed(marks.values()),
        "outcomes": [list(tally) for tally in tallies],
        "questions": list(questions),
        "complete": len(marks) == len(questions) * n_repeats,
        "errors": _frequent_errors(marks.values()),
    }


def _counts(marks: Iterable[Mark]) -> dict[str, int]:
    """Return how often each outcome came, and what is found beside it, in right answers too."""
    marks = list(marks)
    counts = Counter(mark.outcome for mark in marks)
    measured = [mark for mark in marks if mark.outcome in _outcomes.MEASURED]
    return {
        "n_correct": counts[_outcomes.CORRECT],
        "n_wrong": counts[_outcomes.WRONG],
        "n_unparsed": counts[_outcomes.UNPARSED],
        "n_truncated": counts[_outcomes.TRUNCATED],
        "n_refused": counts[_outcomes.REFUSED],
        "n_errors": counts[_outcomes.ERROR],
        "n_timeouts": counts[_outcomes.TIMEOUT],
        "n_cut_off": sum(mark.finish_reason == "length" for mark in measured),
        "n_fallback": sum(not mark.parsed for mark in measured),
        "n_empty": sum(mark.empty for mark in measured),
    }


def _errors_of_score(tallies: Sequence[Tally]) -> dict[str, Any]:
    """Return the score's standard errors and intervals: over new questions, and over new answers to the same ones."""
    asked = [tally for tally in tallies if tally.measured]
    error, within = standard_error_clustered(asked), standard_error_within(asked)
    intervals: tuple[Optional[list[float]], ...] = (None, None)
    if asked:
        score = sum(tally.correct for tally in asked) / sum(tally.measured for tally in asked)
        intervals = confidence_interval(score, error, len(asked)), confidence_interval_within(score, asked)
    return {
        "standard_error": error,
        "standard_error_within": within,
        "confidence_interval": intervals[0],
        "confidence_interval_within": intervals[1],
    }


def _of_repeats(marks: Mapping[tuple[int, int], Mark], tallies: Sequence[Tally], n_repeats: int) -> dict[str, Any]:
    """Return what the repeats tell: pass@k, the majority's answers, and each repeat's own score."""
    ballots: dict[int, list[_numbers.Ballot]] = {}
    answers = []
    for (question, repeat), mark in marks.items():
        if mark.outcome in _outcomes.MEASURED:
            right = mark.outcome == _outcomes.CORRECT
            choice = _numbers.ballot_choice(mark.extracted, mark.permutation, right)
            ballots.setdefault(question, []).append(_numbers.Ballot(choice, right))
            answers.append((repeat, right))
    return {
        "pass_at_k": _numbers.pass_table(tallies, n_repeats),
        "majority": _numbers.majority(ballots, n_repeats),
        "repeat_scores": _numbers.repeat_scores(answers, n_repeats),
    }


def _speed(marks: Iterable[Mark]) -> dict[str, Any]:
    """Return tokens and times; a latency counts from a sample's first attempt to its answer, retries included."""
    marks = list(marks)
    completion, seconds = sum(mark.completion_tokens for mark in marks), active_seconds(marks)
    return {
        "tokens": _tokens(marks),
        "seconds": round(seconds, 3),
        "tokens_per_second": round(completion / seconds, 1) if seconds > 0 else None,
        "latency": _numbers.spread(
            mark.finished - mark.started for mark in marks if mark.outcome in _outcomes.MEASURED
        ),
        "time_to_first_token": None,
    }


def _tallies(marks: Mapping[tuple[int, int], Mark], questions: Sequence[int]) -> list[Tally]:
    correct: Counter[int] = Counter()
    measured: Counter[int] = Counter()
    for (question, _repeat), mark in marks.items():
        measured[question] += mark.outcome in _outcomes.MEASURED
        correct[question] += mark.outcome == _outcomes.CORRECT
    return [Tally(correct[question], measured[question]) for question in questions]


def _tokens(marks: Iterable[Mark]) -> dict[str, Optional[int]]:
    """Return the sums; the answers' tokens are what is not reasoning, None where the server tells of no reasoning."""
    prompt = completion = reasoning = 0
    for mark in marks:
        prompt += mark.prompt_tokens
        completion += mark.completion_tokens
        reasoning += mark.reasoning_tokens
    answer = completion - reasoning if reasoning else None
    return {"prompt": prompt, "completion": completion, "reasoning": reasoning, "answer": answer}


def _frequent_errors(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    texts = Counter(mark.error for mark in marks if mark.error)
    # Not most_common: where two are as frequent, that tells the one which came first.
    most = sorted(texts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return [{"text": text, "count": count} for text, count in most]


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
    cut_off = max(row["n_truncated"], row.get("n_cut_off") or 0)  # right ones too
    if cut_off > max_truncated * planned:
        reasons.append(
            f"{cut_off} of {planned} replies were cut off at the token limit (over {max_truncated:.1%}): "
            f"{_longer_replies(row)}"
        )
    return {**row, "verdict": "void" if void else None, "reason": "; ".join(reasons)}


def _longer_replies(row: Mapping[str, Any]) -> str:
    """Return what to do for longer replies: the server's context limits them too, and max_tokens is fitted to it."""
    limit = row.get("max_tokens")
    if row.get("max_tokens_fitted_from"):
        return f"raise the server's max_model_len, to which max_tokens was fitted ({limit})"
    return f"raise max_tokens (evaluate_max_tokens), which is {limit}, or the server's max_model_len where that is less"
