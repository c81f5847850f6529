# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reference job, runs gpt_oss.evals itself for each cell that is not done, with a limit on its time."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job, _private_folder, _reference_script
from ansible_collections.gpt_oss.fleet.plugins.module_utils._allresults import AllResultsError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import iso
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError, probe_server, read_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reference_cells import ReferenceCell, cells_of, row_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._steady_time import steady_time

Work = Callable[[_job.Report], dict[str, Any]]
LOG = "gpt_oss.evals.log"
_LOOK_SECONDS = 1.0
_TAIL = 8192
# tqdm's bar, and what the harness prints before it sleeps.
_BAR = re.compile(r"(\d+)/(\d+) \[")
_SLEEP = re.compile(r"retry (\d+) after (\d+) sec ?([^\r\n]*)")


class Look(NamedTuple):
    """How far a run is by what it prints: replies so far, and its last failure since the bar last moved."""

    done: int
    trouble: str


_NOTHING = Look(0, "")


def read_output(text: str) -> Look:
    """Read the end of what the harness has printed."""
    bars = list(_BAR.finditer(text))
    sleeps = list(_SLEEP.finditer(text))
    trouble = ""
    if sleeps and (not bars or sleeps[-1].start() > bars[-1].start()):
        attempt, seconds, error = sleeps[-1].groups()
        trouble = f"failed {int(attempt) + 1} times, sleeps {seconds} s: {error.strip()}"
    return Look(int(bars[-1].group(1)) if bars else 0, trouble)


class Harness(NamedTuple):
    """What runs the harness: a Python that has it, the text it runs, and the seconds that one run may take."""

    python: str
    script: str
    limit: float


class ReferenceJob:
    """All cells of one server that are not done, one after the other."""

    def __init__(self, spec: EvalSpec, harness: Harness, cells: Sequence[ReferenceCell], report: _job.Report) -> None:
        self._spec = spec
        self._with = harness
        self._cells = cells
        self._report = report
        self._began = steady_time()

    def run(self) -> dict[str, Any]:
        """Run what is left and return the last status; JobFailure when the harness fails or takes too long."""
        for cell in self._cells:
            if cell.read_row() is None:
                self._run_cell(cell)
        return self.status()

    def status(self, current: Optional[ReferenceCell] = None, look: Look = _NOTHING) -> dict[str, Any]:
        """Return how the cells stand, as an eval's own job tells it."""
        cells = [_progress(cell, look.done if cell is current else 0) for cell in self._cells]
        return {
            "started": iso(self._began),
            "limit_seconds": self._with.limit,  # after which the run under way is ended
            "cells": cells,
            "rate": round(look.done / max(1.0, steady_time() - self._began), 2),
            "eta_s": None,
            "trouble": look.trouble,
            "error": "",
        }

    def _run_cell(self, cell: ReferenceCell) -> None:
        shutil.rmtree(cell.folder, ignore_errors=True)  # of a run that did not end, nothing can be used
        _private_folder.make(cell.folder)
        self._began = steady_time()
        code = asyncio.run(self._harness(cell))
        timing = {
            "started": iso(self._began),
            "finished": iso(steady_time()),
            "seconds": round(steady_time() - self._began, 3),
        }
        if code != 0:
            self._fail(cell, f"gpt_oss.evals ended with {'signal' if code < 0 else 'exit code'} {abs(code)}")
        self._verify(cell)
        try:
            row = row_of(cell, timing, self._spec.max_invalid)
        except AllResultsError as exc:
            raise _job.JobFailure(f"{exc}; what it printed is in {cell.folder / LOG}") from exc
        fresh = cell.row_path.with_suffix(".new")
        fresh.write_text(json.dumps(row) + "\n")
        fresh.replace(cell.row_path)

    async def _harness(self, cell: ReferenceCell) -> int:
        with open(cell.folder / LOG, "wb") as log:
            process = await asyncio.create_subprocess_exec(
                self._with.python, "-c", self._with.script, json.dumps(self._order(cell)),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            await asyncio.wait_for(self._watch(cell, process), self._with.limit)
        except asyncio.TimeoutError:
            trouble = read_output(_tail(cell.folder / LOG)).trouble
            self._fail(
                cell,
                f"gpt_oss.evals was ended after {self._with.limit:g} s, the limit of one task at one effort; it keeps "
                f"nothing of such a run{': it ' + trouble if trouble else ''}",
            )
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return int(process.returncode or 0)

    async def _watch(self, cell: ReferenceCell, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.ensure_future(process.wait())
        while not ended.done():
            await asyncio.wait([ended], timeout=_LOOK_SECONDS)
            self._report(self.status(cell, read_output(_tail(cell.folder / LOG))))

    def _order(self, cell: ReferenceCell) -> dict[str, Any]:
        spec = self._spec
        return {
            "folder": str(cell.folder),
            "data": list(spec.data[cell.about["task"]]),
            "base_url": spec.base_url,
            "model": spec.model,
            "task": cell.about["task"],
            "effort": cell.about["reasoning_effort"],
            "sampler": spec.sampler,
            "temperature": spec.temperature,
            "n_threads": spec.concurrency,
            "api_key_file": spec.api_key_file,
        }

    def _verify(self, cell: ReferenceCell) -> None:
        """See that the server is still the one whose identity the results are filed under."""
        try:
            found = cells_of(self._spec, probe_server(self._spec, read_key(self._spec)))
        except ProbeError as exc:
            self._fail(cell, f"all was asked, but the server cannot be told any more: {exc}")
        if cell.about["identity"] not in [each.about["identity"] for each in found]:
            self._fail(cell, "the server was replaced in mid-run, so the results are of two servers")

    def _fail(self, cell: ReferenceCell, what: str) -> None:
        name = f"{cell.about['task']} {cell.about['reasoning_effort']}"
        raise _job.JobFailure(f"{name}: {what}. What it printed is in {cell.folder / LOG}: {_last_line(cell)}")


def work(spec: EvalSpec, python: str, limit: float, cells: Sequence[ReferenceCell]) -> Work:
    """Return the work of a job, see _job.ensure."""
    # Read here: the module's archive is gone when the job runs.
    harness = Harness(python, inspect.getsource(_reference_script), limit)
    return lambda report: ReferenceJob(spec, harness, cells, report).run()


def _progress(cell: ReferenceCell, done: int) -> dict[str, Any]:
    row = cell.read_row() or {}
    total = len(cell.samples)
    return {
        "task": cell.about["task"],
        "effort": cell.about["reasoning_effort"],
        "done": total if row else done,
        "total": total,
        # The harness tells no score before its end.
        "correct": row.get("n_correct", 0),
        "measured": row.get("n_measured", 0),
        "errors": 0,
        "journal": str(cell.folder),
    }


def _tail(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().decode(errors="replace")


def _last_line(cell: ReferenceCell) -> str:
    lines = re.split(r"[\r\n]+", _tail(cell.folder / LOG).strip())
    return lines[-1][:400]
