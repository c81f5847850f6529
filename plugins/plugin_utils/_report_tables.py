# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report tables, a fleet's facts as tables of plain cells; Markdown and HTML are written from the same ones.

Each function takes facts as fleet_scores registers them, or a part of them. A verdict stands alone in a column of that
name: how it is marked is the writers' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import p_value, points, task_title

Entry = Mapping[str, Any]

VERDICT = "Verdict"
PLACE = ("Host", "Server", "Task", "Effort")
_COUNTS = (
    "n_measured", "n_correct", "n_wrong", "n_unparsed", "n_truncated", "n_refused", "n_errors", "n_timeouts",
    "n_cut_off", "n_fallback", "n_empty",
)  # fmt: skip


class Table(NamedTuple):
    """A table; numbers: the headings of the columns that are right-aligned. Without rows there is nothing to show."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    numbers: Sequence[str] = ()


def place(entry: Entry) -> tuple[Any, ...]:
    """Return the cells under PLACE; a dash where a finding is not about one task or effort."""
    task = entry.get("task")
    return entry["host"], entry.get("server"), task_title(task) if task else None, entry.get("reasoning_effort")


def verdicts(hosts: Sequence[Entry]) -> Table:
    """Return each host with its verdict."""
    return Table(("Host", VERDICT), [(host["host"], host["verdict"]) for host in hosts])


def models(cells: Sequence[Entry]) -> dict[str, Table]:
    """Return a table for each model as published ones are set: efforts down, tasks across, the fleet's medians."""
    tables = {}
    for model in dict.fromkeys(cell["model"] for cell in cells if cell["model"]):
        own = {(cell["reasoning_effort"], cell["task"]): cell for cell in cells if cell["model"] == model}
        tasks = list(dict.fromkeys(task for _effort, task in own))
        rows = [
            (effort.capitalize(), *(points(own.get((effort, task), {}).get("median")) for task in tasks))
            for effort in dict.fromkeys(effort for effort, _task in own)
        ]
        titles = [task_title(task) for task in tasks]
        tables[model] = Table(("Reasoning effort", *titles), rows, titles)
    return tables


def scores(entries: Sequence[Entry]) -> Table:
    """Return each score with its noise, its comparisons, its verdict and the reason."""
    numbers = ("Score", "±", "Right / n", "Reference", "Against it", "Fleet", "Against it ")
    headings = (*PLACE, *numbers[:2], "95 % interval", *numbers[2:], VERDICT, "Reason")
    return Table(headings, [_score(entry) for entry in entries], numbers)


def shown_reference(entry: Entry) -> tuple[Entry | None, bool]:
    """Return the reference to show with a score, and whether it judges."""
    return entry["reference"] or (entry["orientation"] or [None])[0], bool(entry["reference"])


def stopped(entry: Entry) -> str:
    """Return how far a sequential eval went that was stopped before its last repeat; empty where none was."""
    if not entry.get("stopped"):
        return ""
    through, wanted = entry.get("through_repeat"), entry.get("n_repeats_wanted")
    return f"stopped after {through} of {wanted} repeats" if through and wanted else "stopped early"


def _score(entry: Entry) -> tuple[Any, ...]:
    interval = entry["confidence_interval"]
    fleet = entry["fleet"]
    shown, judges = shown_reference(entry)
    form = "{}" if judges else "({})"
    return (
        *place(entry),
        points(entry["score"]),
        points(entry["standard_error_within"]),
        f"{points(interval[0])} to {points(interval[1])}" if interval else None,
        f"{entry['n_correct']}/{entry['n_measured']}" if entry["n_measured"] else None,
        form.format(points(shown["centre"])) if shown else None,
        form.format(points(shown["difference"], signed=True)) if shown else None,
        points(fleet["centre"]) if fleet else None,
        points(fleet["difference"], signed=True) if fleet else None,
        entry["verdict"],
        "; ".join(filter(None, (stopped(entry), entry["reason"]))),
    )


def cells(entries: Sequence[Entry]) -> Table:
    """Return each cell over the fleet."""
    numbers = ("Scores", "Median", "Lowest", "Highest", "SD between", "± within")
    names = ("median", "lowest", "highest", "standard_deviation", "standard_error_within")
    rows = [
        (
            *(cell["model"], task_title(cell["task"]), cell["reasoning_effort"], len(cell["hosts"])),
            *(points(cell[name]) for name in names),
            ", ".join(f"{n} {verdict}" for verdict, n in cell["verdicts"].items()),
        )
        for cell in entries
    ]
    return Table(("Model", "Task", "Effort", *numbers, "Verdicts"), rows, numbers)


def pooled(entries: Sequence[Entry]) -> Table:
    """Return each server's efforts together."""
    numbers = ("Efforts", "Difference", "p")
    rows = [
        (
            *(each["host"], each["server"], task_title(each["task"]), each["n_efforts"]),
            points(each["difference"], signed=True),
            between(each["confidence_interval"]),
            p_value(each["p"]).removeprefix("p = "),
            each["verdict"],
        )
        for each in entries
    ]
    headings = ("Host", "Server", "Task", "Efforts", "Difference", "95 % interval", "p", VERDICT)
    return Table(headings, rows, numbers)


def between(interval: Sequence[float]) -> str:
    """Return an interval of a difference in points."""
    return f"{points(interval[0], signed=True)} to {points(interval[1], signed=True)}"


def references(entries: Sequence[Entry]) -> Table:
    """Return each source that was looked at with its scores, and whether it judged."""
    columns = list(dict.fromkeys((entry["task"], entry["reasoning_effort"]) for entry in entries))
    sources: dict[tuple[Any, ...], dict[Any, str]] = {}
    uses: dict[tuple[Any, ...], dict[str, None]] = {}
    for entry in entries:
        looked_at = [(entry["reference"], "judges")] if entry["reference"] else []
        looked_at += [(each, f"shown only: {each['why_not']}") for each in entry["orientation"]]
        for each, use in looked_at:
            key = (entry["model"], each["source"], each["hardware"], each["date"])
            fraction = f" ({each['n_correct']}/{each['n']})" if each["n_correct"] is not None else ""
            sources.setdefault(key, {})[entry["task"], entry["reasoning_effort"]] = points(each["centre"]) + fraction
            uses.setdefault(key, {})[use] = None
    titles = [f"{task_title(task)} {effort}" for task, effort in columns]
    rows = [(*key, *(own.get(cell) for cell in columns), "; ".join(uses[key])) for key, own in sources.items()]
    return Table(("Model", "Source", "Hardware", "Date", *titles, "Use"), rows, titles)


def samples(entries: Sequence[Entry]) -> Table:
    """Return what became of each score's samples."""
    numbers = tuple(name.removeprefix("n_").replace("_", " ") for name in _COUNTS)
    rows = [(*place(entry), *(entry.get(name) for name in _COUNTS)) for entry in entries if entry["n_samples"]]
    return Table((*PLACE, *numbers), rows, numbers)


def environments(entries: Sequence[Entry]) -> Table:
    """Return the environments that the scores tell of, each with the servers that share it: one is a uniform fleet."""
    names = ("model", "revision", "vllm_version", "image_digest", "simulated", "sampler", "n_repeats")
    seen: dict[tuple[Any, ...], dict[str, None]] = {}
    for entry in entries:
        if entry["n_samples"]:
            key = tuple(entry[name] for name in names)
            seen.setdefault(key, {})[f"{entry['host']}/{entry['server']}"] = None
    headings = ("Servers", "Model", "Revision", "vLLM", "Image", "Simulated", "Sampler", "Repeats")
    return Table(headings, [(", ".join(servers), *map(_plain, key)) for key, servers in seen.items()])


def _plain(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def data_sets(entries: Sequence[Entry]) -> Table:
    """Return the data sets by checksum, with the number of hosts that were asked them."""
    seen: dict[tuple[str, str, Any], dict[str, None]] = {}
    for entry in entries:
        if entry["data_sha256"]:
            digests = entry["data_sha256"]
            text = digests if isinstance(digests, str) else ", ".join(digests)
            seen.setdefault((task_title(entry["task"]), text, entry["n_questions"]), {})[entry["host"]] = None
    rows = [(task, n, text, len(hosts)) for (task, text, n), hosts in seen.items()]
    return Table(("Task", "Questions", "sha256", "Hosts"), rows, ("Questions", "Hosts"))
