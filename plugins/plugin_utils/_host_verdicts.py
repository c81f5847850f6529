# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host verdicts, all that was found about each host to its verdict and its reasons in sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _verdicts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed, task_title

Entry = Mapping[str, Any]

_NOTHING = "no score is expected of it: its vllm_servers is empty or not defined"
_KINDS = {"performance": "speed", "kernel": "kernels"}  # as they are read aloud


def titled(
    scores: Iterable[Entry], pooled: Iterable[Entry], findings: Iterable[Entry]
) -> dict[str, list[dict[str, Any]]]:
    """Return what is to be judged of each host, each with the `title` that its reason goes on from."""
    own: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in scores:
        title = _verdicts.cell_title(entry["task"], entry["reasoning_effort"])
        own[entry["host"]].append({**entry, "title": title, "is_score": True})
    for entry in pooled:
        if entry["verdict"] != _verdicts.GOOD:
            title = f"{task_title(entry['task'])} (mean of {entry['n_efforts']} efforts)"
            own[entry["host"]].append({**entry, "title": title})
    for entry in findings:
        if entry["verdict"] != _verdicts.GOOD:
            own[entry["host"]].append({**entry, "title": _title(entry), "is_extra": True})
    return own


def host_verdicts(
    servers: Mapping[str, Sequence[str]],
    own: Mapping[str, Sequence[Entry]],
    failures: Mapping[str, str],
    fail_on: Iterable[str],
    waivers: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return each host's verdict, its reasons, and whether it is accepted.

    own: what is to be judged of each host. waivers: those of whole hosts, for hosts of which nothing is expected.
    """
    hosts = []
    for host, names in servers.items():
        entries = own.get(host, ())
        verdict = _verdicts.worst(entry["verdict"] for entry in entries)
        reasons = _reasons(entries, verdict, several=len(names) > 1)
        open_verdicts = {entry["verdict"] for entry in entries if not entry["waiver"]}
        waived = any(entry["waiver"] for entry in entries)
        if not entries:
            waiver = waivers.get(host)
            reasons = [f"{failures.get(host) or _NOTHING}{_waived(waiver)}"]
            open_verdicts, waived = (set(), True) if waiver else ({verdict}, False)
        accepted = not open_verdicts & set(fail_on)
        hosts.append({"host": host, "verdict": verdict, "reasons": reasons, "accepted": accepted, "waived": waived})
    return hosts


def _title(entry: Entry) -> str:
    kind = _KINDS.get(entry["kind"]) or str(entry["kind"])
    return f"{_verdicts.cell_title(entry['task'], entry['reasoning_effort'])} {kind}" if entry["task"] else kind


def _reasons(entries: Sequence[Entry], host_verdict: str, several: bool) -> list[str]:
    """Return what is to say about a host, worst first; what has the same reason is named together."""
    titles: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for entry in sorted(entries, key=_urgency):
        if entry["verdict"] != _verdicts.GOOD:
            title = f"{entry['server']} {entry['title']}" if several else entry["title"]
            reason = entry["reason"] + _waived(entry["waiver"])
            titles[entry["verdict"], reason, bool(entry.get("is_extra"))].append(title)
    n_scores = sum(bool(entry.get("is_score")) for entry in entries)
    reasons = []
    for (verdict, reason, is_extra), names in titles.items():
        which = f"all {len(names)} scores" if len(names) == n_scores > 1 and not is_extra else listed(names)
        if verdict in (_verdicts.BAD, _verdicts.SUSPECT) and not is_extra:
            reasons.append(f"{which} {reason}")
        else:
            reasons.append(f"{which}: {reason}" if verdict == host_verdict else f"{which} {verdict}: {reason}")
    return reasons


def _urgency(entry: Entry) -> tuple[Any, ...]:
    """Order by what keeps the host from being accepted, then by the verdict, then by how sure it is."""
    return bool(entry["waiver"]), -_verdicts.FROM_BEST_TO_WORST.index(entry["verdict"]), _p(entry)


def _p(entry: Entry) -> float:
    tests = [entry, entry.get("fleet"), entry.get("reference")]
    return min((test["p"] for test in tests if test and test.get("p") is not None), default=1.0)


def _waived(waiver: Mapping[str, Any] | None) -> str:
    return f" [waived until {waiver['expires']}: {waiver['reason']}]" if waiver else ""
