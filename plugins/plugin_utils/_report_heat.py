# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report heat, the heat map of servers and cells: a table, that can be filtered and read out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_charts import namer
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import stopped
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import cell_title, worst

Entry = Mapping[str, Any]

# How many standard errors a score lies below or above what it is compared with, up to which a shade reaches.
_SHADES = ((-4.0, "m3"), (-2.5, "m2"), (-1.5, "m1"), (1.5, "zero"), (2.5, "p1"), (4.0, "p2"))
_BEYOND = "p3"
LEGEND = (
    ("m3", "4 or more standard errors below"), ("m2", "2.5 to 4 below"), ("m1", "1.5 to 2.5 below"),
    ("zero", "within 1.5"), ("p1", "1.5 to 2.5 above"), ("p2", "2.5 to 4 above"), ("p3", "more above"),
)  # fmt: skip


def heat_map(fleet: Mapping[str, Any]) -> dict[str, Any]:
    """Return `columns`, titles of the cells, and `rows`, a server each: name, host, verdict, cells.

    The verdict is that of all that is judged of the server, its efforts together and its kernels too: a reader who
    looks for what is not good must find it here.
    A cell has `score`, `difference` (from the fleet, else from its reference), `shade`, `verdict` and `text`; None
    where nothing is expected.
    """
    name = namer(fleet)
    verdicts = _verdicts(fleet)
    columns = list(dict.fromkeys((entry["task"], entry["reasoning_effort"]) for entry in fleet["scores"]))
    servers: dict[str, dict[str, Any]] = {}
    own: dict[str, dict[Any, Entry]] = {}
    for entry in fleet["scores"]:
        servers.setdefault(name(entry), {"name": name(entry), "host": entry["host"], "server": entry["server"]})
        own.setdefault(name(entry), {})[entry["task"], entry["reasoning_effort"]] = entry
    rows = [
        {
            **server,
            "verdict": worst([*verdicts[server["host"], server["server"]], *verdicts[server["host"], None]]),
            "cells": [_cell(own[key].get(column)) for column in columns],
        }
        for key, server in servers.items()
    ]
    return {"columns": [cell_title(*column) for column in columns], "rows": rows, "legend": LEGEND}


def _verdicts(fleet: Mapping[str, Any]) -> Mapping[tuple[str, str | None], list[str]]:
    """Return the verdicts by host and server: on scores, on efforts together, of other kinds; None for a whole host."""
    found: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for part in ("scores", "pooled", "findings"):
        for entry in fleet.get(part) or []:
            found[entry["host"], entry["server"]].append(entry["verdict"])
    return found


def _cell(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    comparison = entry["fleet"] or entry["reference"]
    said = "; ".join(filter(None, (stopped(entry), f"{entry['verdict']}: {entry['reason']}")))
    return {
        "score": None if entry["score"] is None else points(entry["score"]),
        "difference": points(comparison["difference"], signed=True) if comparison else None,
        "shade": _shade(comparison),
        "verdict": entry["verdict"],
        "stopped": bool(entry.get("stopped")),
        "waived": bool(entry.get("waiver")),
        "text": said,
    }


def _shade(comparison: Entry | None) -> str:
    if not comparison:
        return "none"
    error = comparison["standard_error"]
    distance = comparison["difference"] / error if error else 0.0
    return next((shade for limit, shade in _SHADES if distance <= limit), _BEYOND)
