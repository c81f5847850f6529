# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint report - the judgements of a fleet's fingerprints, as data, as a sentence and as a table."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_judgement import Judgement
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed, shortened
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST, GOOD, UNJUDGED, worst

_HEADINGS = ("host", "server", "GPU", "against", "|d log p|", "allowed", "top differ", "itself", "seconds", "verdict")
_LEFT = {"host", "server", "GPU", "against", "verdict"}
_MOST_ROWS = 96  # of a larger fleet only what is not good is shown
_QUIET = (GOOD, UNJUDGED)
_NOTE = "|d log p|: mean difference of fixed texts' log-probabilities, in nats. itself: from one round to the next."

Row = Mapping[str, Any]


def report_of(judgements: Sequence[Judgement], fail_on: Sequence[str]) -> dict[str, Any]:
    """Return the report; `hosts` have the worst verdict of their servers."""
    servers = [_server(each) for each in judgements]
    by_host: dict[str, list[Row]] = defaultdict(list)
    for row in servers:
        by_host[row["host"]].append(row)
    hosts = [_host(name, own) for name, own in by_host.items()]
    found = {
        "hosts": hosts,
        "servers": servers,
        "verdict": worst(host["verdict"] for host in hosts),
        "accepted": bool(hosts) and not any(host["verdict"] in fail_on for host in hosts),
        "simulated": any(row["simulated"] for row in servers),
    }
    return {**found, "sentence": _sentence(found), "table": _table(found)}


def _server(judgement: Judgement) -> dict[str, Any]:
    row = judgement.unit.row
    return {
        "host": judgement.unit.host,
        "server": judgement.unit.server,
        "gpus": row.get("gpus"),
        "verdict": judgement.verdict,
        "reason": "; ".join(judgement.reasons),
        "numbers": dict(judgement.numbers),
        "repeat": row.get("repeat"),
        "seconds": row.get("seconds") or 0.0,
        "simulated": bool(row.get("simulated")),
        "too_long": dict(row.get("too_long") or {}),
    }


def _host(name: str, servers: Sequence[Row]) -> dict[str, Any]:
    verdict = worst(row["verdict"] for row in servers)
    of_that = [row for row in servers if row["verdict"] == verdict]
    reasons = {f"{row['server']} {row['reason']}" if len(servers) > 1 else row["reason"]: None for row in of_that}
    return {"host": name, "verdict": verdict, "reason": "; ".join(reasons)}


def _sentence(found: Row) -> str:
    hosts = found["hosts"]
    good = sum(host["verdict"] == GOOD for host in hosts)
    parts = [f"{good} of {len(hosts)} hosts agree"]
    for verdict in reversed(FROM_BEST_TO_WORST[1:]):
        names = [host["host"] for host in hosts if host["verdict"] == verdict]
        parts += [f"{verdict}: {listed(names, 5)}"] if names else []
    said = f"Fingerprints: {'; '.join(parts)}."
    return f"{said} SIMULATED: no model stands behind it." if found["simulated"] else said


def _table(found: Row) -> list[str]:
    servers = found["servers"]
    shown = [row for row in servers if len(servers) <= _MOST_ROWS or row["verdict"] not in _QUIET]
    cells = [_HEADINGS, *(_cells(row) for row in shown[:_MOST_ROWS])]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = [_line(cells[0], widths), "  ".join("-" * width for width in widths)]
    lines += [_line(row, widths) for row in cells[1:]]
    if hidden := len(servers) - len(shown[:_MOST_ROWS]):
        lines.append(f"... and {hidden} servers more")
    return [*lines, "", _NOTE, *_reasons(found["hosts"])]


def _cells(row: Row) -> tuple[str, ...]:
    numbers = row["numbers"]
    told = numbers.get("against") in ("fleet", "baseline")
    return (
        shortened(row["host"], 24),
        shortened(row["server"], 20),
        str(row["gpus"] or "-"),
        str(numbers.get("against") or "-"),
        f"{numbers['mean']:.4f}" if told else "-",
        f"{numbers['allowed']:.3f}" if told else "-",
        f"{numbers['n_top_differ']}/{numbers['n_positions']}" if told else "-",
        f"{row['repeat']['mean']:.4f}" if row["repeat"] else "-",
        f"{row['seconds']:.1f}",
        row["verdict"] if row["verdict"] in _QUIET else row["verdict"].upper(),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = (
        cell.ljust(width) if name in _LEFT else cell.rjust(width)
        for cell, width, name in zip(cells, widths, _HEADINGS, strict=True)
    )
    return "  ".join(texts).rstrip()


def _reasons(hosts: Sequence[Row]) -> list[str]:
    lines: list[str] = []
    for host in hosts:
        if host["verdict"] not in _QUIET and len(lines) <= _MOST_ROWS:
            lines.append("")
            lines += textwrap.wrap(
                f"{host['host']} is {host['verdict'].upper()}: {host['reason']}", WIDTH, subsequent_indent="    "
            )
    return lines
