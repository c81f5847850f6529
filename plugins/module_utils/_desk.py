# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: desk, where the workers of an eval fetch what to ask and bring what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Optional, Protocol

from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import Asker, HandedBack, ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_run import CellRun
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import Item, Queue
from ansible_collections.gpt_oss.fleet.plugins.module_utils._estimate import estimate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Connection


class Window(Protocol):
    """One server's side of the desk: its askers by cell, its gate, and what is noted in each row of its."""

    askers: Sequence[Asker]
    gate: Gate
    about: dict[str, Any]

    def set_aside(self, failure: ServerFailure) -> bool:
        """Ask this server nothing any more; False where no other one answers."""


class Desk:
    """The queue over all cells, with each cell's run. ``returned`` is called when a server handed a sample back."""

    def __init__(self, queue: Queue, runs: Sequence[CellRun]) -> None:
        self.queue = queue
        self._runs = runs
        self._in_flight: set[Item] = set()
        self._attempts: dict[Item, int] = {}  # of what was handed back
        self._complete: asyncio.Queue[CellRun] = asyncio.Queue()
        self.returned: Callable[[], None] = lambda: None
        for run in runs:
            if run.complete:
                self._complete.put_nowait(run)

    async def work(self, window: Window, connection: Connection, leave: Callable[[], bool] = lambda: False) -> None:
        """Ask one sample after the other until none waits, or the worker is to leave."""
        while True:
            await window.gate.passed()
            item = next(self.queue, None)
            if item is None:
                return
            await self._ask(window, connection, item)
            if leave():
                return

    async def _ask(self, window: Window, connection: Connection, item: Item) -> None:
        self._in_flight.add(item)
        attempts = self._attempts.get(item, 0)
        try:
            row, mark = await window.askers[item.cell].ask(connection, item.sample, attempts)
        except HandedBack as exc:
            self._take_back(item, exc.attempts)
            return
        except ServerFailure as exc:
            if not window.set_aside(exc):
                raise
            self._take_back(item, attempts)
            return
        finally:
            self._in_flight.discard(item)
        run = self._runs[item.cell]
        run.record(item.sample, {**row, **window.about}, mark)
        if mark.completion_tokens:
            self.queue.learn(item, mark.completion_tokens)
        if run.complete:
            self._complete.put_nowait(run)

    def _take_back(self, item: Item, attempts: int) -> None:
        self._attempts[item] = attempts
        self.queue.put_back(item)
        self.returned()

    async def close_all(self, close: Callable[[CellRun], Awaitable[None]]) -> None:
        """Close each cell once all of it was asked; return when all are closed."""
        for _run in self._runs:
            await close(await self._complete.get())

    def estimate(self, tokens_per_second: Optional[float]) -> dict[str, Any]:
        """Return what is left; of the replies under way half is taken to be done."""
        under_way = sum(map(self.queue.expectation.of, self._in_flight)) / 2
        requests = len(self.queue) + len(self._in_flight)
        tokens = self.queue.tokens_left() + under_way
        return estimate(requests, tokens, tokens_per_second, self.queue.expectation.is_guess)
