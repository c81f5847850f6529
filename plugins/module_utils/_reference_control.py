# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reference control, brings the runs of gpt_oss.evals of one server to a wanted state, or tells of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job, _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_info import REFERENCE
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec, SpecError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import probe_server, read_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reference_cells import (
    VERSION,
    ReferenceCell,
    cells_of,
    folder_of,
    spec_of,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reference_job import work

Command = Callable[[Sequence[str]], "tuple[int, str, str]"]
_STOP_SECONDS = 30.0
# A job that was killed is started again, but not for ever: something kills it.
_MOST_STARTS = 3


class ReferenceFailure(Exception):
    """The runs cannot be brought to the wanted state."""


def act(params: Mapping[str, Any], check_mode: bool, source: str, command: Command) -> dict[str, Any]:
    """Bring the runs to the wanted state and return how things stand.

    ``source`` is the text of _reference_script; ``command`` runs a command and returns its exit code and output.
    """
    if params["state"] == "stopped":
        return _stop(Path(params["run_path"]) / params["server"] / REFERENCE, check_mode)
    spec = spec_of(params)
    _check_version(params["python"], source, command)
    cells = cells_of(spec, probe_server(spec, read_key(spec)))
    begin = params["state"] != "reported" and not check_mode
    changed = params["state"] != "reported" and not _done(cells)
    for _start in range(_MOST_STARTS):
        if not begin or _done(cells):
            return _shape(spec, cells, changed)
        about = {"server": spec.server, "folders": [str(cell.folder) for cell in cells]}
        head = {"model": spec.model}
        _job.ensure(folder_of(spec), about, work(spec, params["python"], params["cell_timeout"], cells), head)
        if params["state"] == "started":
            return _shape(spec, cells, changed)
        _job_status.wait_until_idle(folder_of(spec), None)
        status = _job_status.read_status(folder_of(spec))
        if status.get("failure"):
            raise ReferenceFailure(status["failure"]["msg"])
    raise ReferenceFailure(
        f"the runs of gpt_oss.evals ended {_MOST_STARTS} times without a word; are they killed, for want of memory "
        f"perhaps? Look into {folder_of(spec)}"
    )


def _check_version(python: str, source: str, command: Command) -> None:
    code, output, error = command([python, "-c", source, "version"])
    if code != 0 or output.strip() != VERSION:
        found = f"version {output.strip()}" if code == 0 else (error.strip().splitlines() or ["no such file"])[-1]
        raise SpecError(
            f"wanted a Python that has gpt-oss {VERSION} at {python}, found {found}; make the environment, as the role "
            "evaluate does with evaluate_engine: reference, or correct python"
        )


def _done(cells: Sequence[ReferenceCell]) -> bool:
    return all(cell.read_row() is not None for cell in cells)


def _stop(folder: Path, check_mode: bool) -> dict[str, Any]:
    running = _job_status.is_running(folder)
    if running and not check_mode:
        pid = int(_job_status.read_status(folder)["pid"])
        os.kill(pid, signal.SIGTERM)  # the harness dies with it
        if not _job_status.wait_until_idle(folder, _STOP_SECONDS):
            raise ReferenceFailure(f"the job, process {pid}, has not ended {_STOP_SECONDS:g} s after SIGTERM")
        status = {**_job_status.read_status(folder), "state": _job_status.STOPPED}
        _job_status.write_status(folder, status)
    return {
        "changed": running,
        "status": _job_status.read_status(folder),
        "status_path": str(_job_status.status_path(folder)),
        "scores": [],
        "cells": [],
        "journals": [],
    }


def _shape(spec: EvalSpec, cells: Sequence[ReferenceCell], changed: bool) -> dict[str, Any]:
    rows = [cell.read_row() for cell in cells]
    folder = folder_of(spec)
    if _job_status.is_running(folder):
        status = _job_status.read_status(folder)
    else:
        status = {"state": _job_status.FINISHED if all(rows) else "", "server": spec.server}
    return {
        "changed": changed,
        "status": status,
        "status_path": str(_job_status.status_path(folder)),
        "scores": [row for row in rows if row is not None],
        "cells": [_cell(cell, row is not None) for cell, row in zip(cells, rows)],
        "journals": [str(cell.folder) for cell in cells],
    }


def _cell(cell: ReferenceCell, done: bool) -> dict[str, Any]:
    total = len(cell.samples)
    return {
        "task": cell.about["task"],
        "reasoning_effort": cell.about["reasoning_effort"],
        "identity": cell.about["identity"],
        "n_samples": total,
        "n_done": total if done else 0,
        "n_to_ask": 0 if done else total,
        "journal": str(cell.folder),
    }
