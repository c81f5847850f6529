# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval job, runs the unfinished cells of one server's eval, journals each sample and tells how it stands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
import traceback
from pathlib import Path
from typing import Awaitable, Callable, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _gpu_load, _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cancel import cancel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_books import CellBooks, ServerBooks
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_run import CellRun
from ansible_collections.gpt_oss.fleet.plugins.module_utils._desk import Desk
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import Queue
from ansible_collections.gpt_oss.fleet.plugins.module_utils._estimate import expectation_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import CellState, iso, score_row
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Contents, JournalError, sync_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._replica import Replica
from ansible_collections.gpt_oss.fleet.plugins.module_utils._replicas import Replicas, Standings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import ServerContainer

SYNC_SECONDS = 0.5
STATUS_SECONDS = 1.0


class EvalJob:
    """All unfinished cells of one eval, asked from one queue of its servers, mostly one."""

    def __init__(self, spec: EvalSpec, states: Sequence[CellState], facts: ServerFacts, api_key: Optional[str]) -> None:
        self._spec = spec
        self._states = states
        self._facts = facts
        self._api_key = api_key
        self._containers = [_container(one, api_key) for one in spec.servers]
        self._load = _gpu_load.GpuLoad()
        self.progress = Progress(spec, states)

    async def run(self) -> None:
        """Ask all that is left, and write each cell's score. ServerFailure or JournalError when it cannot go on."""
        runs = [CellRun(state.cell, self.progress) for state in self._states if not state.finished]
        if not runs:
            return
        books = CellBooks(runs)
        try:
            books.open()
            await self._run_cells(runs, books)
        finally:
            for run in runs:
                run.close()

    async def _run_cells(self, runs: Sequence[CellRun], books: CellBooks) -> None:
        items = [item for number, run in enumerate(runs) for item in run.items(number)]
        # Who decides after each repeat wants it whole before the next is begun.
        queue = Queue(items, expectation_of(self._states), by_repeat=self._spec.through_repeat is not None)
        desk = Desk(queue, runs)
        replicas = self._replicas(desk, runs)
        self.progress.estimate = desk.estimate(None)
        await replicas.begin()
        closing = asyncio.ensure_future(desk.close_all(lambda run: self._close(run, books, replicas)))
        guards = {*(one.crew.failed for one in replicas.all), *(run.broken for run in runs)}
        watches = (one.watch.run() for one in replicas.all)
        guards |= {asyncio.ensure_future(work) for work in (*watches, _every(SYNC_SECONDS, books.sync))}
        guards.add(asyncio.ensure_future(_every(_gpu_load.SECONDS, self._load.look)))
        try:
            await _end_or_first_error(closing, guards)
        finally:
            for one in replicas.all:
                await one.crew.end()
            await cancel((closing, *guards))

    def _replicas(self, desk: Desk, runs: Sequence[CellRun]) -> Replicas:
        standings = Standings(self.progress)
        replicas = []
        for spec, container in zip(self._spec.servers, self._containers):
            name = Endpoint.parse(spec.base_url).authority if spec.replicas else None
            told = self.progress if name is None else standings.add(name)
            books = ServerBooks(runs, name)
            replicas.append(Replica(spec, self._facts, self._api_key, container, desk, runs, told, books))
        return Replicas(replicas, desk, self.progress)

    async def _close(self, run: CellRun, books: CellBooks, replicas: Replicas) -> None:
        """End a cell of which all was asked: see that the server is still the same, and write the score."""
        await replicas.verify()
        await books.close(run)
        contents = Contents(run.contents.created, run.marks, 0)
        row = score_row(run.cell, self._spec, self._facts, contents, replicas.time_to_first_token())
        _replace(run.cell.score_path, {**row, "concurrency": self._spec.concurrency, "gpu_load": self._load.summary()})


def _container(spec: EvalSpec, api_key: Optional[str]) -> Optional[ServerContainer]:
    """Return the server's container. This is done before the module, and with it its archive, is gone."""
    if spec.container is None:
        return None
    # Only an eval of a container needs the engine's library and the tables of causes.
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_restart import DockerContainer

    return DockerContainer(spec.docker_host, spec.container, api_key)


async def _end_or_first_error(work: asyncio.Future[None], guards: set[asyncio.Future[None]]) -> None:
    """Wait for the work; its error, or the first of a guard, ends the wait."""
    waiting = {work, *guards}
    while work in waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()


async def _every(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await action()


def _replace(path: Path, document: Mapping[str, object]) -> None:
    fresh = path.with_suffix(".new")
    with open(fresh, "w") as file:
        file.write(json.dumps(document) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


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
    _job_status.write_status(folder, job.progress.snapshot(_job_status.RUNNING))
    ready()
    ended, error = _job_status.FAILED, ""
    try:
        asyncio.run(_run_watched(job, folder))
        ended = _job_status.FINISHED
    except asyncio.CancelledError:
        ended, error = _job_status.STOPPED, "stopped by request; run again to go on"
    except (ServerFailure, JournalError) as exc:
        error = f"{exc}; what was asked is kept: run again to go on"
    except Exception as exc:  # the end of the process: what is not told here is lost
        error = f"{type(exc).__name__}: {exc}"
        print_traceback(folder, traceback.format_exc())
    _job_status.write_status(folder, job.progress.snapshot(ended, error))


async def _run_watched(job: EvalJob, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job.run())
    loop.add_signal_handler(signal.SIGTERM, task.cancel)

    async def publish() -> None:
        # Who looks sees an older status; the journal tells of a disk that is full.
        with contextlib.suppress(OSError):
            _job_status.write_status(folder, job.progress.snapshot(_job_status.RUNNING))

    ticker = asyncio.ensure_future(_every(STATUS_SECONDS, publish))
    try:
        await task
    finally:
        ticker.cancel()


def print_traceback(folder: Path, text: str) -> None:
    """Keep an unforeseen error's traceback in the job's log."""
    with open(folder / "job.log", "a") as log:
        log.write(f"{iso(time.time())} {text}")
