# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval job, runs the unfinished cells of one server's eval, journals each sample and tells how it stands."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import traceback
from pathlib import Path
from typing import Callable, Iterator, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _eval_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import Asker, Limits, Pulse, ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_run import CellRun
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, CellState, iso, score_row
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Connection, Endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Contents, JournalError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError, probe_server
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

SYNC_SECONDS = 0.5
STATUS_SECONDS = 1.0
_VERIFY_PATIENCE = 60.0


class EvalJob:
    """All unfinished cells of one server, one after the other."""

    def __init__(self, spec: EvalSpec, states: Sequence[CellState], facts: ServerFacts, api_key: Optional[str]) -> None:
        self._spec = spec
        self._states = states
        self._facts = facts
        self._api_key = api_key
        self.progress = Progress(spec, states)

    async def run(self) -> None:
        """Ask all that is left, and write each cell's score. ServerFailure or JournalError when it cannot go on."""
        for state in self._states:
            if not state.finished:
                await self._run_cell(state.cell)

    async def _run_cell(self, cell: Cell) -> None:
        run = CellRun(cell, self.progress)
        run.open()
        syncing = asyncio.ensure_future(_every(SYNC_SECONDS, run.journal.sync, threaded=True))
        try:
            await self._ask_all(run, syncing)
        finally:
            syncing.cancel()
            await asyncio.wait([syncing])
            run.journal.close()
        await self._verify(cell)
        contents = Contents(run.contents.created, run.marks, 0)
        _replace(cell.score_path, score_row(cell, self._spec, self._facts, contents))

    async def _ask_all(self, run: CellRun, syncing: asyncio.Future[None]) -> None:
        count = min(self._spec.concurrency, len(run.todo))
        if not count:
            return
        spec = self._spec
        sampler = SAMPLERS[spec.sampler](spec.model, run.cell.effort, spec.temperature, spec.max_tokens)
        endpoint = Endpoint.parse(spec.base_url)
        pulse = self.progress.pulse = Pulse(count)
        asker = Asker(endpoint, sampler, Limits(spec.request_timeout, spec.retry_timeout), pulse)
        queue = iter(run.todo)
        workers = [
            asyncio.ensure_future(_work(asker, Connection(endpoint, self._api_key), queue, run))
            for _worker in range(count)
        ]
        try:
            await _all_or_first_error(workers, {syncing, run.broken})
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _verify(self, cell: Cell) -> None:
        """A cell's samples must all come from the server they are filed under: see that it is still the same."""
        end = time.monotonic() + min(_VERIFY_PATIENCE, self._spec.retry_timeout)
        while True:
            try:
                found = await asyncio.get_running_loop().run_in_executor(None, probe_server, self._spec, self._api_key)
                break
            except ProbeError as exc:
                if time.monotonic() >= end:
                    raise ServerFailure(f"all was asked, but the server cannot be told any more: {exc}") from exc
                await asyncio.sleep(1.0)
        before, after = self._facts.identity(self._spec), found.identity(self._spec)
        if before != after:
            aside = f"{cell.journal}.mixed-{int(time.time())}"
            Path(cell.journal).replace(aside)
            changed = ", ".join(
                sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            )
            raise ServerFailure(
                f"the server was replaced in mid-run (changed: {changed}); the samples of both lie in {aside}"
            )


async def _work(asker: Asker, connection: Connection, queue: Iterator[Sample], run: CellRun) -> None:
    try:
        for sample in queue:
            row, mark = await asker.ask(connection, sample)
            run.record(sample, row, mark)
    finally:
        connection.close()


async def _all_or_first_error(workers: Sequence[asyncio.Future[None]], guards: set[asyncio.Future[None]]) -> None:
    """Wait for all workers; the first error among them, or a guard's, ends the wait."""
    waiting = {*workers, *guards}
    while waiting - guards:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()


async def _every(seconds: float, action: Callable[[], None], threaded: bool = False) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds)
        if threaded:
            await loop.run_in_executor(None, action)
        else:
            action()


def _replace(path: Path, document: Mapping[str, object]) -> None:
    fresh = path.with_suffix(".new")
    with open(fresh, "w") as file:
        file.write(json.dumps(document) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def run_job(
    spec: EvalSpec,
    states: Sequence[CellState],
    facts: ServerFacts,
    api_key: Optional[str],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run a job to its end in this process, which must hold the server's lock; the status file tells how it ended."""
    job = EvalJob(spec, states, facts, api_key)
    folder = spec.folder
    _eval_status.write_status(folder, job.progress.snapshot(_eval_status.RUNNING))
    ready()
    ended, error = _eval_status.FAILED, ""
    try:
        asyncio.run(_run_watched(job, folder))
        ended = _eval_status.FINISHED
    except asyncio.CancelledError:
        ended, error = _eval_status.STOPPED, "stopped by request; run again to go on"
    except (ServerFailure, JournalError) as exc:
        error = f"{exc}; what was asked is kept: run again to go on"
    except Exception as exc:  # the end of the process: what is not told here is lost
        error = f"{type(exc).__name__}: {exc}"
        print_traceback(folder, traceback.format_exc())
    _eval_status.write_status(folder, job.progress.snapshot(ended, error))


async def _run_watched(job: EvalJob, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job.run())
    loop.add_signal_handler(signal.SIGTERM, task.cancel)

    def publish() -> None:
        _eval_status.write_status(folder, job.progress.snapshot(_eval_status.RUNNING))

    ticker = asyncio.ensure_future(_every(STATUS_SECONDS, publish))
    try:
        await task
    finally:
        ticker.cancel()


def print_traceback(folder: Path, text: str) -> None:
    """Keep an unforeseen error's traceback in the job's log."""
    with open(folder / "job.log", "a") as log:
        log.write(f"{iso(time.time())} {text}")
