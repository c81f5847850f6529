# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval status table, how a fleet's evals stand as lines of plain ASCII, at most 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_line import under_way
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points, shortened, task_title
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import duration

_HEADINGS = (
    "host", "server", "state", "done", "now", "score", "+/-", "errors", "requests/s", "tokens/s", "left",
)  # fmt: skip
_LEFT = {"host", "server", "state", "now"}
_WIDEST = {"host": 24, "server": 14}
_MOST_ROWS = 96  # of a larger fleet only what is wrong is shown
_LONGEST_TEXT = 400
_GAP = "  "

Row = Mapping[str, Any]


def eval_table(rows: Sequence[Row]) -> list[str]:
    """Return a line for each server, with the score so far of a cell under way, and below it why it does not get on."""
    shown = (list(rows) if len(rows) <= _MOST_ROWS else [row for row in rows if row["wrong"]])[:_MOST_ROWS]
    texts = [_texts(row) for row in shown]
    widths = [max(len(line[column]) for line in (*texts, _HEADINGS)) for column in range(len(_HEADINGS))]
    lines = [_line(_HEADINGS, widths), _GAP.join("-" * width for width in widths)]
    for row, text in zip(shown, texts, strict=True):
        lines += [_line(text, widths), *_remark(row)]
    if hidden := len(rows) - len(shown):
        lines.append(f"... and {hidden} servers more; the report has them all.")
    return lines


def _texts(row: Row) -> tuple[str, ...]:
    cell = next(iter(under_way(row["cells"])), None)
    measured = cell is not None and cell["measured"]
    return (
        shortened(row["host"], _WIDEST["host"]),
        shortened(row["server"] or "-", _WIDEST["server"]),
        row["state"].upper() if row["wrong"] else row["state"],
        f"{row['n_done']}/{row['n_samples']}" if row["n_samples"] else "-",
        f"{shortened(task_title(cell['task']), 8)} {cell['effort']}" if cell else "-",
        points(cell["correct"] / cell["measured"]) if cell and measured else "-",
        points(cell.get("standard_error")) if cell and measured else "-",
        str(row["n_errors"]) if row["n_samples"] else "-",
        _number(row["requests_per_second"], 1),
        _number(row["tokens_per_second"], 0),
        "-" if row["seconds_left"] is None else duration(row["seconds_left"]),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _remark(row: Row) -> list[str]:
    text = shortened(" ".join(row["remark"].split()), _LONGEST_TEXT)
    return (
        textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)
        if text
        else []
    )


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        text.ljust(width) if name in _LEFT else text.rjust(width)
        for text, width, name in zip(texts, widths, _HEADINGS, strict=True)
    )
    return _GAP.join(cells).rstrip()
