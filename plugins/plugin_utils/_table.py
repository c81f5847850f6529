# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: table, a fleet's scores as lines of plain ASCII, at most 120 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points, shortened, task_title

WIDTH = 120
_MOST_ROWS = 96  # of a larger fleet only what is not good is shown
_REASONS_A_HOST = 6
_HEADINGS = (
    "host", "server", "task", "effort", "score", "+/-", "right/n", "reference", "diff", "fleet", "diff", "verdict",
)  # fmt: skip
_LEFT = {"host", "server", "task", "effort", "verdict"}

Entry = Mapping[str, Any]


def score_table(fleet: Mapping[str, Any]) -> list[str]:
    """Return the table of a fleet's facts, followed by the reasons of each host that is not good."""
    entries = fleet["scores"]
    shown = entries if len(entries) <= _MOST_ROWS else [entry for entry in entries if entry["verdict"] != "good"]
    lines = _aligned(shown[:_MOST_ROWS])
    if hidden := len(entries) - len(shown[:_MOST_ROWS]):
        counts = ", ".join(f"{n} {verdict}" for verdict, n in Counter(e["verdict"] for e in entries).most_common())
        lines.append(f"... and {hidden} scores more; in all {counts}. The report has them all.")
    return [*lines, *_notes(fleet), *_reasons(fleet["hosts"])]


def _aligned(entries: Sequence[Entry]) -> list[str]:
    rows = _rows(entries)
    several = len({row[:2] for row in rows}) > len({row[0] for row in rows})
    columns = [column for column, name in enumerate(_HEADINGS) if several or name != "server"]
    widths = [max(len(row[column]) for row in (*rows, _HEADINGS)) for column in columns]
    lines = [_line(_HEADINGS, columns, widths), "  ".join("-" * width for width in widths)]
    previous = None
    for row in rows:
        same = row[:2] == previous
        previous = row[:2]
        lines.append(_line(("", "", *row[2:]) if same else row, columns, widths))
    return lines


def _rows(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Return the table's rows; a server of which all is missing gets one."""
    servers: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        servers.setdefault((entry["host"], entry["server"]), []).append(entry)
    rows = []
    for own in servers.values():
        if len(own) > 1 and all(entry["verdict"] == "missing" for entry in own):
            own = [{**own[0], "task": f"all {len(own)}", "reasoning_effort": ""}]
        rows += [_row(entry) for entry in own]
    return rows


def _line(row: Sequence[str], columns: Sequence[int], widths: Sequence[int]) -> str:
    texts = (
        row[column].ljust(width) if _HEADINGS[column] in _LEFT else row[column].rjust(width)
        for column, width in zip(columns, widths, strict=True)
    )
    return "  ".join(texts).rstrip()


def _row(entry: Entry) -> tuple[str, ...]:
    fleet = entry["fleet"]
    reference, difference = _reference(entry)
    fraction = f"{entry['n_correct']}/{entry['n_measured']}" if entry["n_measured"] else "-"
    return (
        shortened(entry["host"], 24),
        shortened(entry["server"], 14),
        task_title(entry["task"]),
        entry["reasoning_effort"],
        points(entry["score"]),
        points(entry["standard_error_within"]),
        fraction,
        reference,
        difference,
        points(fleet["centre"]) if fleet else "-",
        points(fleet["difference"], signed=True) if fleet else "-",
        _verdict(entry),
    )


def _verdict(entry: Entry) -> str:
    verdict = entry["verdict"].upper() if entry["verdict"] not in ("good", "unjudged") else entry["verdict"]
    waived = f", waived until {entry['waiver']['expires']}" if entry["waiver"] else ""
    stopped = f", stopped {entry['through_repeat']}/{entry['n_repeats_wanted']}" if entry["stopped"] else ""
    return f"{verdict}{stopped}{waived}"


def _reference(entry: Entry) -> tuple[str, str]:
    if entry["reference"]:
        return points(entry["reference"]["centre"]), points(entry["reference"]["difference"], signed=True)
    if entry["orientation"]:
        first = entry["orientation"][0]
        return f"({points(first['centre'])})", f"({points(first['difference'], signed=True)})"
    return "-", "-"


def _notes(fleet: Mapping[str, Any]) -> list[str]:
    entries = fleet["scores"]
    notes = []
    if any(entry["fleet"] or entry["score"] is not None for entry in entries):
        notes.append("+/-: standard error over new answers to the same questions. fleet: median of the other servers.")
    if any(entry["orientation"] and not entry["reference"] for entry in entries):
        notes.append("(...): a reference of another kind of run, shown for orientation; it judges nothing.")
    if any(entry["stopped"] for entry in entries):
        notes.append(
            "stopped k/n: the eval ended after repeat k of n, as it was decided; such a score is not unbiased."
        )
    if fleet["settings"]["reference_data"] == "any" and any(entry["reference"] for entry in entries):
        notes.append("References judge whatever the questions were, because reference_data is any.")
    if fleet["simulated"]:
        notes.append("SIMULATED: answers of a simulator, no model's.")
    return ["", *notes] if notes else []


def _reasons(hosts: Sequence[Entry]) -> list[str]:
    lines: list[str] = []
    for host in hosts:
        if host["verdict"] in ("good", "unjudged") or len(lines) > _MOST_ROWS:
            continue
        lines += ["", f"{host['host']} is {host['verdict'].upper()}:"]
        for reason in host["reasons"][:_REASONS_A_HOST]:
            lines += textwrap.wrap(
                reason, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
            )
        if len(host["reasons"]) > _REASONS_A_HOST:
            lines.append(f"  - and {len(host['reasons']) - _REASONS_A_HOST} more, in the report")
    return lines
