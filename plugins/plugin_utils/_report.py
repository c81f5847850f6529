# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report, a fleet's facts as a Markdown page. The same facts give the same text, byte by byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._markdown import escaped, section, table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import p_value, points, task_title

Entry = Mapping[str, Any]

_MARKS = {"good": "good", "unjudged": "*unjudged*", "suspect": "*suspect*"}
_COUNTS = ("n_measured", "n_correct", "n_wrong", "n_unparsed", "n_truncated", "n_refused", "n_errors", "n_timeouts")


_SCORES_NOTE = """\
Scores and differences in points. ±: standard error over new answers to the same questions, which is what hosts differ
by. 95 % interval: over other questions of the same kind, for comparing with a paper. A reference in brackets comes from
another kind of run and judges nothing. Fleet: median of the other servers; for good ones without the bad."""

_METHOD = """\
- Against the fleet: a server's score less the median of the other servers' scores in the same cell, from three servers
  on. The questions are the same, so the noise is that within the questions (Miller 2024, arXiv:2411.00640). Below 100
  questions a low score is judged by the exact conditional (Mantel-Haenszel) test, not by the normal approximation.
- Against a reference: only where model, effort, task, sampler, number of questions and data set match and the reference
  states its number of samples; its own sampling noise counts.
- Bad: rejected by Holm's method at {alpha:g} over all tests of the fleet. Suspect: on Benjamini and Hochberg's list at
  {false_discovery_rate:g}. All tests are one-sided, for lower.
- Missing or void: no score of this run that could be judged. That is never a pass.
- Unjudged: there was nothing to compare with."""


def report_markdown(fleet: Mapping[str, Any]) -> str:
    """Return the report of a fleet's facts, as fleet_scores registers them."""
    sections = [
        ["# gpt-oss fleet report"],
        _simulated(fleet),
        [f"**{fleet['sentence']}**"],
        section("Hosts", _hosts(fleet["hosts"])),
        *_models(fleet["cells"]),
        section("Each score", _scores(fleet["scores"]), _SCORES_NOTE),
        section("The fleet", _cells(fleet["cells"])),
        section("Efforts pooled", _pooled(fleet["pooled"])),
        section("References", _references(fleet["scores"]), _reference_note(fleet)),
        section("Samples", _samples(fleet["scores"])),
        section("Environment", _environment(fleet["scores"])),
        section("Data sets", _data_sets(fleet["scores"])),
        section("Quarantine", _quarantine(fleet["quarantine"])),
        section("Missing", _missing(fleet["missing"])),
        section("How this was judged", [_METHOD.format(**fleet["settings"])]),
    ]
    return "\n\n".join("\n".join(each) for each in sections if each) + "\n"


def _mark(verdict: str) -> str:
    return _MARKS.get(verdict, f"**{verdict}**")


def _simulated(fleet: Mapping[str, Any]) -> list[str]:
    if not fleet["simulated"]:
        return []
    return ["> **SIMULATED.** The answers come from a simulator. These scores say nothing about any model or GPU."]


def _hosts(hosts: Sequence[Entry]) -> list[str]:
    lines = table(("Host", "Verdict"), [(host["host"], _mark(host["verdict"])) for host in hosts])
    for host in hosts:
        if host["verdict"] != "good":
            lines += ["", f"{host['host']} is {_mark(host['verdict'])}:", ""]
            lines += [f"- {escaped(reason)}" for reason in host["reasons"]]
    return lines


def _models(cells: Sequence[Entry]) -> list[list[str]]:
    """Return a table for each model as published ones are set: efforts down, tasks across, the fleet's medians."""
    tables = []
    for model in dict.fromkeys(cell["model"] for cell in cells if cell["model"]):
        own = {(cell["reasoning_effort"], cell["task"]): cell for cell in cells if cell["model"] == model}
        tasks = list(dict.fromkeys(task for _effort, task in own))
        rows = [
            (effort.capitalize(), *(points(own.get((effort, task), {}).get("median")) for task in tasks))
            for effort in dict.fromkeys(effort for effort, _task in own)
        ]
        titles = [task_title(task) for task in tasks]
        tables.append(
            section(f"Model: {model}", table(("Reasoning effort", *titles), rows, titles), "Medians of the fleet.")
        )
    return tables


def _scores(entries: Sequence[Entry]) -> list[str]:
    numbers = ("Score", "±", "Right / n", "Reference", "Against it", "Fleet", "Against it ")
    headings = ("Host", "Server", "Task", "Effort", *numbers[:2], "95 % interval", *numbers[2:], "Verdict", "Reason")
    return table(headings, [_score(entry) for entry in entries], numbers)


def _score(entry: Entry) -> tuple[Any, ...]:
    interval = entry["confidence_interval"]
    reference, fleet = entry["reference"], entry["fleet"]
    shown = reference or (entry["orientation"] or [None])[0]
    form = "{}" if reference else "({})"
    return (
        *(entry["host"], entry["server"], task_title(entry["task"]), entry["reasoning_effort"]),
        points(entry["score"]),
        points(entry["standard_error_within"]),
        f"{points(interval[0])} to {points(interval[1])}" if interval else None,
        f"{entry['n_correct']}/{entry['n_measured']}" if entry["n_measured"] else None,
        form.format(points(shown["centre"])) if shown else None,
        form.format(points(shown["difference"], signed=True)) if shown else None,
        points(fleet["centre"]) if fleet else None,
        points(fleet["difference"], signed=True) if fleet else None,
        _mark(entry["verdict"]),
        entry["reason"],
    )


def _cells(cells: Sequence[Entry]) -> list[str]:
    numbers = ("Scores", "Median", "Lowest", "Highest", "SD between", "± within")
    rows = [
        (
            *(cell["model"], task_title(cell["task"]), cell["reasoning_effort"], len(cell["hosts"])),
            *(
                points(cell[name])
                for name in ("median", "lowest", "highest", "standard_deviation", "standard_error_within")
            ),
            ", ".join(f"{n} {verdict}" for verdict, n in cell["verdicts"].items()),
        )
        for cell in cells
    ]
    return table(("Model", "Task", "Effort", *numbers, "Verdicts"), rows, numbers)


def _pooled(pooled: Sequence[Entry]) -> list[str]:
    numbers = ("Efforts", "Difference", "p")
    rows = [
        (
            *(each["host"], each["server"], task_title(each["task"]), each["n_efforts"]),
            points(each["difference"], signed=True),
            _between(each["confidence_interval"]),
            p_value(each["p"]).removeprefix("p = "),
            _mark(each["verdict"]),
        )
        for each in pooled
    ]
    headings = ("Host", "Server", "Task", "Efforts", "Difference", "95 % interval", "p", "Verdict")
    return table(headings, rows, numbers)


def _between(interval: Sequence[float]) -> str:
    return f"{points(interval[0], signed=True)} to {points(interval[1], signed=True)}"


def _references(entries: Sequence[Entry]) -> list[str]:
    """Return each source that was looked at with its scores, and whether it judged."""
    cells = list(dict.fromkeys((entry["task"], entry["reasoning_effort"]) for entry in entries))
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
    titles = [f"{task_title(task)} {effort}" for task, effort in cells]
    rows = [(*key, *(scores.get(cell) for cell in cells), "; ".join(uses[key])) for key, scores in sources.items()]
    return table(("Model", "Source", "Hardware", "Date", *titles, "Use"), rows, titles)


def _reference_note(fleet: Mapping[str, Any]) -> str:
    if fleet["settings"]["reference_data"] == "any":
        return "**The data sets were not compared with the references' (`reference_data: any`).**"
    return ""


def _samples(entries: Sequence[Entry]) -> list[str]:
    numbers = (*(name.removeprefix("n_") for name in _COUNTS), "prompt tokens", "completion tokens", "seconds")
    rows = [
        (
            *(entry["host"], entry["server"], task_title(entry["task"]), entry["reasoning_effort"]),
            *(entry[name] for name in _COUNTS),
            *((entry["tokens"] or {}).get(name) for name in ("prompt", "completion")),
            None if entry["seconds"] is None else f"{entry['seconds']:.1f}",
        )
        for entry in entries
        if entry["n_samples"]
    ]
    return table(("Host", "Server", "Task", "Effort", *numbers), rows, numbers)


def _environment(entries: Sequence[Entry]) -> list[str]:
    """Return the environments, each with the servers that share it: one line is a uniform fleet."""
    names = ("model", "revision", "vllm_version", "image_digest", "simulated", "sampler", "n_repeats")
    seen: dict[tuple[Any, ...], dict[str, None]] = {}
    for entry in entries:
        if entry["n_samples"]:
            key = tuple(entry[name] for name in names)
            seen.setdefault(key, {})[f"{entry['host']}/{entry['server']}"] = None
    headings = ("Servers", "Model", "Revision", "vLLM", "Image", "Simulated", "Sampler", "Repeats")
    rows = [(", ".join(servers), *(_plain(value) for value in key)) for key, servers in seen.items()]
    return table(headings, rows)


def _plain(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _data_sets(entries: Sequence[Entry]) -> list[str]:
    seen: dict[tuple[str, str, Any], dict[str, None]] = {}
    for entry in entries:
        if entry["data_sha256"]:
            digests = entry["data_sha256"]
            text = digests if isinstance(digests, str) else ", ".join(digests)
            seen.setdefault((task_title(entry["task"]), text, entry["n_questions"]), {})[entry["host"]] = None
    rows = [(task, n, f"`{text}`", len(hosts)) for (task, text, n), hosts in seen.items()]
    return table(("Task", "Questions", "sha256", "Hosts"), rows, ("Questions", "Hosts"))


def _quarantine(quarantine: Sequence[Entry]) -> list[str]:
    return [f"- **{each['host']}** ({each['verdict']}): {escaped(each['reason'])}" for each in quarantine]


def _missing(missing: Sequence[Entry]) -> list[str]:
    return [
        f"- {each['host']}/{each['server']} {task_title(each['task'])} {each['reasoning_effort']}: "
        f"{escaped(each['reason'])}"
        for each in missing
    ]
