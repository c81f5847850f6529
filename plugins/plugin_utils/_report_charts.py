# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report charts, a fleet's facts as the rows of its charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _charts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_more import Servers, stage_seconds
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_numbers import seconds
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import between, shown_reference
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points, task_title
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST, cell_title

Entry = Mapping[str, Any]

MOST_SERVERS = 200  # in one chart: the lowest, the slowest; the tables have them all
_SPEEDS: tuple[tuple[str, str, Callable[[Entry], float | None]], ...] = (
    ("Output per second", "tokens/s", lambda entry: entry.get("tokens_per_second")),
    ("Time to first token, median", "seconds", lambda entry: (entry.get("time_to_first_token") or {}).get("p50")),
    ("Latency of a sample, median", "seconds", lambda entry: (entry.get("latency") or {}).get("p50")),
)


class Chart(NamedTuple):
    """A chart to be drawn; left_out: how many servers it has no room for."""

    title: str
    spec: _charts.Spec
    left_out: int = 0


def namer(fleet: Mapping[str, Any]) -> Callable[[Entry], str]:
    """Return how a server is called: by its host, where each host has one."""
    servers = {(entry["host"], entry["server"]) for entry in fleet["scores"]}
    several = len(servers) > len({host for host, _server in servers})
    return lambda entry: f"{entry['host']}/{entry['server']}" if several else str(entry["host"])


def forests(fleet: Mapping[str, Any]) -> list[Chart]:
    """Return a forest plot for each model, task and effort that anything was compared in; the lowest on top."""
    name = namer(fleet)
    charts = []
    for (model, task, effort), entries in _by(fleet["scores"], "model", "task", "reasoning_effort").items():
        compared = [(entry, rows) for entry in entries if (rows := _compared(entry, name(entry)))]
        compared.sort(key=lambda each: min(row["difference"] for row in each[1]))
        title = _titled(fleet, model, cell_title(task, effort))
        rows = [row for _entry, own in compared[:MOST_SERVERS] for row in own]
        if rows:
            charts.append(Chart(title, _charts.forest(rows, title), max(0, len(compared) - MOST_SERVERS)))
    return charts


def _compared(entry: Entry, name: str) -> list[dict[str, Any]]:
    reference, judges = shown_reference(entry)
    rows = [_difference(entry["fleet"], name, "fleet", "the fleet's")] if entry["fleet"] else []
    if reference:
        rows.append(_difference(reference, name, "reference", "the reference's" if judges else "a reference's"))
    return rows


def _difference(comparison: Entry, name: str, against: str, whose: str) -> dict[str, Any]:
    low, high = comparison["confidence_interval"]
    verdict = comparison.get("verdict") or "unjudged"
    said = f"{points(comparison['difference'], signed=True)} against {whose} {points(comparison['centre'])}"
    return {
        "name": name,
        "against": against,
        "difference": _rounded(comparison["difference"]),
        "low": _rounded(low),
        "high": _rounded(high),
        **_marked(verdict),
        "text": f"{name}: {said}, 95 % interval {between((low, high))}, {verdict}",
    }


def curves(fleet: Mapping[str, Any]) -> list[Chart]:
    """Return the score over the reasoning effort for each model and task that was asked at several."""
    name = namer(fleet)
    charts = []
    for (model, task), entries in _by(fleet["scores"], "model", "task").items():
        scored = [entry for entry in entries if entry["score"] is not None]
        if len({entry["reasoning_effort"] for entry in scored}) < 2:
            continue
        lines = [_point(name(entry), entry["reasoning_effort"], entry["score"], entry["verdict"]) for entry in scored]
        own = [cell for cell in fleet["cells"] if (cell["model"], cell["task"]) == (model, task)]
        summary = [
            _point("fleet median", cell["reasoning_effort"], cell["median"])
            for cell in own
            if cell["median"] is not None
        ]
        title = _titled(fleet, model, task_title(task))
        charts.append(Chart(title, _charts.effort_curve(lines, [*summary, *_references(scored)], title)))
    return charts


def _references(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the reference of each effort, one that judges before one that is only shown."""
    found: dict[str, Any] = {}
    for entry in sorted(entries, key=lambda entry: not entry["reference"]):
        reference, _judges = shown_reference(entry)
        if reference:
            effort = entry["reasoning_effort"]
            found.setdefault(effort, _point("reference", effort, reference["centre"]))
    return list(found.values())


def _point(name: str, effort: str, score: float, verdict: str = "unjudged") -> dict[str, Any]:
    text = f"{name}: {effort} {points(score)}"
    said = "" if name in ("fleet median", "reference") else f", {verdict}"
    return {"name": name, "effort": effort, "score": _rounded(score), **_marked(verdict), "text": text + said}


def speeds(fleet: Mapping[str, Any]) -> list[Chart]:
    """Return a chart for each measure of speed that is known; marked is what a finding of performance says."""
    name = namer(fleet)
    found = {
        (each["host"], each["server"], each["task"], each["reasoning_effort"]): each["verdict"]
        for each in fleet.get("findings") or []
        if each["kind"] == "performance"
    }
    charts = []
    for title, unit, value_of in _SPEEDS:
        rows = []
        for entry in fleet["scores"]:
            value = value_of(entry)
            place = (entry["host"], entry["server"])
            cell = (entry["task"], entry["reasoning_effort"])
            if value is not None:
                verdict = found.get((*place, *cell), found.get((*place, None, None), "unjudged"))
                text = f"{name(entry)} {cell_title(*cell)}: {seconds(value)} {unit}"
                rows.append({"cell": cell_title(*cell), "value": value, **_marked(verdict), "text": text})
        if rows:
            charts.append(Chart(title, _charts.strips(rows, title, unit)))
    return charts


def startups(servers: Servers) -> list[Chart]:
    """Return the chart of the servers' starts by stage, the slowest on top; none where nothing is known."""
    several = any(len(own) > 1 for own in servers.values())
    found = [
        (f"{host}/{row['name']}" if several else host, stage_seconds(row))
        for host, own in servers.items()
        for row in own
    ]
    starts = sorted((each for each in found if each[1]), key=lambda each: -sum(each[1].values()))
    rows = [
        {"name": name, "stage": stage, "seconds": value, "text": f"{name}: {stage.replace('_', ' ')} {value:.1f} s"}
        for name, stages in starts[:MOST_SERVERS]
        for stage, value in stages.items()
    ]
    title = "Startup by stage"
    return [Chart(title, _charts.startup(rows, title), max(0, len(starts) - MOST_SERVERS))] if rows else []


def startup_legend(servers: Servers) -> list[tuple[str, int]]:
    """Return the stages of the starts with the number of each one's colour."""
    rows = [{"stage": stage} for own in servers.values() for row in own for stage in stage_seconds(row)]
    return [(stage.replace("_", " "), _charts.stage_number(stage)) for stage in _charts.stages_of(rows)]


def _by(entries: Sequence[Entry], *names: str) -> dict[tuple[Any, ...], list[Entry]]:
    """Return the entries that have a model, in groups."""
    groups: dict[tuple[Any, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry["model"]:
            groups[tuple(entry[name] for name in names)].append(entry)
    return groups


def _titled(fleet: Mapping[str, Any], model: str, title: str) -> str:
    models = {entry["model"] for entry in fleet["scores"] if entry["model"]}
    return f"{title}, {model}" if len(models) > 1 else title


def _marked(verdict: str) -> dict[str, Any]:
    return {"verdict": verdict, "rank": FROM_BEST_TO_WORST.index(verdict)}


def _rounded(share: float) -> float:
    """Return a share in points, to what can be seen."""
    return round(share * 100, 3)
