# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that answer by chance: the questions' difficulties, and score rows as the judge takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally
from scipy import stats

N_REPEATS = 8
# The spread of a healthy host's GPQA score over runs of the same questions: FACTS of the original harness' 198 x 8.
GPQA_DEVIATION = 0.0079
# Scores of gpt-oss-20b at low, medium and high effort, where the simulated ones lie.
MEANS = {"gpqa": (0.561, 0.635, 0.721), "aime25": (0.35, 0.746, 0.8625)}
N_QUESTIONS = {"gpqa": 198, "aime25": 30}
EFFORTS = ("low", "medium", "high")
_TALLIES = [[Tally(correct, n) for correct in range(n + 1)] for n in range(N_REPEATS + 1)]


@dataclass(frozen=True)
class Test:
    """The questions of a task at one effort: each one's chance of a right answer."""

    task: str
    effort: str
    chances: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.chances.mean())

    def degraded(self, drop: float) -> Test:
        """The same where a share of the answers is spoilt, so that the score drops by so much."""
        return Test(self.task, self.effort, self.chances * (1 - drop / self.mean))

    def deviation(self, n_repeats: int = N_REPEATS) -> float:
        """The true standard deviation of a score over new answers to the same questions."""
        return math.sqrt(float((self.chances * (1 - self.chances)).sum()) / n_repeats) / len(self.chances)


@lru_cache
def make_test(task: str, effort: str) -> Test:
    """Return questions of mixed difficulties (a beta distribution's quantiles) with the wanted mean and deviation."""
    mean = MEANS[task][EFFORTS.index(effort)]
    # E[p (1 - p)] = mean (1 - mean) a / (a + 1) of Beta(a mean, a (1 - mean)), and the score's variance is that / n.
    ratio = GPQA_DEVIATION**2 * N_QUESTIONS["gpqa"] * N_REPEATS / (mean * (1 - mean))
    a = ratio / (1 - ratio)
    ranks = (np.arange(N_QUESTIONS[task]) + 0.5) / N_QUESTIONS[task]
    return Test(task, effort, stats.beta.ppf(ranks, a * mean, a * (1 - mean)))


def answers(rng: np.random.Generator, test: Test, n_hosts: int, n_repeats: int = N_REPEATS) -> np.ndarray:
    """Return right answers by host and question."""
    return rng.binomial(n_repeats, test.chances, size=(n_hosts, len(test.chances)))


def looks(rng: np.random.Generator, test: Test, n_hosts: int) -> np.ndarray:
    """Return right answers so far by host, repeat and question."""
    each = rng.random((n_hosts, N_REPEATS, len(test.chances))) < test.chances
    return np.cumsum(each, axis=1)


def row(test: Test, correct: Sequence[int], through_repeat: int = N_REPEATS) -> dict[str, Any]:
    """Return a score row of one host."""
    tallies = _TALLIES[through_repeat]
    return {
        "server": "server",
        "model": "openai/gpt-oss-20b",
        "task": test.task,
        "reasoning_effort": test.effort,
        "sampler": "responses",
        "score": sum(correct) / len(correct) / through_repeat,
        "n_questions": len(correct),
        "n_repeats": N_REPEATS,
        "through_repeat": through_repeat,
        "stopped": through_repeat < N_REPEATS,
        "complete": True,
        "outcomes": [tallies[n] for n in correct],
    }
