# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: status table, how a fleet's servers are as lines of plain ASCII, at most 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import shortened

_HEADINGS = ("host", "server", "verdict", "run/wait", "tokens/s", "KV %", "restarts", "up")
_LEFT = {"host", "server", "verdict"}
_WIDEST = {"host": 32, "server": 24}
_GAP = "  "
_MOST_ROWS = 96  # of a larger fleet only what is wrong is shown
_LONGEST_TEXT = 400

Row = Mapping[str, Any]


def status_table(rows: Sequence[Row]) -> list[str]:
    """Return a line for each server, and below that of one that is not well what was seen and what to do."""
    shown = (list(rows) if len(rows) <= _MOST_ROWS else [row for row in rows if row["wrong"]])[:_MOST_ROWS]
    cells = [_cells(row) for row in shown]
    widths = [max(len(line[column]) for line in (*cells, _HEADINGS)) for column in range(len(_HEADINGS))]
    lines = [_line(_HEADINGS, widths), _GAP.join("-" * width for width in widths)]
    for row, line in zip(shown, cells, strict=True):
        lines += [_line(line, widths), *_remarks(row)]
    if hidden := len(rows) - len(shown):
        lines.append(f"... and {hidden} servers more; the report has them all.")
    return lines


def duration(seconds: Optional[float]) -> str:
    """Return a time in few characters: 45s, 12m, 3.5h, 12d."""
    if seconds is None:
        return "-"
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "m")):
        if seconds >= size:
            count = seconds / size
            return f"{count:.1f}{unit}" if unit == "h" and count < 10 else f"{count:.0f}{unit}"
    return f"{seconds:.0f}s"


def _cells(row: Row) -> tuple[str, ...]:
    running, waiting = row["requests_running"], row["requests_waiting"]
    tokens, usage = row["generation_tokens_per_second"], row["kv_cache_usage"]
    return (
        shortened(row["host"], _WIDEST["host"]),
        shortened(row["name"] or "-", _WIDEST["server"]),
        row["verdict"].upper() if row["wrong"] else row["verdict"],
        "-" if running is None else f"{running}/{waiting}",
        "-" if tokens is None else f"{tokens:.0f}",
        "-" if usage is None else f"{100 * usage:.1f}",
        _restarts(row),
        duration(row["uptime_seconds"]),
    )


def _restarts(row: Row) -> str:
    if row["restarts"] is None:
        return "-"
    new = row["restarts_since_last_look"]
    return f"{row['restarts']} (+{new})" if new else str(row["restarts"])


def _remarks(row: Row) -> list[str]:
    """Return what was seen, its cause and what to do; nothing for a server that simply serves."""
    if not row["wrong"] and row["verdict"] in ("idle", "busy"):
        return []
    parts = [("", row["sentence"])]
    if row["wrong"]:
        parts += [("Cause: ", row["cause"] or ""), ("To do: ", row["remedy"]), ("More: ", row["docs"] or "")]
    lines = []
    for title, text in parts:
        words = shortened(" ".join(text.split()), _LONGEST_TEXT)
        if words:
            lines += textwrap.wrap(
                f"{title}{words}", WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
            )
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = (
        cell.ljust(width) if name in _LEFT else cell.rjust(width)
        for cell, width, name in zip(cells, widths, _HEADINGS, strict=True)
    )
    return _GAP.join(texts).rstrip()
