# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval plan, the cells (task × reasoning effort) of one server's eval, and what is left to ask of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _outcomes
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

_PINNED_DATE = "VLLM_SYSTEM_START_DATE"


class TaskData(NamedTuple):
    """One task's samples, in the reference's order, and what its files are."""

    samples: Sequence[Sample]
    sha256: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """One task at one reasoning effort. With ``stops_after`` its samples are those of the first so many repeats."""

    task: str
    effort: str
    identity: Mapping[str, Any]
    sha256: str
    journal: str
    samples: Sequence[Sample]
    stops_after: Optional[int] = None

    @property
    def score_path(self) -> Path:
        """Where the score row of a complete cell is kept: that of each stop, and that of the whole."""
        stop = "" if self.stops_after is None else f".through-{self.stops_after}"
        return Path(f"{self.journal}{stop}.score.json")

    @cached_property
    def questions(self) -> list[int]:
        """The asked questions' indices, ascending."""
        return sorted({sample.question for sample in self.samples})

    def read(self) -> Contents:
        """Read the journal, of which later repeats are not this cell's. JournalError if it is another eval's."""
        contents = read_journal(self.journal, self.sha256)
        if self.stops_after is None:
            return contents
        own = {key: mark for key, mark in contents.marks.items() if key[1] < self.stops_after}
        return contents._replace(marks=own)


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
    samples = build_samples(task, paths, spec.n_repeats, spec.examples, spec.subset, spec.subset_seed)
    return TaskData(samples, found)


def build_cells(spec: EvalSpec, data: Mapping[str, TaskData], facts: ServerFacts) -> list[Cell]:
    """Return the cells, task by task, in the order of the parameters."""
    cells = []
    for task in spec.tasks:
        samples = data[task].samples
        if spec.stops_after is not None:
            samples = [sample for sample in samples if sample.repeat < spec.stops_after]
        for effort in spec.reasoning_efforts:
            identity = build_identity(spec, facts, task, effort, data[task].sha256)
            digest = identity_sha256(identity)
            journal = spec.folder / f"{task}-{effort}-{digest[:12]}.jsonl"
            cells.append(Cell(task, effort, identity, digest, str(journal), samples, spec.stops_after))
    return cells


def cell_state(cell: Cell, spec: EvalSpec) -> CellState:
    """Read from disk how far a cell is."""
    row = _read_row(cell)
    if row is not None:
        row = judge(row, spec.max_invalid, spec.max_truncated)
        refused = 0 if row["n_measured"] else row["n_refused"]
        again = row["n_errors"] + row["n_timeouts"] + refused if row["verdict"] == "void" else 0
        return CellState(cell, row, row["n_samples"] - again, again)
    done = len(settled(cell.read().marks))
    return CellState(cell, None, done, len(cell.samples) - done)


def settled(marks: Mapping[Key, _outcomes.Mark]) -> set[Key]:
    """Return the samples that a run does not ask again.

    Where all were refused, it was the server or the request that was wrong, not the samples: they are asked again.
    """
    measured = any(mark.outcome in _outcomes.MEASURED for mark in marks.values())
    again = _outcomes.ASK_AGAIN if measured else _outcomes.ASK_AGAIN | {_outcomes.REFUSED}
    return {key for key, mark in marks.items() if mark.outcome not in again}


def _read_row(cell: Cell) -> Optional[dict[str, Any]]:
    try:
        row = _json_text.loads(cell.score_path.read_text())
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("identity") == cell.sha256 and row.get("complete") else None


def score_row(
    cell: Cell,
    spec: EvalSpec,
    facts: ServerFacts,
    contents: Contents,
    time_to_first_token: Optional[Mapping[str, Any]] = None,
) -> dict[str, Any]:
    """Return the cell's score row; plain values with stable keys. Only the server knows when its first tokens came."""
    numbers = summarize(contents.marks, cell.questions, cell.stops_after or spec.n_repeats)
    numbers["time_to_first_token"] = time_to_first_token
    if spec.examples is None and spec.subset is None:
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
        "n_repeats": spec.n_repeats,
        "through_repeat": cell.stops_after or spec.n_repeats,
        "stopped": cell.stops_after is not None,
        "max_tokens": spec.max_tokens,
        "max_tokens_fitted_from": spec.max_tokens_fitted_from,
        "reference": None,
        "verdict": None,
        "reason": "",
        "journal": cell.journal,
        "data_sha256": list(cell.identity["data_sha256"]),
        "data_origins": list(spec.data_origins.get(cell.task, [])),
        "simulated": facts.simulated,
        "vllm_version": facts.vllm_version,
        "image_digest": (facts.container or {}).get("image_digest"),
        "revision": facts.revision(spec),
        "prompt_dates": prompt_dates(facts, contents.marks.values()),
        "started": contents.created,
        "finished": None if last is None else iso(last),
        "registered": None,
    }


def prompt_dates(facts: ServerFacts, marks: Iterable[_outcomes.Mark]) -> list[str]:
    """Return the dates that stand in the prompts, oldest first.

    gpt-oss prompts carry the day they are asked on, in the server's time zone, for which UTC is taken here, unless
    VLLM_SYSTEM_START_DATE sets it (vLLM 0.17.1 and later).
    """
    pinned = ((facts.container or {}).get("environment") or {}).get(_PINNED_DATE)
    if pinned:
        return [str(pinned)]
    return sorted({iso(mark.started)[:10] for mark in marks if mark.outcome in _outcomes.MEASURED})


def iso(epoch: float) -> str:
    """Return a time as ISO 8601 in UTC, whole seconds."""
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
