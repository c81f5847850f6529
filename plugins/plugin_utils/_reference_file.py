# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reference file, accepted hosts' full runs, question by question, kept as references for later ones.

The file is JSON: {"baseline": 1, "scores": [...]}, one score a line. Each is a reference as fleet_scores takes it, with
`outcomes`, the pair of right and measured answers to each question of the data set, in its order. Several hosts'
answers are added up: the more there are, the less noise the reference has (Miller 2024, arXiv:2411.00640).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell, Key
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import ReferenceError, check_references
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._row_file import RowFile, RowFileError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

_FILE = RowFile("baseline", "scores", "gpt_oss.fleet.eval_baseline")
ID = "baseline"

Row = Mapping[str, Any]


def accepted_cells(
    entries: Iterable[Row], rows: Mapping[str, Sequence[Row]], verdicts: Sequence[str]
) -> tuple[list[Cell], list[dict[str, str]]]:
    """Return the scores that may serve as references, and those that may not with the reason.

    entries: the fleet's judged scores; rows: each host's score rows, in which the outcomes are.
    """
    cells, left_out = [], []
    for entry in entries:
        key = Key(entry["host"], entry["server"], entry["task"], entry["reasoning_effort"])
        row = next((row for row in rows.get(key.host, ()) if _is_of(row, entry)), None)
        reason = _unfit(entry, row, verdicts)
        if reason:
            left_out.append({**dict(zip(("host", "server", "task", "reasoning_effort"), key)), "reason": reason})
        else:
            cells.append(Cell(key, row))
    return cells, left_out


def references_of(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Return a reference for each model, task, effort, sampler and data set, all its hosts' answers together."""
    groups: dict[Any, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.comparable].append(cell)
    return [_reference(own) for own in groups.values()]


def dump(references: Iterable[Row]) -> str:
    """Return the text of a file; the same references give the same text."""
    return _FILE.dump(references)


def load(text: str, path: str) -> list[dict[str, Any]]:
    """Return the references of a file's text. ReferenceError tells what is wrong with it, and names its path."""
    try:
        rows = _FILE.load(text, path)
    except RowFileError as exc:
        raise ReferenceError(str(exc)) from exc
    try:
        check_references(rows)
    except ReferenceError as exc:
        raise ReferenceError(f"{path}: {exc}") from exc
    return rows


def _is_of(row: Row, entry: Row) -> bool:
    names = ("server", "task", "reasoning_effort", "identity")
    return all(row.get(name) == entry.get(name) for name in names)


def _unfit(entry: Row, row: Row | None, verdicts: Sequence[str]) -> str:
    if entry["verdict"] not in verdicts:
        return f"it is {entry['verdict']}, wanted {' or '.join(verdicts)}"
    if row is None or not row.get("outcomes"):
        return "its host's facts hold no outcomes of this score any more: run gpt_oss.fleet.evaluate again"
    if row.get("questions"):
        return f"it is over a part of the questions ({row['n_questions']}), wanted a full run"
    if row.get("stopped"):
        return f"it is over {row['through_repeat']} of {row['n_repeats']} repeats, wanted a full run"
    return "" if row.get("complete", True) else "it is not complete"


def _reference(cells: Sequence[Cell]) -> dict[str, Any]:
    row = cells[0].row or {}
    columns = zip(*(cell.outcomes for cell in cells), strict=True)
    outcomes = [Tally(sum(t.correct for t in column), sum(t.measured for t in column)) for column in columns]
    n_correct, n = (sum(column) for column in zip(*outcomes, strict=True))
    finished = sorted(str(cell.row["finished"]) for cell in cells if cell.row and cell.row.get("finished"))
    simulated = bool(row.get("simulated"))
    servers = [f"{cell.key.host}/{cell.key.server}" for cell in cells]
    return {
        "id": ID,
        "source": f"{'SIMULATED: ' if simulated else ''}accepted full run{'s' * (len(cells) > 1)} of {listed(servers)}",
        "date": finished[-1][:10] if finished else None,
        "hardware": None,
        "model": row["model"],
        "task": row["task"],
        "reasoning_effort": row["reasoning_effort"],
        "sampler": row["sampler"],
        "score": n_correct / n,
        "n_correct": n_correct,
        "n": n,
        "n_questions": len(outcomes),
        "outcomes": [list(outcome) for outcome in outcomes],
        "data_sha256": row.get("data_sha256"),
        "simulated": simulated,
        "servers": servers,
        "identities": sorted({str(cell.row["identity"]) for cell in cells if cell.row and cell.row.get("identity")}),
    }
