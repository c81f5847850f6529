# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cell count, what was asked of one cell of an eval so far, and what is left of several."""

from __future__ import annotations

from collections import Counter
from typing import Any, Mapping, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import GUESSED_TOKENS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import (
    Tally,
    standard_error_clustered,
    standard_error_within,
)


class CellCount:
    """What was asked of one cell so far."""

    def __init__(self, marks: Mapping[Key, Mark]) -> None:
        self.outcomes: Counter[str] = Counter()
        self.tokens = 0
        self._right: Counter[int] = Counter()
        self._measured: Counter[int] = Counter()
        for (question, _repeat), mark in marks.items():
            self.add(question, mark)

    def add(self, question: int, mark: Mark) -> None:
        """Count one sample that was not counted before."""
        self.outcomes[mark.outcome] += 1
        self.tokens += mark.completion_tokens
        self._measured[question] += mark.outcome in _outcomes.MEASURED
        self._right[question] += mark.outcome == _outcomes.CORRECT

    @property
    def done(self) -> int:
        """How many samples were asked."""
        return sum(self.outcomes.values())

    @property
    def measured(self) -> int:
        """How many of them count in the score."""
        return sum(self._measured.values())

    @property
    def tallies(self) -> list[Tally]:
        """Right and measured answers of each question that was asked."""
        return [Tally(self._right[question], measured) for question, measured in self._measured.items()]


def tokens_left(cells: Sequence[Mapping[str, Any]]) -> float:
    """Return what is left in tokens; where no reply tells of any, in requests.

    A cell without replies is taken for as long as its effort usually is, compared with the cells that have some.
    """
    known = [cell for cell in cells if cell["tokens"]]
    usual = sum(GUESSED_TOKENS[cell["effort"]] * cell["done"] for cell in known)
    scale = sum(cell["tokens"] for cell in known) / usual if known else 0.0
    left = 0.0
    for cell in cells:
        guess = GUESSED_TOKENS[cell["effort"]] * scale or 1.0
        left += (cell["total"] - cell["done"]) * (cell["tokens"] / cell["done"] if cell["tokens"] else guess)
    return left


def counted_of(count: CellCount) -> dict[str, Any]:
    """Return a cell's numbers for the status file."""
    correct, measured, tallies = count.outcomes[_outcomes.CORRECT], count.measured, count.tallies
    return {
        "done": count.done,
        "correct": correct,
        "measured": measured,
        "score": correct / measured if measured else None,
        "standard_error": standard_error_clustered(tallies),
        "standard_error_within": standard_error_within(tallies),
        "tokens": count.tokens,
    }


def finished_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of a finished cell, from its score row."""
    return {
        "done": row["n_samples"],
        "correct": row["n_correct"],
        "measured": row["n_measured"],
        "score": row["score"],
        "standard_error": row["standard_error"],
        "standard_error_within": row["standard_error_within"],
        "tokens": (row.get("tokens") or {}).get("completion") or 0,
    }
