# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report, a fleet's facts as a Markdown page. The same facts give the same text, byte by byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_more as more
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_tables as tables
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._markdown import escaped, section, table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_notes import (
    METHOD,
    REFERENCE_DATA_NOTE,
    REPEATS_NOTE,
    SAMPLES_NOTE,
    SCORES_NOTE,
    SEQUENTIAL_NOTE,
    SIMULATED_NOTE,
    SPEED_NOTE,
    STARTUP_NOTE,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_numbers import repeats, speed
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import VERDICT, Table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import task_title

Entry = Mapping[str, Any]

_MARKS = {"good": "good", "unjudged": "*unjudged*", "suspect": "*suspect*"}


def report_markdown(fleet: Mapping[str, Any], servers: more.Servers | None = None) -> str:
    """Return the report of a fleet's facts, as fleet_scores registers them.

    servers: each host's fact gpt_oss_servers, where it is known.
    """
    scores, findings = fleet["scores"], fleet.get("findings") or []
    sections = [
        ["# gpt-oss fleet report"],
        [f"> **SIMULATED.** {SIMULATED_NOTE}"] if fleet["simulated"] else [],
        [f"**{escaped(fleet['sentence'])}**"],
        section("Hosts", _hosts(fleet["hosts"])),
        *(
            section(f"Model: {model}", _table(each), "Medians of the fleet.")
            for model, each in tables.models(fleet["cells"]).items()
        ),
        section("Each score", _table(tables.scores(scores)), SCORES_NOTE),
        section("The fleet", _table(tables.cells(fleet["cells"]))),
        section("Efforts pooled", _table(tables.pooled(fleet["pooled"]))),
        section("Findings besides the scores", _table(more.findings(findings)), more.good_findings(findings)),
        section("Waived", _table(more.waived(fleet.get("waived") or []))),
        section("Waivers without effect", _items(more.waivers_unmet(fleet.get("waivers_unmet") or []))),
        section("Sequential decisions", _table(more.sequential(fleet.get("sequential"))), SEQUENTIAL_NOTE),
        section("References", _table(tables.references(scores)), _reference_note(fleet)),
        section("Repeats", _table(repeats(scores)), REPEATS_NOTE),
        section("Samples", _table(tables.samples(scores)), SAMPLES_NOTE),
        section("Speed", _table(speed(scores)), SPEED_NOTE),
        section("Startup", _table(more.startups(servers or {})), STARTUP_NOTE),
        section("Environment", _table(tables.environments(scores))),
        section("Data sets", _table(tables.data_sets(scores))),
        section("Quarantine", _quarantine(fleet["quarantine"])),
        section("Missing", _missing(fleet["missing"])),
        section("How this was judged", _items(each.format(**fleet["settings"]) for each in METHOD)),
    ]
    return "\n\n".join("\n".join(each) for each in sections if each) + "\n"


def _table(each: Table) -> list[str]:
    column = each.headings.index(VERDICT) if VERDICT in each.headings else None
    rows = [[_mark(value) if place == column else value for place, value in enumerate(row)] for row in each.rows]
    return table(each.headings, rows, each.numbers)


def _mark(verdict: str | None) -> str | None:
    return verdict and _MARKS.get(verdict, f"**{verdict}**")


def _items(texts: Iterable[str]) -> list[str]:
    return [f"- {escaped(text)}" for text in texts]


def _hosts(hosts: Sequence[Entry]) -> list[str]:
    lines = _table(tables.verdicts(hosts))
    for host in hosts:
        if host["verdict"] != "good":
            waived = ", waived" if host.get("waived") else ""
            lines += ["", f"{escaped(host['host'])} is {_mark(host['verdict'])}{waived}:", "", *_items(host["reasons"])]
    return lines


def _reference_note(fleet: Mapping[str, Any]) -> str:
    return f"**{REFERENCE_DATA_NOTE}**" if fleet["settings"]["reference_data"] == "any" else ""


def _quarantine(quarantine: Sequence[Entry]) -> list[str]:
    return [f"- **{escaped(each['host'])}** ({each['verdict']}): {escaped(each['reason'])}" for each in quarantine]


def _missing(missing: Sequence[Entry]) -> list[str]:
    return _items(
        f"{each['host']}/{each['server']} {task_title(each['task'])} {each['reasoning_effort']}: {each['reason']}"
        for each in missing
    )
