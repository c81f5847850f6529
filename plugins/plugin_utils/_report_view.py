# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report view, all that the HTML page shows, as plain data: facts in, no markup out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_charts as charts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_more as more
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_notes as notes
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_tables as tables
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_environment import environment_sections
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_heat import heat_map
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_numbers import repeats
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_samples import Key, Shown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import (
    BAD,
    FROM_BEST_TO_WORST,
    GOOD,
    MISSING,
    VOID,
)

Entry = Mapping[str, Any]


UNFIT = (BAD, VOID, MISSING)


@dataclass(frozen=True)
class Known:
    """What is known beside the fleet's facts. environment: as environment_report finds the differences, or None.

    fail_on: the verdicts that do not pass. The facts may be of a judge that was told to fail nothing.
    """

    servers: more.Servers = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None
    samples: Mapping[Key, Shown] = field(default_factory=dict)
    samples_left_out: int = 0
    fail_on: Sequence[str] = UNFIT


def page_view(fleet: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """Return what the page shows. Charts are specifications still."""
    hosts = _hosts(fleet, known)
    return {
        "fleet": fleet,
        "notes": notes,
        "counts": _counts(hosts),
        "figures": _figures(fleet),
        "attention": [host for host in hosts if host["verdict"] != GOOD],
        "hosts": hosts,
        "host_ids": {host["host"]: host["id"] for host in hosts},
        "heat": heat_map(fleet),
        "charts": {
            "forest": charts.forests(fleet),
            "curve": charts.curves(fleet),
            "speed": charts.speeds(fleet),
            "startup": charts.startups(known.servers),
        },
        "most_servers": charts.MOST_SERVERS,
        "stages": charts.startup_legend(known.servers),
        "tables": _tables(fleet, known),
        "environment": environment_sections(known.environment),
        "has_findings": any(fleet.get(name) for name in ("findings", "waived", "waivers_unmet", "sequential")),
        "good_findings": more.good_findings(fleet.get("findings") or []),
        "waivers_unmet": more.waivers_unmet(fleet.get("waivers_unmet") or []),
        "settings": {**fleet["settings"], "fail_on": ", ".join(known.fail_on) or "nothing"},
        "method": [text.format(**fleet["settings"]) for text in notes.METHOD],
        "samples_left_out": known.samples_left_out,
    }


def _counts(hosts: Sequence[Entry]) -> list[tuple[str, int]]:
    """Return how many hosts have each verdict, the worst first."""
    counts = Counter(host["verdict"] for host in hosts)
    return [(verdict, counts[verdict]) for verdict in reversed(FROM_BEST_TO_WORST) if counts[verdict]]


def _figures(fleet: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a few figures of the whole, each with its name."""
    scores = fleet["scores"]
    models = list(dict.fromkeys(entry["model"] for entry in scores if entry["model"]))
    measured = sum(entry["n_measured"] or 0 for entry in scores)
    finished = max((str(entry["finished"]) for entry in scores if entry.get("finished")), default="")
    figures = [
        ("hosts", f"{len(fleet['hosts']):,}"),
        ("scores", f"{len(scores):,}"),
        ("samples measured", f"{measured:,}"),
        ("model" if len(models) == 1 else "models", ", ".join(models)),
        ("last sample", finished.replace("T", " ").replace("Z", " UTC")),
    ]
    return [(name, value) for name, value in figures if value]


def _hosts(fleet: Mapping[str, Any], known: Known) -> list[dict[str, Any]]:
    """Return each host with all that is known of it, the worst first."""
    parts: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for part in ("scores", "pooled", "findings"):
        for entry in fleet.get(part) or []:
            parts[entry["host"]][part].append(entry)
    several = len({(entry["host"], entry["server"]) for entry in fleet["scores"]}) > len(fleet["hosts"])
    hosts = []
    for number, host in enumerate(fleet["hosts"]):
        own = parts[host["host"]]
        scores = [_score(entry, known) for entry in own["scores"]]
        hosts.append(
            {
                **host,
                "id": f"host-{number + 1}",
                "several": several,
                "waived": bool(host.get("waived")),
                "scores": scores,
                "findings": more.findings(own["findings"]),
                "more": [
                    ("Efforts pooled", _of_one_host(tables.pooled(own["pooled"]), several), ""),
                    ("Repeats", _of_one_host(repeats(own["scores"]), several), notes.REPEATS_NOTE),
                    ("Samples", _of_one_host(tables.samples(own["scores"]), several), notes.SAMPLES_NOTE),
                ],
            }
        )
    return sorted(hosts, key=lambda host: -FROM_BEST_TO_WORST.index(host["verdict"]))


def _of_one_host(table: tables.Table, several: bool) -> tables.Table:
    """Return a table of one host's rows without the columns that say the same in each."""
    dropped = {"Host"} if several else {"Host", "Server"}
    kept = [place for place, heading in enumerate(table.headings) if heading not in dropped]
    rows = [[row[place] for place in kept] for row in table.rows]
    return tables.Table([table.headings[place] for place in kept], rows, table.numbers)


def _score(entry: Entry, known: Known) -> dict[str, Any]:
    key = (entry["host"], entry["server"], entry["task"], entry["reasoning_effort"])
    return {
        **entry,
        "waiver": entry.get("waiver"),
        "stopped_text": tables.stopped(entry),
        "shown": known.samples.get(key),
    }


def _tables(fleet: Mapping[str, Any], known: Known) -> dict[str, Any]:
    scores = fleet["scores"]
    return {
        "models": tables.models(fleet["cells"]),
        "cells": tables.cells(fleet["cells"]),
        "findings": more.findings(fleet.get("findings") or []),
        "waived": more.waived(fleet.get("waived") or []),
        "sequential": more.sequential(fleet.get("sequential")),
        "references": tables.references(scores),
        "startup": more.startups(known.servers),
        "environments": tables.environments(scores),
        "data_sets": tables.data_sets(scores),
    }
