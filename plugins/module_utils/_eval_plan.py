# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval plan, the cells (task × reasoning effort) of one server's eval, and what is left to ask of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec, SpecError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import (
    ServerFacts,
    build_identity,
    file_sha256,
    identity_sha256,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import Contents, Key, read_journal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import judge, summarize
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, build_samples


class TaskData(NamedTuple):
    """One task's samples, in the reference's order, and what its files are."""

    samples: Sequence[Sample]
    sha256: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """One task at one reasoning effort."""

    task: str
    effort: str
    identity: Mapping[str, Any]
    sha256: str
    journal: str
    samples: Sequence[Sample]

    @property
    def score_path(self) -> Path:
        """Where the score row of a complete cell is kept."""
        return Path(f"{self.journal}.score.json")

    @cached_property
    def questions(self) -> list[int]:
        """The asked questions' indices, ascending."""
        return sorted({sample.question for sample in self.samples})


class CellState(NamedTuple):
    """How far a cell is. ``row`` is its score row once it is complete; ``to_ask`` what a run would ask."""

    cell: Cell
    row: Optional[dict[str, Any]]
    done: int
    to_ask: int

    @property
    def finished(self) -> bool:
        """Whether there is nothing to do."""
        return self.row is not None and self.to_ask == 0


def load_data(spec: EvalSpec) -> dict[str, TaskData]:
    """Read and check each task's files; SpecError or DatasetError where they are not what was asked for."""
    return {task: _load_task(spec, task) for task in spec.tasks}


def _load_task(spec: EvalSpec, task: str) -> TaskData:
    paths = list(spec.data[task])
    try:
        found = [file_sha256(path) for path in paths]
    except OSError as exc:
        raise SpecError(f"cannot read a data file of {task}: {exc}; give data.{task} as paths on the host") from exc
    wanted = list(spec.data_sha256.get(task, []))
    if wanted and wanted != found:
        raise SpecError(
            f"the data of {task} is not the wanted one: wanted sha256 {', '.join(wanted)}, found {', '.join(found)} "
            f"in {', '.join(paths)}; fetch the files again, or correct data_sha256.{task}"
        )
    return TaskData(build_samples(task, paths, spec.n_repeats, spec.examples), found)


def build_cells(spec: EvalSpec, data: Mapping[str, TaskData], facts: ServerFacts) -> list[Cell]:
    """Return the cells, task by task, in the order of the parameters."""
    cells = []
    for task in spec.tasks:
        for effort in spec.reasoning_efforts:
            identity = build_identity(spec, facts, task, effort, data[task].sha256)
            digest = identity_sha256(identity)
            journal = spec.folder / f"{task}-{effort}-{digest[:12]}.jsonl"
            cells.append(Cell(task, effort, identity, digest, str(journal), data[task].samples))
    return cells


def cell_state(cell: Cell, spec: EvalSpec) -> CellState:
    """Read from disk how far a cell is."""
    row = _read_row(cell)
    if row is not None:
        row = judge(row, spec.max_invalid, spec.max_truncated)
        again = row["n_errors"] + row["n_timeouts"] if row["verdict"] == "void" else 0
        return CellState(cell, row, row["n_samples"] - again, again)
    done = len(settled(read_journal(cell.journal, cell.sha256).marks))
    return CellState(cell, None, done, len(cell.samples) - done)


def settled(marks: Mapping[Key, _outcomes.Mark]) -> set[Key]:
    """Return the samples that a run does not ask again."""
    return {key for key, mark in marks.items() if mark.outcome not in _outcomes.ASK_AGAIN}


def _read_row(cell: Cell) -> Optional[dict[str, Any]]:
    try:
        row = json.loads(cell.score_path.read_text())
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("identity") == cell.sha256 and row.get("complete") else None


def score_row(cell: Cell, spec: EvalSpec, facts: ServerFacts, contents: Contents) -> dict[str, Any]:
    """Return the cell's score row; plain values with stable keys."""
    numbers = summarize(contents.marks, cell.questions, spec.n_repeats)
    if spec.examples is None:
        numbers["questions"] = None
    last = max((mark.finished for mark in contents.marks.values()), default=None)
    return {
        "server": spec.server,
        "model": spec.model,
        "identity": cell.sha256,
        "task": cell.task,
        "reasoning_effort": cell.effort,
        "sampler": spec.sampler,
        "metric": "pass_at_1",
        **numbers,
        "reference": None,
        "verdict": None,
        "reason": "",
        "journal": cell.journal,
        "data_sha256": list(cell.identity["data_sha256"]),
        "simulated": facts.simulated,
        "vllm_version": facts.vllm_version,
        "image_digest": (facts.container or {}).get("image_digest"),
        "revision": facts.revision(spec),
        "started": contents.created,
        "finished": None if last is None else iso(last),
        "registered": None,
    }


def iso(epoch: float) -> str:
    """Return a time as ISO 8601 in UTC, whole seconds."""
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
