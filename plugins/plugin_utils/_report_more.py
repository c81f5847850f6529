# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report more, the tables of what only some fleets have: findings, waivers, sequential decisions, starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGES
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import PLACE, VERDICT, Table, place
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points

Entry = Mapping[str, Any]
# Each host's fact gpt_oss_servers, where it is known.
Servers = Mapping[str, Sequence[Entry]]


def findings(entries: Sequence[Entry]) -> Table:
    """Return the findings of other kinds than scores, the worst first as they come; good ones are counted elsewhere."""
    rows = [
        (each["kind"], *place(each), each["verdict"], each["reason"], _numbers(each.get("numbers") or {}))
        for each in entries
        if each["verdict"] != "good"
    ]
    return Table(("Kind", *PLACE, VERDICT, "Reason", "Numbers"), rows)


def good_findings(entries: Sequence[Entry]) -> str:
    """Return how many findings of each kind are good, in a sentence; empty where there are none."""
    counts: dict[str, int] = {}
    for each in entries:
        if each["verdict"] == "good":
            counts[each["kind"]] = counts.get(each["kind"], 0) + 1
    return f"Good besides: {', '.join(f'{n} {kind}' for kind, n in counts.items())}." if counts else ""


def waived(entries: Sequence[Entry]) -> Table:
    """Return what is not good and was let pass, with the true reason and the waiver's."""
    rows = [(*place(each), each.get("verdict"), each.get("why"), each["reason"], each["expires"]) for each in entries]
    return Table((*PLACE, VERDICT, "Why", "Waived because", "Until"), rows)


def waivers_unmet(entries: Sequence[Entry]) -> list[str]:
    """Return what is to say of waivers that let nothing pass."""
    return [str(each.get("sentence") or each["reason"]) for each in entries]


def sequential(facts: Mapping[str, Any] | None) -> Table:
    """Return each server's decision of a sequential eval, differences and bounds in points."""
    numbers = ("Look", "Requests", "Difference", "±", "Fails below", "Passes above")
    rows = [
        (
            *(each["host"], each["server"], each["decision"], f"{each['look']} of {each['n_looks']}"),
            f"{each['n_requests']} of {each['n_requests_whole']}",
            *(points(each[name], signed=name != "standard_error") for name in _BOUNDS),
            *(each["against"], each["reason"]),
        )
        for each in (facts or {}).get("servers", ())
    ]
    return Table(("Host", "Server", "Decision", *numbers, "Against", "Reason"), rows, numbers)


_BOUNDS = ("difference", "standard_error", "fail_below", "pass_above")


def stage_seconds(server: Entry) -> dict[str, float]:
    """Return how long each stage of a server's start took, in seconds and in the order of the stages.

    Older facts only have `startup_seconds`: when each stage was entered. Its last one then has no length.
    """
    known = server.get("stage_seconds") or _between(server.get("startup_seconds") or {})
    return {stage: float(known[stage]) for stage in (*STAGES, *sorted(set(known) - set(STAGES))) if stage in known}


def _between(entered: Mapping[str, float]) -> dict[str, float]:
    ordered = sorted(entered.items(), key=lambda item: item[1])
    return {stage: later - at for (stage, at), (_next, later) in zip(ordered, ordered[1:], strict=False)}


def startups(servers: Servers) -> Table:
    """Return each server's start by stage, in seconds."""
    rows = [(host, row["name"], stage_seconds(row)) for host, own in servers.items() for row in own]
    known = {stage for _host, _name, seconds in rows for stage in seconds}
    stages = [stage for stage in (*STAGES, *sorted(known - set(STAGES))) if stage in known]
    titles = [stage.replace("_", " ") for stage in stages]
    return Table(
        ("Host", "Server", *titles, "Total"),
        [
            (host, name, *(_seconds(seconds.get(stage)) for stage in stages), _seconds(sum(seconds.values())))
            for host, name, seconds in rows
            if seconds
        ],
        (*titles, "Total"),
    )


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _numbers(values: Mapping[str, Any]) -> str:
    """Return plain data as one line; what is nested is left to the JSON."""
    shown = {name: value for name, value in values.items() if not isinstance(value, (dict, list)) and value is not None}
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in shown.items())


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
