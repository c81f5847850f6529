# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke report - what the smoke tests of a fleet found, as data, as a sentence and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed, shortened

WIDTH = 120
_MOST_ROWS = 96  # of a larger fleet only what is not good is shown
_HEADINGS = ("host", "server", "checks", "tokens low", "high", "seconds", "first failure")
_EFFORTS = ("low", "medium", "high")
_RIGHT = {"tokens low", "high", "seconds"}
# Under `serial`, as in the waves of a rollout, hosts whose turn is to come have no fact either.
UNTESTED = "not asked: its turn is to come, or the host failed or could not be reached before"

Row = Mapping[str, Any]


def report_of(hosts: Mapping[str, Sequence[Row] | str | None]) -> dict[str, Any]:
    """Return the report of the hosts' facts C(gpt_oss_smoke).

    None is the fact of a host that was not tested, a text says why a host's fact cannot be used.
    """
    found: dict[str, Any] = {"hosts": [_host(name, rows) for name, rows in hosts.items()]}
    servers = [row for host in found["hosts"] for row in host["servers"]]
    found["simulated"] = any(row["simulated"] for row in servers)
    found["n_servers"] = len(servers)
    found["n_passed"] = sum(bool(row["ok"]) for row in servers)
    found["not_tested"] = [host["host"] for host in found["hosts"] if host["problem"]]
    found["ok"] = found["n_passed"] == len(servers) and not found["not_tested"]
    return {**found, "sentence": _sentence(found), "table": _table(found)}


def _host(name: str, rows: Sequence[Row] | str | None) -> dict[str, Any]:
    problem = UNTESTED if rows is None else rows if isinstance(rows, str) else ""
    return {"host": name, "problem": problem, "servers": [] if problem else list(rows or [])}


def first_failure(row: Row) -> str:
    """Return the first thing that was wrong with a server, in one line; empty when nothing was."""
    failed = [f"{check['name']}: {check['detail']}" for check in row["checks"] if not check["ok"]]
    return " ".join((failed[0] if failed else str(row["problem"])).split())


def _sentence(found: Row) -> str:
    servers = f"{found['n_servers']} server{'' if found['n_servers'] == 1 else 's'}"
    if found["ok"]:
        said = f"Smoke test: all of {servers} passed." if found["n_servers"] else "Smoke test: there was no server."
    else:
        failed = [
            f"{host['host']}/{row['server']}" for host in found["hosts"] for row in host["servers"] if not row["ok"]
        ]
        parts = [f"{found['n_passed']} of {servers} passed"]
        parts += [f"failed: {listed(failed, 5)}"] if failed else []
        parts += [f"not tested: {listed(found['not_tested'], 5)}"] if found["not_tested"] else []
        said = f"Smoke test: {'; '.join(parts)}."
    return f"{said} SIMULATED: no model stands behind it." if found["simulated"] else said


def _table(found: Row) -> list[str]:
    rows: list[tuple[str, ...]] = []
    good = 0
    for host in found["hosts"]:
        if host["problem"]:
            rows.append((shortened(host["host"], 24), "", "NOT TESTED", "", "", "", host["problem"]))
        for row in host["servers"]:
            if row["ok"] and found["n_servers"] > _MOST_ROWS:
                good += 1
            else:
                rows.append(_line_of(host["host"], row))
    lines = _aligned(rows[:_MOST_ROWS]) if rows else []
    if len(rows) > _MOST_ROWS:
        lines.append(f"... and {len(rows) - _MOST_ROWS} lines more, in the report")
    return [*lines, f"... and {good} servers more, which passed"] if good else lines


def _line_of(host: str, row: Row) -> tuple[str, ...]:
    checks = [check for check in row["checks"] if not check["skipped"]]
    passed = sum(bool(check["ok"]) for check in checks)
    counts = row["reasoning_tokens"]
    tokens = [str(counts[effort]) for effort in _EFFORTS if effort in counts] or [""]
    return (
        shortened(host, 24), shortened(row["server"], 24), f"{passed}/{len(checks)}", tokens[0], tokens[-1],
        f"{row['seconds']:.1f}", first_failure(row),
    )  # fmt: skip


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in (_HEADINGS, *rows)) for column in range(len(_HEADINGS))]
    widths[-1] = max(len(_HEADINGS[-1]), WIDTH - sum(widths[:-1]) - 2 * len(widths[:-1]))
    rule = tuple("-" * width for width in (*widths[:-1], len(_HEADINGS[-1])))
    return [_line(row, widths) for row in (_HEADINGS, rule, *rows)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}~"


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
    texts = (
        text.rjust(width) if name in _RIGHT else _cut(text, width).ljust(width)
        for name, text, width in zip(_HEADINGS, row, widths, strict=True)
    )
    return "  ".join(texts).rstrip()
