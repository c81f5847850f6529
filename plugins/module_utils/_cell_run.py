# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cell run, one cell of an eval under way: its journal, its marks and what is still to ask."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Mapping, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import Item
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, iso, settled
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import (
    Contents,
    JournalError,
    JournalWriter,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample


class CellRun:
    """One cell under way: its journal, its marks, what is still to ask. ``broken`` fails when a row cannot be kept."""

    def __init__(self, cell: Cell, progress: Progress) -> None:
        self.cell = cell
        self.contents = cell.read()
        self.journal = JournalWriter(cell.journal)
        self._progress = progress
        self._write_due = False
        self.closed = False
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kept = settled(self.contents.marks)
        self.marks = {key: mark for key, mark in self.contents.marks.items() if key in kept}
        self.todo = [sample for sample in cell.samples if (sample.question, sample.repeat) not in kept]

    def open(self) -> None:
        """Begin or continue the journal."""
        created = iso(time.time())
        header = {"journal": 1, "identity": self.cell.identity, "sha256": self.cell.sha256, "created": created}
        self.journal.open(self.contents, header)
        if self.contents.created is None:
            self.contents = Contents(created, {}, 0)
        self._progress.count(self.cell, self.marks)

    def items(self, number: int) -> list[Item]:
        """Return what is to ask, for a queue in which this is cell ``number``."""
        return [Item(number, self.cell.effort, sample) for sample in self.todo]

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to ask."""
        return len(self.marks) >= len(self.cell.samples)

    def written(self) -> int:
        """Write what was collected; return the journal's length in bytes."""
        self._write()
        return self.journal.size

    def note(self, event: Mapping[str, Any]) -> None:
        """Journal an event."""
        if not self.closed:
            self.journal.add(event)
            self._write()

    def cut_back(self, size: int, aside: str, endpoint: Optional[str] = None) -> bool:
        """Move the rows beyond this size to another file; return whether there were any. The cell's run is over.

        With an endpoint only the rows of that server are moved.
        """
        if self.closed:
            return False
        self.closed = True
        return self.journal.cut_back(size, aside, endpoint)

    def close(self) -> None:
        """Close the journal."""
        self.closed = True
        self.journal.close()

    def record(self, sample: Sample, row: Mapping[str, Any], mark: Mark) -> None:
        """Journal one sample; rows that come in the same round of the event loop are written together."""
        if self.closed:
            return
        self.journal.add(row)
        self.marks[(sample.question, sample.repeat)] = mark
        self._progress.record(self.cell, sample.question, mark)
        if not self._write_due:
            self._write_due = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._write_due = False
        try:
            self.journal.write()
        except JournalError as exc:
            if not self.broken.done():
                self.broken.set_exception(exc)
