# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: rollout table - the plan and the outcome of a rollout as lines of plain ASCII, at most 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_outcome import what_it_serves
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import shortened

_PLAN = ("wave", "host", "server", "to do", "now", "wanted", "changes", "to fetch")
_PLAN_WIDTHS = (4, 20, 20, 11, 26, 26, 24, 20)
_OUTCOME = ("wave", "host", "outcome", "what happened")
_MOST_ROWS = 96

Row = Mapping[str, Any]


def plan_table(plan: Mapping[str, Any]) -> list[str]:
    """Return a line for each server, in the order of the waves; hosts that are left alone come last, done ones not."""
    rows = sorted(plan["hosts"], key=lambda row: row["wave"] or len(plan["waves"]) + 1)
    lines = [line for row in rows if row["state"] != "done" for line in _plan_lines(row)]
    return _table(_PLAN, lines, _PLAN_WIDTHS) if lines else []


def outcome_table(done: Mapping[str, Any]) -> list[str]:
    """Return a line for each host that took part or should have."""
    rows = sorted(done["hosts"], key=lambda row: row["wave"] or len(done["waves"]) + 1)
    lines: list[tuple[str, ...]] = []
    for row in rows:
        if row["state"] != "done":
            wave = str(row["wave"] or "-")
            outcome = (row["outcome"] or ("not begun" if row["wave"] else row["state"])).replace("_", " ")
            lines.append((wave, row["host"], outcome, _happened(row)))
    if not lines:
        return []
    widths = [max(len(cells[column]) for cells in (*lines, _OUTCOME)) for column in range(3)]
    room = max(30, WIDTH - sum(widths) - 6)
    return _table(_OUTCOME, lines, (4, 24, 14, room), wrapped=True)


def _plan_lines(row: Row) -> list[tuple[str, ...]]:
    wave = str(row["wave"] or "-")
    if not row["wave"]:
        return [(wave, row["host"], "-", row["state"], "-", "-", "-", "-")]
    return [
        (
            wave,
            row["host"],
            server["name"],
            server["state"],
            server["now"],
            server["wanted"],
            ", ".join(server["changes"]) or "-",
            ", ".join(server["fetch"]) or "-",
        )
        for server in row["servers"]
    ]


def _happened(row: Row) -> str:
    if row["outcome"] in (None, "accepted"):
        return row["reason"] or "-"
    return f"{row['reason']} It {what_it_serves(row)}."


def _table(
    headings: Sequence[str], lines: Sequence[Sequence[str]], widest: Sequence[int], wrapped: bool = False
) -> list[str]:
    """Return aligned lines, cells cut to the widest that they may be; with `wrapped` the last one goes on below."""
    cells = [
        [shortened(text, most) if not wrapped or column < len(widest) - 1 else text for column, (text, most) in pairs]
        for line in lines[:_MOST_ROWS]
        for pairs in [list(enumerate(zip(line, widest, strict=True)))]
    ]
    widths = [min(most, max(len(row[column]) for row in (*cells, headings))) for column, most in enumerate(widest)]
    shown = [_line(headings, widths), "  ".join("-" * width for width in widths)]
    for row in cells:
        first, *more = textwrap.wrap(row[-1], widths[-1]) or [""]
        shown.append(_line([*row[:-1], first], widths))
        shown += [" " * (sum(widths[:-1]) + 2 * (len(widths) - 1)) + text for text in more]
    if hidden := len(lines) - len(cells):
        shown.append(f"... and {hidden} more; the facts have them all.")
    return shown


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)).rstrip()
