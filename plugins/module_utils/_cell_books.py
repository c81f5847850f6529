# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cell books, the journals of all cells under way: synced together, confirmed, cut back together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_run import CellRun
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import iso
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch


class ServerBooks:
    """The cells under way, and how far the rows of one server are certain to be the known one's.

    What is in the journals when they are opened was confirmed when it was written. ``endpoint`` names the server's rows
    where several answer, else all are its.
    """

    def __init__(self, runs: Sequence[CellRun], endpoint: Optional[str] = None) -> None:
        self.runs = runs
        self._endpoint = endpoint
        self._confirmed = self.positions()

    def positions(self) -> list[int]:
        """Return the journals' lengths in bytes."""
        return [run.written() for run in self.runs]

    def confirm(self, positions: list[int]) -> None:
        """Take the rows up to these positions for the known server's."""
        self._confirmed = [max(pair) for pair in zip(self._confirmed, positions)]

    def cut_back(self) -> list[str]:
        """Move the rows that are not confirmed to files of their own; return their paths."""
        stamp = int(time.time())
        moved = []
        for run, position in zip(self.runs, self._confirmed):
            aside = f"{run.cell.journal}.foreign-{stamp}"
            if run.cut_back(position, aside, self._endpoint):
                moved.append(aside)
        return moved

    def note(self, epoch: Epoch, cause: str) -> None:
        """Journal in each cell that another life of the server answers from here on."""
        where = {} if self._endpoint is None else {"endpoint": self._endpoint}
        for run in self.runs:
            run.note({**epoch.event(iso(time.time()), cause), **where})

    def note_aside(self, cause: str) -> None:
        """Journal in each cell that this server is asked nothing from here on."""
        for run in self.runs:
            run.note({"event": "set_aside", "at": iso(time.time()), "cause": cause, "endpoint": self._endpoint})


class CellBooks:
    """The journals of the cells under way: opened, synced and closed together."""

    def __init__(self, runs: Sequence[CellRun]) -> None:
        self.runs = runs
        self._syncing = asyncio.Lock()

    def open(self) -> None:
        """Begin or continue each journal."""
        for run in self.runs:
            run.open()

    async def sync(self) -> None:
        """Make what was written outlive a power loss."""
        loop = asyncio.get_running_loop()
        async with self._syncing:
            for run in self.runs:
                await loop.run_in_executor(None, run.journal.sync)

    async def close(self, run: CellRun) -> None:
        """Close one cell's journal."""
        async with self._syncing:
            run.close()
