# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: dispatch, in which order the samples of all cells are asked: those with the longest expected reply first.

The order changes no score: each sample's prompt is fixed. It keeps the last replies short, so that the server is full
to the end. Longest first is within 4/3 of the best make-span (Graham 1969, "Bounds on Multiprocessing Timing
Anomalies", SIAM J. Appl. Math. 17(2)). How long a question's replies are is learnt from its first repeats. Pure.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import MEASURED, Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

# Tokens of a reply before any was seen. Only their order matters for dispatch; an estimate from them says so.
GUESSED_TOKENS = {"low": 500.0, "medium": 2000.0, "high": 8000.0}
# Ordered anew after so many replies, or after a part of what waits where that is more: sorting costs what it sorts.
_SORT_EVERY, _SORT_PART = 32, 64


class Item(NamedTuple):
    """One sample to ask; ``cell`` is the index of its cell."""

    cell: int
    effort: str
    sample: Sample


class Expectation:
    """How many tokens replies will have: by question, else by task and effort, else a guess."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, int], list[int]] = {}  # in their order
        self._usual: dict[tuple[str, str, int], float] = {}  # their medians
        self._totals: dict[tuple[str, str], tuple[int, int]] = {}
        self._longest: dict[tuple[str, str], int] = {}

    @property
    def is_guess(self) -> bool:
        """Whether no reply was seen yet."""
        return not self._totals

    def learn(self, task: str, effort: str, question: int, tokens: int) -> None:
        """Take in the length of one reply."""
        seen = self._seen.setdefault((task, effort, question), [])
        bisect.insort(seen, tokens)
        self._usual[task, effort, question] = (seen[(len(seen) - 1) // 2] + seen[len(seen) // 2]) / 2
        count, total = self._totals.get((task, effort), (0, 0))
        self._totals[task, effort] = count + 1, total + tokens
        self._longest[task, effort] = max(tokens, self._longest.get((task, effort), 0))

    def learn_marks(self, task: str, effort: str, marks: Mapping[tuple[int, int], Mark]) -> None:
        """Take in a journal's replies."""
        for (question, _repeat), mark in marks.items():
            if mark.outcome in MEASURED and mark.completion_tokens:
                self.learn(task, effort, question, mark.completion_tokens)

    def tokens(self, task: str, effort: str, question: int) -> float:
        """Return the expected number of tokens of a reply to this question."""
        usual = self._usual.get((task, effort, question))
        if usual is not None:
            return usual
        count, total = self._totals.get((task, effort), (0, 0))
        return total / count if count else GUESSED_TOKENS[effort]

    def rank(self, item: Item) -> float:
        """Return what to order by: the expected tokens, but a question without a reply yet counts as the longest.

        It was asked before or with those that are answered, and so is longer; or it was not asked yet, and is to be
        learnt of.
        """
        task, effort = item.sample.task, item.effort
        usual = self._usual.get((task, effort, item.sample.question))
        if usual is not None:
            return usual
        return max(self.of(item), float(self._longest.get((task, effort), 0)))

    def of(self, item: Item) -> float:
        """Return the expected number of tokens of an item's reply."""
        return self.tokens(item.sample.task, item.effort, item.sample.question)


def order(items: Iterable[Item], expectation: Expectation, by_repeat: bool = False) -> list[Item]:
    """Return the items, longest expected first; equal ones keep their order, so that first repeats come first.

    ``by_repeat``: all of a repeat before any of the next, whatever their length.
    """
    if by_repeat:
        return sorted(items, key=lambda item: (item.sample.repeat, -expectation.rank(item)))
    return sorted(items, key=lambda item: -expectation.rank(item))


class Queue:
    """What is still to be dispatched. It is ordered anew as replies teach more."""

    def __init__(self, items: Sequence[Item], expectation: Expectation, by_repeat: bool = False) -> None:
        self.expectation = expectation
        self._by_repeat = by_repeat
        self._waiting = order(items, expectation, by_repeat)[::-1]
        self._counts = Counter(map(_kind, items))
        self._learnt = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Queue:
        return self

    def __next__(self) -> Item:
        if not self._waiting:
            raise StopIteration
        item = self._waiting.pop()
        self._counts[_kind(item)] -= 1
        return item

    def put_back(self, item: Item) -> None:
        """Take back what was given out and not answered; it is the next to be given out."""
        self._waiting.append(item)
        self._counts[_kind(item)] += 1

    def learn(self, item: Item, tokens: int) -> None:
        """Take in a reply's length."""
        self.expectation.learn(item.sample.task, item.effort, item.sample.question, tokens)
        self._learnt += 1
        if self._learnt >= max(_SORT_EVERY, len(self._waiting) // _SORT_PART):
            self._learnt = 0
            self._waiting = order(self._waiting[::-1], self.expectation, self._by_repeat)[::-1]

    def tokens_left(self) -> float:
        """Return how many tokens the replies to what waits are expected to have."""
        return sum(count * self.expectation.tokens(*kind) for kind, count in self._counts.items())


def _kind(item: Item) -> tuple[str, str, int]:
    """Return task, effort and question, in which items are alike."""
    return item.sample.task, item.effort, item.sample.question
