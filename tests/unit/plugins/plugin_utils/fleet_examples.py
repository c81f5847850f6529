# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Score rows as the action eval registers them, from exact counts or from a model of noisy hosts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._numbers import pass_table
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import (
    Tally,
    confidence_interval,
    confidence_interval_within,
    standard_error_clustered,
    standard_error_within,
)

N_QUESTIONS = {"gpqa": 198, "aime25": 30}
EFFORTS = ("low", "medium", "high")


def spread(n_correct: int, n_questions: int, n_repeats: int = 8) -> list[list[int]]:
    """Return outcomes with exactly this many right answers: easy questions, hard ones, and some in between."""
    shares = [min(1.0, max(0.0, 1.4 - 1.8 * q / n_questions)) for q in range(n_questions)]
    outcomes = [[round(share * n_repeats), n_repeats] for share in shares]
    step = 1 if sum(correct for correct, _n in outcomes) < n_correct else -1
    position = 0
    while sum(correct for correct, _n in outcomes) != n_correct:
        outcome = outcomes[position % n_questions]
        if 0 <= outcome[0] + step <= n_repeats:
            outcome[0] += step
        position += 7
    return outcomes


def make_row(task: str, effort: str, outcomes: Sequence[Sequence[int]], **others: Any) -> dict[str, Any]:
    tallies = [Tally(*outcome) for outcome in outcomes]
    n_correct = sum(tally.correct for tally in tallies)
    n = sum(tally.measured for tally in tallies)
    error = standard_error_clustered(tallies)
    row = {
        "server": "gpt-oss-20b",
        "model": "openai/gpt-oss-20b",
        "task": task,
        "reasoning_effort": effort,
        "sampler": "responses",
        "score": n_correct / n,
        "n_questions": len(outcomes),
        "questions": list(range(len(outcomes))),
        "n_repeats": 8,
        "n_samples": n,
        "n_measured": n,
        "n_correct": n_correct,
        "n_wrong": n - n_correct,
        "n_unparsed": 0,
        "n_truncated": 0,
        "n_refused": 0,
        "n_errors": 0,
        "n_timeouts": 0,
        "n_cut_off": 0,
        "n_fallback": 0,
        "n_empty": 0,
        "standard_error": error,
        "standard_error_within": standard_error_within(tallies),
        "confidence_interval": confidence_interval(n_correct / n, error, len(outcomes)),
        "confidence_interval_within": confidence_interval_within(n_correct / n, tallies),
        "pass_at_k": pass_table(tallies, 8),
        "majority": {"k": 8, "score": 0.625, "n_questions": len(outcomes), "n_tied": 3},
        "repeat_scores": [n_correct / n] * 8,
        "tokens": {"prompt": 100, "completion": 200, "reasoning": 50, "answer": 150},
        "seconds": 1.5,
        "tokens_per_second": 133.3,
        "latency": {"p50": 0.25, "p90": 2.5, "p99": 25.0, "max": 250.0},
        "time_to_first_token": None,
        "data_sha256": ["made-up"],
        "simulated": False,
        "vllm_version": "0.33.0",
        "image_digest": "sha256:abc",
        "revision": "main",
        "finished": "2026-01-01T00:00:00Z",
        "registered": 100.0,
        "outcomes": [list(outcome) for outcome in outcomes],
        "complete": True,
        "verdict": None,
        "reason": "",
    }
    return row | others


def difficulties(rng: random.Random, task: str, mean: float) -> list[float]:
    """Return the chance of a right answer to each question: mixed, as on GPQA."""
    return [min(0.98, max(0.02, rng.betavariate(1.2 * mean, 1.2 * (1 - mean)))) for _unused in range(N_QUESTIONS[task])]


def answer(rng: random.Random, chances: Sequence[float], drop: float = 0.0) -> list[list[int]]:
    return [[sum(rng.random() < chance - drop for _unused in range(8)), 8] for chance in chances]
