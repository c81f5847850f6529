# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: export, a journal's samples with the prompts they were asked with, ready to be written in other forms."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import file_sha256, identity_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalError, read_journal, read_sample
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import summarize
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS, Sample, build_samples

Files = Mapping[str, str]  # a file's name, which may have folders, and its text
_EPOCH = "1970-01-01T00:00:00Z"


class ExportError(Exception):
    """A journal cannot be written in another form."""


class Asked(NamedTuple):
    """A sample, and its journal row."""

    sample: Sample
    row: Mapping[str, Any]

    @property
    def measured(self) -> bool:
        """Whether the server answered, so that the sample counts."""
        return self.row["outcome"] in _outcomes.MEASURED

    @property
    def text(self) -> str:
        """The reply's text; empty where there was none."""
        return str(self.row.get("text") or "")

    @property
    def extracted(self) -> str:
        """The answer that was found in the reply; empty where there was none."""
        extracted = self.row.get("extracted")
        return "" if extracted is None else str(extracted)

    @property
    def score(self) -> float:
        """1.0 for a right answer, else 0.0."""
        return float(self.row.get("score") or 0.0)


class Run(NamedTuple):
    """One journal: its identity and that one's sha256, when it was begun, its samples in order, its score's numbers."""

    identity: Mapping[str, Any]
    sha256: str
    created: datetime
    asked: Sequence[Asked]
    numbers: Mapping[str, Any]

    @property
    def measured(self) -> list[Asked]:
        """The samples that count."""
        return [each for each in self.asked if each.measured]

    @property
    def name(self) -> str:
        """The task with its effort, such as gpqa_low."""
        return f"{self.identity['task']}_{self.identity['reasoning_effort']}"

    @property
    def finished(self) -> datetime:
        """When the last sample was done."""
        last = max((float(each.row.get("finished") or 0.0) for each in self.asked), default=0.0)
        return datetime.fromtimestamp(last, timezone.utc) if last else self.created


def read_run(path: str, data: Mapping[str, Sequence[str]]) -> Run:
    """Read a journal, and make its prompts anew from the data files of its task.

    ExportError where it is no journal or the files are not those it was made with, JournalError, DatasetError.
    """
    header, rows = _read(path)
    identity = header["identity"]
    task = str(identity["task"])
    files = [str(file) for file in data.get(task) or []]
    if task not in TASKS or not files:
        raise ExportError(f"{path} is of task {task}: wanted its data files, found none; give data.{task}")
    _check_data(path, identity, files)
    n_repeats = int(identity["n_repeats"])
    subset, seed = identity.get("subset") or (None, 0)
    samples = build_samples(task, files, n_repeats, identity.get("examples"), subset, seed)
    asked = [
        Asked(sample, rows[(sample.question, sample.repeat)])
        for sample in samples
        if (sample.question, sample.repeat) in rows
    ]
    marks = read_journal(path, header["sha256"]).marks
    questions = sorted({sample.question for sample in samples})
    numbers = summarize(marks, questions, n_repeats)
    return Run(identity, str(header["sha256"]), _time(header.get("created")), asked, numbers)


def _read(path: str) -> tuple[dict[str, Any], dict[tuple[int, int], dict[str, Any]]]:
    try:
        with open(path, "rb") as lines:
            header = _header(lines.readline())
            rows = [row for row in map(read_sample, lines) if row is not None]
    except OSError as exc:
        raise JournalError(f"cannot read the journal {path}: {exc}") from exc
    if header is None:
        raise ExportError(f"{path} is no journal: its first line does not hold an identity; give a *.jsonl of a run")
    return header, {(row["question"], row["repeat"]): row for row in rows}


def _header(line: bytes) -> dict[str, Any] | None:
    """Return a first line that holds the identity of an eval, and its sha256."""
    try:
        header = _json_text.loads(line)
        return header if identity_sha256(header["identity"]) == header["sha256"] else None
    except (KeyError, TypeError, ValueError):
        return None


def _check_data(path: str, identity: Mapping[str, Any], files: Sequence[str]) -> None:
    try:
        found = [file_sha256(file) for file in files]
    except OSError as exc:
        raise ExportError(f"cannot read a data file of {identity['task']}: {exc}; correct data") from exc
    wanted = list(identity.get("data_sha256") or [])
    if wanted != found:
        raise ExportError(
            f"{path} was made with data of sha256 {', '.join(wanted)}, found {', '.join(found)}; give the files that "
            "it was made with, as its prompts are made anew from them"
        )


def _time(created: Any) -> datetime:
    try:
        found = datetime.strptime(str(created), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        found = datetime.strptime(_EPOCH, "%Y-%m-%dT%H:%M:%SZ")
    return found.replace(tzinfo=timezone.utc)


def json_lines(runs: Sequence[Run]) -> Files:
    """Return each run as JSON Lines: a sample a line, with its prompt and all that its journal holds."""
    return {f"{run.name}-{run.sha256[:12]}.jsonl": "".join(_lines(run)) for run in runs}


def _lines(run: Run) -> Iterator[str]:
    about = {name: run.identity.get(name) for name in ("model", "task", "reasoning_effort", "sampler")}
    for each in run.asked:
        line = {"id": each.sample.request_id, **about, "prompt": each.sample.prompt, **each.row}
        yield json.dumps(line) + "\n"


def write_files(folder: Path, files: Files, check_mode: bool) -> list[str]:
    """Write those files that are not so already, each at once or not at all; return their paths."""
    changed = []
    for name, text in files.items():
        path = folder / name
        content = text.encode()
        if path.is_file() and path.read_bytes() == content:
            continue
        changed.append(str(path))
        if not check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(path.name + ".new")
            fresh.write_bytes(content)
            fresh.replace(path)
    return changed


Exporter = Callable[[Sequence[Run]], Files]
