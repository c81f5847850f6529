# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: crew, the workers of an eval, of which there may be more or fewer as the server takes more or fewer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._cancel import cancel


class Crew:
    """Workers that run ``work`` until it returns; ``size`` is how many there should be.

    ``failed`` fails with the first error of any of them.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._workers: set[asyncio.Future[None]] = set()
        self._leaving: set[asyncio.Future[None]] = set()
        self.size = 0
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def at_work(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    @property
    def room(self) -> int:
        """How many more may begin to work; below 0 where there are too many, which leave after their sample."""
        return self.size - len(self._workers) + len(self._leaving)

    def hire(self) -> None:
        """Let one more work."""
        worker = asyncio.ensure_future(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._ended)

    def leave(self) -> bool:
        """Whether the worker that asks is one too many. It leaves then."""
        worker = asyncio.current_task()
        if self.room >= 0 or worker is None:
            return False
        self._leaving.add(worker)
        return True

    async def end(self) -> None:
        """Cancel all workers and wait for them."""
        await cancel(self._workers)

    def _ended(self, worker: asyncio.Future[None]) -> None:
        self._workers.discard(worker)
        self._leaving.discard(worker)
        if not worker.cancelled() and worker.exception() and not self.failed.done():
            self.failed.set_exception(worker.exception() or RuntimeError())
