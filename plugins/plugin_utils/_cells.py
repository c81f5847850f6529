# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cells, the scores that a fleet must have, each found usable, void or missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import as_digests
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._statistics import Summary, summary

Row = Mapping[str, Any]


class Key(NamedTuple):
    """Where a score belongs."""

    host: str
    server: str
    task: str
    effort: str


@dataclass(frozen=True)
class Wanted:
    """The eval that a score must come from; None accepts any."""

    since: float | None = None
    sampler: str | None = None
    n_repeats: int | None = None
    examples: int | None = None
    subset: int | None = None
    stopped: bool = False  # whether a run that a sequential eval stopped before its last repeat will do


@dataclass(frozen=True)
class Cell:
    """One expected score: its row where there is one, and why it cannot be judged where it cannot."""

    key: Key
    row: Row | None
    problem: str | None = None  # "missing" or "void"
    reason: str = ""

    @cached_property
    def outcomes(self) -> list[Tally]:
        """Right and measured answers, question by question."""
        pairs = (self.row or {}).get("outcomes") or []
        if pairs and isinstance(pairs[0], Tally):
            return pairs
        return tallies(pairs)

    @cached_property
    def summary(self) -> Summary:
        """The outcomes' summary."""
        return summary(self.outcomes)

    @property
    def n_repeats(self) -> int:
        """How often each question is asked in the whole run."""
        return int((self.row or {}).get("n_repeats_wanted") or (self.row or {}).get("n_repeats") or 0)

    @property
    def through_repeat(self) -> int:
        """The last repeat that was asked."""
        return int((self.row or {}).get("through_repeat") or self.n_repeats)

    @cached_property
    def comparable(self) -> tuple[Any, ...]:
        """What two scores must have in common to be compared question by question."""
        row = self.row or {}
        questions = row.get("questions")
        return (
            row.get("model"),
            self.key.task,
            self.key.effort,
            row.get("sampler"),
            tuple(sorted(as_digests(row.get("data_sha256")))),
            tuple(questions) if questions else row.get("n_questions"),
            bool(row.get("simulated")),
        )


@lru_cache(maxsize=4096)
def _tally(correct: int, measured: int) -> Tally:
    """Return the one Tally of these counts: a thousand hosts' outcomes are many, and nearly all of them alike.

    Raises TypeError and ValueError for what are no counts.
    """
    if not isinstance(correct, int) or not isinstance(measured, int):
        raise TypeError(correct, measured)
    if not 0 <= correct <= measured:
        raise ValueError(correct, measured)
    return Tally(correct, measured)


@lru_cache(maxsize=4096)
def _tally_of(text: str) -> Tally:
    correct, _slash, measured = text.partition("/")
    return _tally(int(correct), int(measured))


def tallies(outcomes: str | Iterable[Sequence[int]]) -> list[Tally]:
    """Return outcomes as tallies: pairs of right and measured answers, or the same as a text, "5/8 8/8 ..."."""
    if isinstance(outcomes, str):
        return [_tally_of(pair) for pair in outcomes.split()]
    return [_tally(correct, measured) for correct, measured in outcomes]


def expected_keys(servers: Mapping[str, Sequence[str]], tasks: Sequence[str], efforts: Sequence[str]) -> Iterable[Key]:
    """Return each score that must be there; servers: the names of the servers of each host."""
    return [
        Key(host, server, task, effort)
        for host, names in servers.items()
        for server in names
        for task in tasks
        for effort in efforts
    ]


def find_cell(key: Key, rows: Sequence[Row], wanted: Wanted, failure: str = "") -> Cell:
    """Return the cell of a key from its host's score rows; failure: what the host's eval ended with, if it failed."""
    mine = [row for row in rows if (row["server"], row["task"], row["reasoning_effort"]) == key[1:]]
    if not mine:
        return Cell(key, None, "missing", failure or "no score was registered: the eval did not run, or did not end")
    row = max(mine, key=lambda row: (not _mismatch(row, wanted), row.get("registered") or 0))
    if mismatch := _mismatch(row, wanted):
        return Cell(key, None, "missing", "; ".join(filter(None, (mismatch, failure))))
    if not row.get("complete", True):
        text = f"the eval is incomplete: {row.get('n_measured', 0)} of {row.get('n_samples')} samples"
        return Cell(key, row, "missing", "; ".join(filter(None, (text, failure))))
    if row.get("stopped") and not wanted.stopped:
        cell = Cell(key, row)
        text = f"the eval was stopped after repeat {cell.through_repeat} of {cell.n_repeats}"
        return Cell(key, row, "missing", "; ".join(filter(None, (text, failure))))
    if row.get("verdict") == "void" or row.get("score") is None or not row.get("outcomes"):
        return Cell(key, row, "void", row.get("reason") or "the eval measured nothing")
    return Cell(key, row)


def _mismatch(row: Row, wanted: Wanted) -> str:
    if wanted.since is not None and (row.get("registered") or 0) < wanted.since:
        return f"the only score is from an earlier run, finished {row.get('finished') or 'at an unknown time'}"
    found = {"sampler": row.get("sampler"), "n_repeats": row.get("n_repeats_wanted") or row.get("n_repeats")}
    for name, value in found.items():
        want = getattr(wanted, name)
        if want is not None and value != want:
            return f"the only score has {name} {value}, wanted {want}"
    n_questions = wanted.subset if wanted.examples is None else wanted.examples
    if n_questions is not None and row.get("n_questions") != n_questions:
        return f"the only score is over {row.get('n_questions')} questions, wanted {n_questions}"
    return ""
