# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: status - how all servers of a fleet are: a row for each, hosts of which nothing is known included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness_result import blank
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

_NOTHING_KNOWN = "nothing is known of this host: it could not be reached, or the play ended there before a look"
_LOOK = "run the playbook for this host alone (--limit), and read its first error"
_MOST_NAMED = 5


def fleet_status(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows, counts of verdicts, and the servers that need attention.

    `hosts` maps each host to `servers`, its fact gpt_oss_liveness (None where there is none), and `problem`.
    """
    rows = [row for name, own in hosts.items() for row in _rows(name, own)]
    wrong = [row for row in rows if row["wrong"]]
    report = {
        "hosts": list(hosts),
        "servers": rows,
        "verdicts": dict(sorted(Counter(row["verdict"] for row in rows).items())),
        "wrong": [{name: row[name] for name in ("host", "name", "verdict", "sentence", "remedy")} for row in wrong],
    }
    return {**report, "sentence": sentence(report)}


def sentence(report: Mapping[str, Any]) -> str:
    """Return how the fleet is, in one sentence."""
    servers, hosts, wrong = len(report["servers"]), len(report["hosts"]), report["wrong"]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report["verdicts"].items())
    whole = f"{servers} server{'' if servers == 1 else 's'} on {hosts} host{'' if hosts == 1 else 's'}"
    if not wrong:
        return f"All well: {whole}: {counts}."
    names = [f"{row['host']}/{row['name']} {row['verdict']}" if row["name"] else row["host"] for row in wrong]
    verb = "needs" if len(wrong) == 1 else "need"
    return f"{len(wrong)} of {whole} {verb} attention: {listed(names, _MOST_NAMED)}. In all: {counts}."


def _rows(host: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    servers = own["servers"]
    if servers:
        return [{"host": host, **row} for row in servers]
    problem = own["problem"] or (_NOTHING_KNOWN if servers is None else "no server was looked at")
    verdict = "unreachable" if servers is None and not own["problem"] else "unknown"
    return [{"host": host, **blank("", "", Judgement(verdict, problem, _LOOK)), "wrong": True}]
