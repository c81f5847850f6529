# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval progress, the counts of a running job as its status file shows them."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import Pulse
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, CellState, iso
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark

_RATE_WINDOW = 15.0  # seconds


class Progress:
    """Counts of all cells, for the status file."""

    def __init__(self, spec: EvalSpec, states: Sequence[CellState]) -> None:
        self.spec = spec
        self.started = time.time()
        self.counts: dict[str, Counter[str]] = {}  # of the cells this job has begun
        self.states = states
        self.pulse: Optional[Pulse] = None
        self._history: deque[tuple[float, int]] = deque()

    def count(self, cell: Cell, marks: Mapping[Key, Mark]) -> None:
        """Begin a cell with what its journal holds."""
        self.counts[cell.sha256] = Counter(mark.outcome for mark in marks.values())

    def snapshot(self, state: str, error: str = "") -> dict[str, Any]:
        """Return the status; plain values."""
        cells = [self._cell(cell_state) for cell_state in self.states]
        left = sum(cell["total"] - cell["done"] for cell in cells)
        rate = self._rate(sum(cell["done"] for cell in cells))
        return {
            "state": state,
            "pid": os.getpid(),
            "server": self.spec.server,
            "model": self.spec.model,
            "started": iso(self.started),
            "updated": round(time.time(), 3),
            "cells": cells,
            "rate": round(rate, 2),
            "eta_s": round(left / rate, 1) if rate > 0 else None,
            "trouble": self.pulse.trouble if self.pulse else "",
            "error": error,
        }

    def _cell(self, state: CellState) -> dict[str, Any]:
        counts = self.counts.get(state.cell.sha256)
        if counts is not None:
            done, correct = sum(counts.values()), counts[_outcomes.CORRECT]
            measured = sum(counts[outcome] for outcome in _outcomes.MEASURED)
        elif state.row is not None:
            done, correct, measured = state.row["n_samples"], state.row["n_correct"], state.row["n_measured"]
        else:
            done, correct, measured = state.done, 0, 0
        return {
            "task": state.cell.task,
            "effort": state.cell.effort,
            "done": done,
            "total": len(state.cell.samples),
            "correct": correct,
            "measured": measured,
            # What an earlier run left in a journal is told apart when the cell begins.
            "errors": 0 if counts is None and state.row is None else done - measured,
            "journal": state.cell.journal,
        }

    def _rate(self, done: int) -> float:
        now = time.monotonic()
        self._history.append((now, done))
        while len(self._history) > 2 and now - self._history[0][0] > _RATE_WINDOW:
            self._history.popleft()
        then, before = self._history[0]
        return max(0, done - before) / (now - then) if now > then else 0.0
