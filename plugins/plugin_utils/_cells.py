# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cells, the scores that a fleet must have, each found usable, void or missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import as_digests

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
        return [Tally(int(correct), int(measured)) for correct, measured in (self.row or {}).get("outcomes") or []]

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
    if row.get("verdict") == "void" or row.get("score") is None or not row.get("outcomes"):
        return Cell(key, row, "void", row.get("reason") or "the eval measured nothing")
    return Cell(key, row)


def _mismatch(row: Row, wanted: Wanted) -> str:
    if wanted.since is not None and (row.get("registered") or 0) < wanted.since:
        return f"the only score is from an earlier run, finished {row.get('finished') or 'at an unknown time'}"
    for name in ("sampler", "n_repeats"):
        want = getattr(wanted, name)
        if want is not None and row.get(name) != want:
            return f"the only score has {name} {row.get(name)}, wanted {want}"
    if wanted.examples is not None and row.get("n_questions") != wanted.examples:
        return f"the only score is over {row.get('n_questions')} questions, wanted {wanted.examples}"
    return ""
