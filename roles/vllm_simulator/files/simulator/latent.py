# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: latent, which answers are right. Decided by hashes alone, so never by the order of requests.

A sample is right when spread x easiness(question) + noise(seed, task, effort, question, repeat) exceeds a cutoff
(a logistic, i.e. Rasch-like, model). Easiness does not depend on the server's seed: all servers find the same
questions hard, as real ones do. With a spread of 2.5 the standard error within questions is about 0.7 of the
binomial one, as seen with real models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from simulator.configuration import Target
from simulator.hashing import unit

SPREAD = 2.5
_NORMAL = NormalDist()


class LatentError(Exception):
    """A target that the data set cannot give."""


def easiness(task: str, question: int) -> float:
    """Return the question's standard normal easiness, the same for every server."""
    return _NORMAL.inv_cdf(unit("easiness", task, question))


class Cell:
    """One task at one reasoning effort on one server."""

    def __init__(self, seed: int, task: str, effort: str, questions: int, repeats: int) -> None:
        self._name = (seed, task, effort)
        self._repeats = repeats
        self._easiness = [SPREAD * easiness(task, question) for question in range(questions)]
        self._cutoff = -math.inf

    def aim(self, target: Target, drop: float = 0.0) -> Cell:
        """Set the cutoff so that the target, less the drop, comes out. Raises LatentError."""
        if target.correct is None:
            self._cutoff = _cutoff_of_mean(self._easiness, max(0.0, target.accuracy - drop))
            return self
        samples = len(self._easiness) * self._repeats
        if target.correct > samples:
            raise LatentError(
                f"{target.correct} right answers are wanted of {self._name[1]} at effort {self._name[2]}, but "
                f"{len(self._easiness)} questions x {self._repeats} repeats give {samples} samples"
            )
        self._cutoff = self._cutoff_of_count(max(0, round(target.correct - drop * samples)))
        return self

    def is_right(self, question: int, repeat: int) -> bool:
        """Say whether this sample is answered rightly; repeats beyond the planned ones follow the same rule."""
        return self._latent(question, repeat) > self._cutoff

    def _latent(self, question: int, repeat: int) -> float:
        chance = unit("noise", *self._name, question, repeat)
        return self._easiness[question] + math.log(chance / (1.0 - chance))

    def _cutoff_of_count(self, count: int) -> float:
        questions = range(len(self._easiness))
        values = sorted((self._latent(q, r) for q in questions for r in range(self._repeats)), reverse=True)
        if count == len(values):
            return -math.inf
        return (values[count - 1] + values[count]) / 2.0 if count else math.inf


def _cutoff_of_mean(values: Sequence[float], mean: float) -> float:
    """Solve for the cutoff c at which the mean over questions of 1 / (1 + exp(c - value)) is `mean`."""
    if mean >= 1.0 or not values:
        return -math.inf
    if mean <= 0.0:
        return math.inf
    low, high = min(values) - 60.0, max(values) + 60.0
    for _unused in range(100):
        middle = (low + high) / 2.0
        reached = sum(1.0 / (1.0 + math.exp(middle - value)) for value in values) / len(values)
        low, high = (middle, high) if reached > mean else (low, middle)
    return (low + high) / 2.0
