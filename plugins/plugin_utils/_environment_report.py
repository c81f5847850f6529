# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment report - the fleet's differences in a sentence, in a short table, and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_keys import load_data
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._markdown import section, table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed, shortened

WIDTH = 120
_MOST_IN_SENTENCE = 3
_MOST_OF_A_HOST = 8
_MOST_ROWS = 60
_MOST_HOSTS = 5
# From this length on a list of words is told by what it lacks and has beyond the usual one.
_LONG = 60
_LONGEST_REASON = 300

Row = Mapping[str, Any]


def sentence(found: Mapping[str, Any]) -> str:
    """Return how alike the hosts are."""
    count = len(found["hosts"])
    tail = _missing(found)
    if count < 2:
        return f"{count or 'No'} host{'s' if count != 1 else ''}, so there is nothing to compare.{tail}"
    if not found["differences"]:
        return f"All {count} hosts alike, in {found['n_keys']} keys.{tail}"
    parts = list(dict.fromkeys(_phrase(row, odd) for row in _distinct(found) for odd in row["odd"][:_MOST_HOSTS]))
    more = f"; and {len(parts) - _MOST_IN_SENTENCE} more" if len(parts) > _MOST_IN_SENTENCE else ""
    return f"All {count} hosts alike but: {'; '.join(parts[:_MOST_IN_SENTENCE])}{more}.{tail}"


def short_table(found: Mapping[str, Any]) -> list[str]:
    """Return lines of plain ASCII: each odd host with what it has and what the others have."""
    rows = list(_table_rows(found))
    problems = [(row["host"], row["server"] or "", _reason(row)) for row in found["not_collected"]]
    lines = _aligned(("host", "what", "here", "others"), rows[:_MOST_ROWS]) if rows else []
    if len(rows) > _MOST_ROWS:
        lines.append(f"... and {len(rows) - _MOST_ROWS} lines more, in the report")
    if problems:
        lines += ["", "Not collected:"] if lines else ["Not collected:"]
        for host, server, problem in problems[:_MOST_ROWS]:
            text = f"{host}{f' ({server})' if server else ''}: {problem}"
            lines += textwrap.wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        if len(problems) > _MOST_ROWS:
            lines.append(f"  - and {len(problems) - _MOST_ROWS} more, in the report")
    return lines


def markdown(found: Mapping[str, Any]) -> str:
    """Return the whole report. The same hosts give the same text."""
    rows = difference_rows(found)
    missing = [(row["host"], row["server"], _reason(row)) for row in found["not_collected"]]
    lacking = [(fact, ", ".join(hosts)) for fact, hosts in found["without_facts"].items()]
    reasons = listed([row["reason"] for row in load_data()["ignored"]], most=10)
    keys = [(row["title"], f"`{row['key']}`") for row in found["differences"]]
    parts = [
        ["# Environments of the fleet", "", sentence(found)],
        section("Not collected", table(("host", "server", "problem"), missing)),
        section(
            "Differences", table(("what", "usual", "hosts with it", "odd value", "odd hosts"), rows, ("hosts with it",))
        ),
        section("Compared without facts of the host", table(("fact", "hosts that lack it"), lacking)),
        section("Keys", table(("what", "key"), keys)),
        section(
            "Method", [f"{found['n_keys']} keys of {len(found['hosts'])} hosts were compared. Left out: {reasons}."]
        ),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def difference_rows(found: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return what differs, the usual value, how many hosts have it, an odd one and the hosts with it, row by row."""
    return [
        (row["title"], _usual(row), row["n_usual"] or "-", _shown(odd["value"], row), ", ".join(odd["hosts"]))
        for row in found["differences"]
        for odd in row["odd"]
    ]


def _missing(found: Mapping[str, Any]) -> str:
    hosts = list(dict.fromkeys(row["host"] for row in found["not_collected"]))
    return f" Not collected: {listed(hosts, _MOST_HOSTS)}." if hosts else ""


def _distinct(found: Mapping[str, Any]) -> list[Row]:
    """Return the differences; of several that say the same of the same hosts, such as two drivers, the first."""
    kept: dict[Any, Row] = {}
    for row in found["differences"]:
        kept.setdefault((row["title"], str(row["odd"])), row)
    return list(kept.values())


def _phrase(row: Row, odd: Row) -> str:
    others = f" (others {shortened(_text(row['usual']), 30)})" if row["has_usual"] else ""
    return f"{listed(odd['hosts'])} {row['title']} {shortened(_shown(odd['value'], row), 40)}{others}"


def _table_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield rows of who, what, here and others, host by host in the order of the first difference."""
    groups: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    for row in _distinct(found):
        for odd in row["odd"]:
            groups.setdefault(tuple(odd["hosts"]), []).append((row["title"], _shown(odd["value"], row), _usual(row)))
    for hosts, own in groups.items():
        for position, (title, here, others) in enumerate(own[:_MOST_OF_A_HOST]):
            yield listed(hosts) if position == 0 else "", title, here, others
        if len(own) > _MOST_OF_A_HOST:
            yield "", f"and {len(own) - _MOST_OF_A_HOST} more, in the report", "", ""


def _usual(row: Row) -> str:
    return _text(row["usual"]) if row["has_usual"] else "(no majority)"


def _shown(value: str | None, row: Row) -> str:
    """Return an odd value, a long list of words by how it differs from the usual one."""
    if value is None or row["usual"] is None or len(value) < _LONG or " " not in value:
        return _text(value)
    usual, own = row["usual"].split(), value.split()
    lacks = [word for word in usual if word not in own]
    beyond = [word for word in own if word not in usual]
    parts = [f"without {' '.join(lacks)}" if lacks else "", f"with {' '.join(beyond)}" if beyond else ""]
    return ", ".join(filter(None, parts)) or "in another order"


def _text(value: str | None) -> str:
    return "none" if value is None else value


def _reason(row: Row) -> str:
    return shortened(" ".join(row["problem"].split()), _LONGEST_REASON)


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    texts = [[shortened(" ".join(cell.split()), 34) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in (*texts, headings)) for column in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *texts]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
