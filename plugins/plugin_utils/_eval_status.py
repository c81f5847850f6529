# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval status, how the evals of all hosts stand: a row for each server, and for each lost host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_line import totals, trouble
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import RUNNING, STALE_SECONDS, duration

# What needs somebody's attention. A stopped eval was stopped by request.
WRONG = ("failed", "killed", "silent", "paused", "restarting", "unknown", "unreachable")
_NOTHING_KNOWN = "nothing is known of this host: it could not be reached, or the play ended there before a look"
_KILLED = "its job ended without a word, killed perhaps; run gpt_oss.fleet.evaluate again to go on"
_MOST_NAMED = 5

Entry = Mapping[str, Any]


def fleet_evals(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows, counts of states, and what needs attention.

    ``hosts`` maps each host to ``evals``, as eval_info returns them (None where there are none), and ``problem``.
    """
    rows = [row for name, own in hosts.items() for row in _rows(name, own)]
    report = {
        "hosts": list(hosts),
        "servers": rows,
        "states": dict(sorted(Counter(row["state"] for row in rows).items())),
        "wrong": [{name: row[name] for name in ("host", "server", "state", "remark")} for row in rows if row["wrong"]],
        "n_done": sum(row["n_done"] for row in rows),
        "n_samples": sum(row["n_samples"] for row in rows),
    }
    return {**report, "sentence": sentence(report)}


def state_of(entry: Entry) -> str:
    """Return the state of one server's eval.

    A running one has its phase, unless nobody runs it any more (killed), or it has told nothing for long (silent).
    """
    status = entry["status"]
    if status.get("state") != RUNNING:
        return str(status.get("state") or "unknown")
    if entry["running"] is False:
        return "killed"
    if (entry["silent_seconds"] or 0.0) > STALE_SECONDS:
        return "silent"
    return str(status.get("phase") or "asking")


def sentence(report: Entry) -> str:
    """Return how the evals stand, in one sentence."""
    rows, wrong = report["servers"], report["wrong"]
    servers = sum(bool(row["server"]) for row in rows)
    if not servers and not wrong:
        return f"No eval was run on {len(report['hosts'])} host{_s(len(report['hosts']))}."
    counts = ", ".join(f"{count} {state}" for state, count in report["states"].items())
    whole = f"{servers} server{_s(servers)} on {len(report['hosts'])} host{_s(len(report['hosts']))}"
    asked = f"{report['n_done']} of {report['n_samples']} samples are asked"
    if not wrong:
        return f"{whole}: {counts}; {asked}."
    names = [f"{row['host']}/{row['server']} {row['state']}" if row["server"] else row["host"] for row in wrong]
    return f"{whole}: {counts}; {asked}. Look at {listed(names, _MOST_NAMED)}."


def _rows(host: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    if own["evals"]:
        return [_row(host, entry) for entry in own["evals"]]
    if own["problem"]:
        return [_blank(host, "unknown", own["problem"])]
    if own["evals"] is None:
        return [_blank(host, "unreachable", _NOTHING_KNOWN)]
    return [_blank(host, "none", "")]


def _row(host: str, entry: Entry) -> dict[str, Any]:
    status, state = entry["status"], state_of(entry)
    cells = status.get("cells") or []
    done, total = totals(cells)
    asking = state == "asking"
    return {
        "host": host,
        "server": entry["server"],
        "state": state,
        "wrong": state in WRONG,
        "remark": _remark(entry, state),
        "n_done": done,
        "n_samples": total,
        "n_errors": sum(cell["errors"] for cell in cells),
        "requests_per_second": status.get("rate") if asking else None,
        "tokens_per_second": status.get("tokens_per_second") if asking else None,
        "seconds_left": status.get("eta_s") if asking else None,
        "cells": list(cells),
        "status_path": entry["status_path"],
        "silent_seconds": entry["silent_seconds"],
    }


def _remark(entry: Entry, state: str) -> str:
    status = entry["status"]
    if state == "killed":
        return _KILLED
    if state == "silent":
        return f"its job has told nothing for {entry['silent_seconds']:.0f} s; look at the process on the host"
    if state in ("failed", "stopped"):
        return str(status.get("error") or (status.get("failure") or {}).get("msg") or "")
    if status.get("state") != RUNNING:
        return ""
    return "; ".join(filter(None, [_of_reference(entry), trouble(status)]))


def _of_reference(entry: Entry) -> str:
    """Return what is known of a run of gpt_oss.evals, which tells little of itself; empty for our own."""
    status = entry["status"]
    if not entry.get("engine"):
        return ""
    limit = status.get("limit_seconds")
    ended = "" if limit is None else f", and is ended {duration(limit)} after that"
    return f"gpt_oss.evals runs since {status.get('started') or 'just now'}{ended}"


def _blank(host: str, state: str, remark: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("requests_per_second", "tokens_per_second", "seconds_left", "silent_seconds")),
        **dict.fromkeys(("n_done", "n_samples", "n_errors"), 0),
        "host": host,
        "server": "",
        "state": state,
        "wrong": state in WRONG,
        "remark": remark,
        "cells": [],
        "status_path": "",
    }


def _s(count: int) -> str:
    return "" if count == 1 else "s"
