# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval progress, how a running job stands, as its status file shows it."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_count import (
    CellCount,
    counted_of,
    finished_of,
    tokens_left,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, CellState, iso
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pace import Pace
from ansible_collections.gpt_oss.fleet.plugins.module_utils._steady_time import steady_time

# What a running job does.
ASKING = "asking"
PAUSED = "paused"
RESTARTING = "restarting"

_SHOWN_SPAN = 20.0  # seconds over which the shown rates are smoothed
_PLANNED_SPAN = 180.0  # and the one from which the time left is told, so that it does not dance


class Progress:
    """Counts of all cells, for the status file. ``phase``, ``cause`` and the like are set by who finds out."""

    def __init__(
        self, spec: EvalSpec, states: Sequence[CellState], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.spec = spec
        self.started = steady_time()
        self.counts: dict[str, CellCount] = {}  # of the cells this job has begun
        self.states = states
        self.trouble: Callable[[], str] = lambda: ""  # what is being retried
        self.servers: list[dict[str, str]] = []  # how each stands, where there are several
        self.phase = ASKING
        self.cause = ""  # why the job pauses
        self.remedy = ""
        self.phase_since = self.started
        self.estimate: Optional[dict[str, Any]] = None  # requests, tokens and seconds that are left
        self.tokens_per_second: Optional[float] = None  # as the server counts them, where it does
        self.concurrency: Optional[int] = None  # how many requests are kept under way
        self._clock = clock
        self._looked = clock()
        self._asking_seconds = 0.0
        now = self._asking_seconds
        self._requests, self._tokens, self._work = (
            Pace(span, now) for span in (_SHOWN_SPAN, _SHOWN_SPAN, _PLANNED_SPAN)
        )

    def count(self, cell: Cell, marks: Mapping[Key, Mark]) -> None:
        """Begin a cell with what its journal holds."""
        self.counts[cell.sha256] = CellCount(marks)

    def record(self, cell: Cell, question: int, mark: Mark) -> None:
        """Count a sample that was asked just now."""
        now = self._now()
        self.counts[cell.sha256].add(question, mark)
        self._requests.add(1, now)
        self._tokens.add(mark.completion_tokens, now)
        self._work.add(mark.completion_tokens or 1, now)

    def reply_rate(self) -> Optional[float]:
        """Return the tokens a second of the replies of late; None where there are none."""
        return self._tokens.rate(self._now()) or None

    def pause(self, phase: str, cause: str, remedy: str) -> None:
        """Tell that nothing is asked, and why."""
        self._now()
        if self.phase == ASKING:
            self.phase_since = steady_time()
        self.phase, self.cause, self.remedy = phase, cause, remedy

    def resume(self) -> None:
        """Tell that samples are asked again."""
        self._now()
        self.phase, self.cause, self.remedy, self.phase_since = ASKING, "", "", steady_time()

    def snapshot(self, state: str, error: str = "") -> dict[str, Any]:
        """Return the status; plain values."""
        now = self._now()
        cells = [self._cell(cell_state) for cell_state in self.states]
        tokens = self._tokens.rate(now) if self.tokens_per_second is None else self.tokens_per_second
        return {
            "state": state,
            "pid": os.getpid(),
            "server": self.spec.server,
            "model": self.spec.model,
            "max_tokens": self.spec.max_tokens,
            "started": iso(self.started),
            "updated": round(time.time(), 3),
            "cells": cells,
            "rate": round(self._requests.rate(now), 2),
            "tokens_per_second": round(tokens, 1),
            "eta_s": self._seconds_left(cells, now) if self.phase == ASKING else None,
            "phase": self.phase,
            "phase_since": iso(self.phase_since),
            "phase_seconds": round(steady_time() - self.phase_since, 1),
            "cause": self.cause,
            "remedy": self.remedy,
            "estimate": self.estimate,
            "concurrency": self.concurrency,
            "trouble": self.trouble(),
            "servers": self.servers,
            "error": error,
        }

    def _cell(self, state: CellState) -> dict[str, Any]:
        count = self.counts.get(state.cell.sha256)
        if count is not None:
            counted = counted_of(count)
        elif state.row is not None:
            counted = finished_of(state.row)
        else:
            counted = {**counted_of(CellCount({})), "done": state.done}
        return {
            "task": state.cell.task,
            "effort": state.cell.effort,
            "total": len(state.cell.samples),
            **counted,
            # What an earlier run left in a journal is told apart when the cell begins.
            "errors": 0 if count is None and state.row is None else counted["done"] - counted["measured"],
            "journal": state.cell.journal,
        }

    def _seconds_left(self, cells: Sequence[Mapping[str, Any]], now: float) -> Optional[float]:
        """Return what is left to do over the pace so far; None until something was done.

        The work is counted in tokens, as a sample at high effort takes many times what one at low effort does. The
        estimate knows the questions apart, once each cell has replies.
        """
        rate = self._work.rate(now)
        if not rate > 0:
            return None
        begun = all(cell["tokens"] for cell in cells if cell["done"] < cell["total"])
        if begun and self.estimate and self.estimate.get("tokens"):
            return round(self.estimate["tokens"] / rate, 1)
        return round(tokens_left(cells) / rate, 1)

    def _now(self) -> float:
        """Return the seconds for which this job has asked: a pause does not slow the pace down."""
        now = self._clock()
        if self.phase == ASKING:
            self._asking_seconds += now - self._looked
        self._looked = now
        return self._asking_seconds
