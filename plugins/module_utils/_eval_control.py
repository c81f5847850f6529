# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval control, brings one server's eval job to a wanted state, or tells how it stands."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import detach
from ansible_collections.gpt_oss.fleet.plugins.module_utils._estimate import estimate_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_job import run_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import (
    CellState,
    build_cells,
    cell_state,
    load_data,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import (
    ProbeError,
    probe_server,
    probe_servers,
    read_key,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._token_limit import TokenLimit, find_limit

_STOP_SECONDS = 60.0
# A job that was killed is started again, but not for ever: something kills it.
_MOST_STARTS = 3


class EvalFailure(Exception):
    """The job cannot be brought to the wanted state."""


class View(NamedTuple):
    """How the wanted cells stand. None of them is known when the server of a running job does not answer."""

    states: Sequence[CellState]
    running: bool
    begun: bool = False

    @property
    def finished(self) -> bool:
        """Whether there is nothing to ask."""
        return bool(self.states) and all(state.finished for state in self.states)

    @property
    def scored(self) -> bool:
        """Whether each cell has its score, though it may be void and worth asking again."""
        return bool(self.states) and all(state.row is not None for state in self.states)


def start(spec: EvalSpec, check_mode: bool) -> dict[str, Any]:
    """Start the job, or attach to the one that runs; in check mode only say what would be asked."""
    view = _ensure(spec, check_mode)
    _refuse_another_job(spec, view)
    return _result(spec, view, view.begun or (check_mode and not view.finished and not view.running))


def report(spec: EvalSpec) -> dict[str, Any]:
    """Tell how the job and the scores stand."""
    return _result(spec, _look(spec)[0], False)


def finish(spec: EvalSpec, check_mode: bool, timeout: Optional[float]) -> dict[str, Any]:
    """Start or attach, and wait for the scores."""
    end = None if timeout is None else time.monotonic() + timeout
    view = _ensure(spec, check_mode)
    changed = not view.finished
    for _start in range(_MOST_STARTS):
        if view.finished or check_mode:
            return _result(spec, view, changed)
        if not _job_status.wait_until_idle(spec.folder, None if end is None else end - time.monotonic()):
            raise EvalFailure(
                f"the eval of {spec.server} is not done after {timeout:g} s; its job runs on: run again to attach to it"
            )
        _raise_failed(spec)
        view = _look(spec)[0]
        if view.scored and _job_status.read_status(spec.folder).get("state") == _job_status.FINISHED:
            return _result(spec, view, changed)
        view = _ensure(spec, check_mode)
    raise EvalFailure(
        f"the eval job of {spec.server} ended {_MOST_STARTS} times without a word; is it killed, for want of memory "
        f"perhaps? {_where(spec.folder)}"
    )


def probe(spec: EvalSpec, check_mode: bool) -> dict[str, Any]:
    """Find the limit of a reply's tokens that the server takes. While a job runs, it is that job's."""
    result = _shape(spec.folder, False, {}, [])
    if _job_status.is_running(spec.folder):
        status = _job_status.read_status(spec.folder)
        sent = int(status.get("max_tokens") or spec.max_tokens)
        return {**result, "status": status, "token_limit": TokenLimit(spec.max_tokens, sent)._asdict()}
    samples = [sample for task in load_data(spec).values() for sample in task.samples]
    api_key = read_key(spec)
    facts = probe_server(spec, api_key)
    if check_mode:
        return result
    return {**result, "token_limit": find_limit(spec, api_key, facts, samples)._asdict()}


def stop(server: str, folder: Path, check_mode: bool) -> dict[str, Any]:
    """Stop the job; what it has journalled is kept."""
    running = _job_status.is_running(folder)
    if running and not check_mode:
        pid = int(_job_status.read_status(folder)["pid"])
        os.kill(pid, signal.SIGTERM)
        if not _job_status.wait_until_idle(folder, _STOP_SECONDS):
            raise EvalFailure(
                f"the eval job of {server}, process {pid}, has not ended {_STOP_SECONDS:g} s after SIGTERM; "
                f"look at the process. {_where(folder)}"
            )
    return _shape(folder, running, _job_status.read_status(folder), [])


def _look(spec: EvalSpec) -> tuple[View, Optional[ServerFacts], Optional[str]]:
    """Validate and see how the cells stand; also return what a job needs to know of the server, and the key."""
    data = load_data(spec)
    api_key = read_key(spec)
    running = _job_status.is_running(spec.folder)
    try:
        facts = probe_servers(spec, api_key)
    except ProbeError:
        if running:
            return View([], True), None, api_key
        raise
    return View([cell_state(cell, spec) for cell in build_cells(spec, data, facts)], running), facts, api_key


def _ensure(spec: EvalSpec, check_mode: bool) -> View:
    """Start a job, unless all is done or a job runs."""
    view, facts, api_key = _look(spec)
    if view.finished or check_mode or facts is None:
        return view
    lock = _acquire(spec.folder)
    if lock is None:
        return view._replace(running=True)
    try:
        # Another job may have ended between the look at the cells and the lock.
        states = [cell_state(state.cell, spec) for state in view.states]
        detach(
            lambda ready: run_job(spec, states, facts, api_key, ready), spec.folder / "job.log", keep=[lock.descriptor]
        )
    finally:
        lock.release()
    return View(states, False, begun=True)


def _acquire(folder: Path) -> Optional[_job_status.RunLock]:
    try:
        return _job_status.RunLock.acquire(folder)
    except OSError as exc:
        raise EvalFailure(f"cannot write to {folder}: {exc}; correct run_path, or make it writable") from exc


def _refuse_another_job(spec: EvalSpec, view: View) -> None:
    if not view.running or not view.states:
        return
    status = _job_status.read_status(spec.folder)
    under_way = {cell["journal"] for cell in status.get("cells", [])}
    missing = [state.cell for state in view.states if not state.finished and state.cell.journal not in under_way]
    if missing:
        wanted = ", ".join(f"{cell.task} {cell.effort}" for cell in missing)
        raise EvalFailure(
            f"another eval job of {spec.server} is running (process {status.get('pid')}) and does not cover {wanted} "
            "as asked for here; wait for it with state finished, or end it with state stopped"
        )


def _raise_failed(spec: EvalSpec) -> None:
    status = _job_status.read_status(spec.folder)
    if status.get("state") in (_job_status.FAILED, _job_status.STOPPED):
        raise EvalFailure(f"the eval of {spec.server} {status['state']}: {status.get('error')}. {_where(spec.folder)}")


def _where(folder: Path) -> str:
    return f"Journals and job.log lie in {folder}"


def _result(spec: EvalSpec, view: View, changed: bool) -> dict[str, Any]:
    if view.begun or _job_status.is_running(spec.folder) or not view.states:
        status = _job_status.read_status(spec.folder)
    else:
        # Nothing runs: either all is done, or this is what would be started.
        planned = _job_status.FINISHED if view.scored else _job_status.RUNNING
        progress = Progress(spec, view.states)
        progress.estimate = estimate_of(view.states)
        status = progress.snapshot(planned)
    return _shape(spec.folder, changed, status, view.states)


def _shape(folder: Path, changed: bool, status: dict[str, Any], states: Sequence[CellState]) -> dict[str, Any]:
    return {
        "changed": changed,
        "status": status,
        "status_path": str(_job_status.status_path(folder)),
        "scores": [state.row for state in states if state.row is not None],
        "cells": [_cell(state) for state in states],
        "journals": [state.cell.journal for state in states],
        "token_limit": None,
    }


def _cell(state: CellState) -> dict[str, Any]:
    return {
        "task": state.cell.task,
        "reasoning_effort": state.cell.effort,
        "identity": state.cell.sha256,
        "n_samples": len(state.cell.samples),
        "n_done": state.done,
        "n_to_ask": state.to_ask,
        "journal": state.cell.journal,
    }
