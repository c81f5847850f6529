# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight table, the problems of a host as lines of at most 120 columns, and a host in one sentence."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import shortened

WIDTH = 120
_HEADINGS = ("", "problem", "wanted", "found", "what to do")
# The widest that a column may be; the last one has what is left.
_WIDEST = (7, 20, 22, 29)
_GAP = "  "

Problem = Mapping[str, Any]


def table(verdict: Mapping[str, Any]) -> list[str]:
    """Return the problems as a table, errors first, and a line for each role that will mend some; nothing for none."""
    mended = list(verdict["mended"])
    shown = [item for item in verdict["problems"] if item not in mended]
    return [*(_rows(shown) if shown else []), *_mended(mended, bool(shown))]


def sentence(verdict: Mapping[str, Any], host: Mapping[str, Any], gpu: Mapping[str, Any]) -> str:
    """Return what is to be said of a host in one line."""
    mended = list(verdict["mended"])
    counts = Counter(item["severity"] for item in verdict["problems"] if item not in mended)
    parts = [_count(counts[severity], severity) for severity in ("error", "warning") if counts[severity]]
    if mended:
        parts.append(f"{len(mended)} to be mended")
    what = ", ".join(parts) or "no problem"
    return f"{_state(verdict, counts['error'])}: {what} ({inventory(host, gpu)})"


def inventory(host: Mapping[str, Any], gpu: Mapping[str, Any]) -> str:
    """Return what a host is, in a few words: operating system, GPUs, driver, engine."""
    docker = host.get("docker") or {}
    parts = [str((host.get("distribution") or {}).get("name") or "unknown system")]
    if gpu.get("present"):
        names = Counter(str(row.get("name") or f"GPU {row.get('device_id')}") for row in gpu.get("pci") or [])
        parts += [f"{count} x {name}" for name, count in names.items()]
        driver = gpu.get("driver") or {}
        parts.append(f"driver {driver['version']}" if driver.get("version") else "no driver")
    parts.append(f"Docker {docker['version']}" if docker.get("version") else "no Docker")
    return ", ".join(parts)


def _state(verdict: Mapping[str, Any], errors: int) -> str:
    if not verdict["ok"]:
        return "NOT READY"
    if errors:
        return "let pass"
    return "to be prepared" if verdict["mended"] else "ready"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _rows(problems: Sequence[Problem]) -> list[str]:
    cells = [
        (item["severity"].upper(), item["subject"], item["wanted"], item["found"], item["remedy"]) for item in problems
    ]
    widths = [
        min(widest, max(len(row[column]) for row in (*cells, _HEADINGS))) for column, widest in enumerate(_WIDEST)
    ]
    widths.append(WIDTH - sum(widths) - len(_GAP) * len(widths))
    lines = [_line(_HEADINGS, widths), _GAP.join("-" * width for width in widths)]
    for row in cells:
        lines += _wrapped(row, widths)
    return lines


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [_lines(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, columns))):
        yield _line([column[number] if number < len(column) else "" for column in columns], widths)


def _lines(cell: str, width: int) -> list[str]:
    # A path or a command is copied from here, so it is broken only where it does not fit at all.
    return textwrap.wrap(cell, width, break_on_hyphens=False) or [""]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _mended(problems: Sequence[Problem], after_rows: bool) -> list[str]:
    lines = [""] if problems and after_rows else []
    for role in sorted({item["mended_by"] for item in problems}):
        own = [f"{item['subject']} ({shortened(item['found'], 64)})" for item in problems if item["mended_by"] == role]
        text = f"Will be mended by role {role}: {', '.join(own)}"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="  ")
    return lines
