# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: estimate, what an eval still costs, from what its journals and older ones tell of the replies' lengths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import Expectation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, CellState, settled
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Contents, JournalError, read_journal


def estimate(requests: int, tokens: float, tokens_per_second: Optional[float], is_guess: bool) -> dict[str, Any]:
    """Return what is left; ``seconds`` is None while the server's speed is not known, ``from`` what it rests on."""
    return {
        "requests": requests,
        "tokens": round(tokens),
        "seconds": round(tokens / tokens_per_second, 1) if tokens_per_second else None,
        "from": "guess" if is_guess else "replies",
    }


def expectation_of(states: Sequence[CellState]) -> Expectation:
    """Return what the unfinished cells' journals, or older ones with the same questions, tell of replies' lengths."""
    expectation = Expectation()
    for state in states:
        if state.finished:  # nothing is asked for which it would tell anything
            continue
        cell = state.cell
        for path in (Path(cell.journal), *_older(cell)):
            marks = _read(path, cell).marks
            expectation.learn_marks(cell.task, cell.effort, marks)
            if marks:
                break
    return expectation


def estimate_of(states: Sequence[CellState]) -> dict[str, Any]:
    """Return the estimate for a job that has not begun."""
    expectation = expectation_of(states)
    tokens, requests = 0.0, 0
    for state in states:
        if state.finished:
            continue
        done = settled(state.cell.read().marks)
        for sample in state.cell.samples:
            if (sample.question, sample.repeat) not in done:
                requests += 1
                tokens += expectation.tokens(sample.task, state.cell.effort, sample.question)
    return estimate(requests, tokens, None, expectation.is_guess)


def _older(cell: Cell) -> list[Path]:
    """Return the journals of the same task and effort with another identity, newest first."""
    own = Path(cell.journal)
    others = [path for path in own.parent.glob(f"{cell.task}-{cell.effort}-*.jsonl") if path != own]
    return sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[:1]


def _read(path: Path, cell: Cell) -> Contents:
    """Read a journal of the same data, whatever its identity; empty where it is of other data or cannot be read."""
    nothing = Contents(None, {}, 0)
    try:
        with open(path, "rb") as lines:
            header = _json_text.loads(lines.readline())
        if header["identity"]["data_sha256"] != cell.identity["data_sha256"]:
            return nothing
        return read_journal(str(path), header["sha256"])
    except (OSError, ValueError, KeyError, TypeError, JournalError):
        return nothing
