# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report samples, what the report shows of fetched journals: the samples most worth reading, shortened."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import ExportError, read_run
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalError, read_sample
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST

Entry = Mapping[str, Any]

# Those that say most of a server's state first.
_FIRST = (
    _outcomes.ERROR, _outcomes.TIMEOUT, _outcomes.REFUSED, _outcomes.TRUNCATED, _outcomes.UNPARSED, _outcomes.WRONG,
    _outcomes.CORRECT,
)  # fmt: skip
_HEAD, _TAIL = 2500, 1000  # characters of a reply that are shown
_MOST_CHARACTERS = 700_000  # of all samples together, so that the page opens quickly


class Wish(NamedTuple):
    """What to show: of each score at most so many samples; the questions of the tasks that `data` has files of."""

    most: int = 0
    folder: Path | None = None  # HOST/SERVER/JOURNAL below it
    data: Mapping[str, Sequence[str]] = {}


class Shown(NamedTuple):
    """The samples of one score, how many there are in all, and why there are no questions, if they were wanted."""

    samples: Sequence[Entry]
    total: int
    problem: str = ""


Key = tuple[str, str, str, str]


def chosen_samples(entries: Sequence[Entry], wish: Wish) -> tuple[dict[Key, Shown], int]:
    """Return the samples to show of each score, the worst scores' first, and how many scores there was no room for."""
    found: dict[Key, Shown] = {}
    room, left_out = _MOST_CHARACTERS, 0
    if not wish.most or wish.folder is None:
        return found, 0
    for entry in sorted(entries, key=lambda entry: -FROM_BEST_TO_WORST.index(entry["verdict"])):
        path = _journal(wish.folder, entry)
        if path is None:
            continue
        if room <= 0:
            left_out += 1
            continue
        shown = _read(path, wish.most, wish.data.get(entry["task"], ()), entry["task"])
        found[entry["host"], entry["server"], entry["task"], entry["reasoning_effort"]] = shown
        room -= sum(len(str(value)) for sample in shown.samples for value in sample.values())
    return found, left_out


def _journal(folder: Path, entry: Entry) -> Path | None:
    """Return a score's fetched journal; None where there is none. A host's name leads to nowhere else."""
    if not entry.get("journal"):
        return None
    path = (folder / entry["host"] / entry["server"] / Path(str(entry["journal"])).name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _read(path: Path, most: int, data: Sequence[str], task: str) -> Shown:
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    with path.open("rb") as lines:
        for line in lines:
            row = read_sample(line)
            if row is not None:
                rows[row["question"], row["repeat"]] = row  # a later one holds: it was asked again
    chosen = heapq.nsmallest(most, rows.items(), key=lambda item: (_FIRST.index(item[1]["outcome"]), item[0]))
    prompts, problem = _prompts(path, data, task) if data else ({}, "")
    return Shown([_shown(row, prompts.get(key)) for key, row in chosen], len(rows), problem)


def _prompts(path: Path, data: Sequence[str], task: str) -> tuple[dict[tuple[int, int], str], str]:
    try:
        run = read_run(str(path), {task: list(data)})
    except (ExportError, JournalError, DatasetError) as exc:
        return {}, str(exc)
    return {(each.sample.question, each.sample.repeat): each.sample.prompt for each in run.asked}, ""


def _shown(row: Entry, prompt: str | None) -> dict[str, Any]:
    names = ("question", "repeat", "outcome", "extracted", "target", "finish_reason", "completion_tokens", "seconds")
    return {
        **{name: row.get(name) for name in names},
        "text": _shortened(str(row.get("text") or "")),
        "error": _shortened(str(row.get("error") or "")),
        "prompt": None if prompt is None else _shortened(prompt),
    }


def _shortened(text: str) -> str:
    """Return a text without its middle where it is long: the end has the answer."""
    if len(text) <= _HEAD + _TAIL:
        return text
    return f"{text[:_HEAD]}\n[… {len(text) - _HEAD - _TAIL} characters …]\n{text[-_TAIL:]}"
