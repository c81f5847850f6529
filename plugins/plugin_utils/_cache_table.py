# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cache table, what a fleet's caches hold as lines of plain ASCII, at most 100 columns."""

from __future__ import annotations

import textwrap
import time
from calendar import timegm
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_fleet import size
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._status_table import duration
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import shortened

WIDTH = 100
_GAP = "  "
_MOST_ROWS = 96  # of a larger fleet only the hosts are shown of which there is something to be said
_MOST_REMARKS = 6
_LONGEST_TEXT = 400
_INDENT = 10
_HEADINGS = ("host", "free", "model", "revision", "size", "verified", "used by", "last read")
_RIGHT = ("free", "size", "last read")
# A column and the least that it may be narrowed to, those first that are missed least.
_NARROWED = (("used by", 12), ("host", 10), ("model", 16), ("revision", 9))

Row = Mapping[str, Any]


def cache_table(report: Mapping[str, Any], now: float) -> list[str]:
    """Return a line for each revision, below each host what is to be said of it, and what went or would go.

    `now` in seconds since 1970.
    """
    remarks: dict[str, list[str]] = {}
    for remark in report["remarks"]:
        remarks.setdefault(remark["host"], []).append(remark["text"])
    hosts = report["hosts"]
    if len(report["revisions"]) + len(hosts) > _MOST_ROWS:
        hosts = [host for host in hosts if host["host"] in remarks][:_MOST_ROWS]
    cells = {host["host"]: _host_cells(host, report["revisions"], now) for host in hosts}
    widths = _widths([_HEADINGS, *(row for rows in cells.values() for row in rows)])
    lines = [_line(_HEADINGS, widths), _GAP.join("-" * width for width in widths)]
    for host, rows in cells.items():
        lines += [_line(row, widths) for row in rows]
        lines += _said(remarks.get(host, []))
    if hidden := len(report["hosts"]) - len(hosts):
        lines.append(f"... and {hidden} hosts more, of which there is nothing to be said; the report has them all.")
    return [*lines, *_gone(report)]


def _host_cells(host: Row, revisions: Sequence[Row], now: float) -> list[tuple[str, ...]]:
    free = "-" if host["free_bytes"] is None else f"{size(host['free_bytes'])}/{size(host['total_bytes'])}"
    rows = [_cells(row, now) for row in revisions if row["host"] == host["host"]]
    if host["leftover_bytes"]:
        rows.append(("leftovers", "", size(host["leftover_bytes"]), "", "", ""))
    first, *others = rows or [("-",) * 6]
    return [(host["host"], free, *first), *(("", "", *row) for row in others)]


def _cells(row: Row, now: float) -> tuple[str, ...]:
    verified, used_by = row["verified"], row["used_by"]
    return (
        row["repo_id"],
        " ".join([row["commit"][:8], *row["refs"]]),
        size(row["bytes"]),
        verified if verified in ("whole", "none") else verified.upper(),
        "?" if used_by is None else ", ".join(used_by) or "-",
        "-" if row["last_accessed"] is None else duration(max(0.0, now - _seconds(row["last_accessed"]))),
    )


def _seconds(text: str) -> float:
    return float(timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns' widths, narrowed where they would not fit."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for name, least in _NARROWED:
        column = _HEADINGS.index(name)
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - WIDTH
        widths[column] -= max(0, min(excess, widths[column] - least))
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = (
        shortened(cell, width).rjust(width) if name in _RIGHT else shortened(cell, width).ljust(width)
        for cell, width, name in zip(cells, widths, _HEADINGS, strict=True)
    )
    return _GAP.join(texts).rstrip()


def _said(remarks: Sequence[str]) -> list[str]:
    shown = list(remarks[:_MOST_REMARKS])
    if len(remarks) > _MOST_REMARKS:
        shown.append(f"and {len(remarks) - _MOST_REMARKS} remarks more, in the report")
    return [line for text in shown for line in _wrapped(text, "    ")]


def _wrapped(text: str, indent: str) -> list[str]:
    words = shortened(" ".join(text.split()), _LONGEST_TEXT)
    # A path is copied from here, so it is broken only where it does not fit at all.
    return textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)


def _gone(report: Mapping[str, Any]) -> list[str]:
    """Return what went from each host, or would go, and which revisions stay, and why."""
    folders = {host["host"]: host["folder"] for host in report["hosts"]}
    lines: list[str] = []
    for host in report["pruned"]:
        removed = [row for row in report["removed"] if row["host"] == host]
        kept = [row for row in report["kept"] if row["host"] == host]
        verb = "Removed" if report["done"] else "Would remove"
        lines += ["", f"{verb} on {host}: {size(sum(row['bytes'] for row in removed)) if removed else 'nothing'}"]
        texts = [shortened(_what(row, folders[host]), WIDTH - _INDENT) for row in removed[:_MOST_ROWS]]
        lines += [f"{size(row['bytes']):>{_INDENT - 2}}{_GAP}{text}" for row, text in zip(removed, texts, strict=False)]
        if len(removed) > _MOST_ROWS:
            lines.append(f"{'':{_INDENT}}... and {len(removed) - _MOST_ROWS} more, in the report")
        for row in kept:
            lines += _wrapped(f"stays: {_revision(row)}: {row['reason']}", " " * _INDENT)
    return lines


def _what(row: Row, folder: str) -> str:
    if row["kind"] == "revision":
        names = f" ({', '.join(row['refs'])})" if row["refs"] else ""
        return f"{row['repo_id']} {row['commit']}{names}"
    return f"{row['kind'].replace('_', ' ')} {row['path'].removeprefix(folder).lstrip('/')}"


def _revision(row: Row) -> str:
    return " ".join([row["repo_id"], row["commit"][:8], *row["refs"]])
