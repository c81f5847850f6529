# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report junit, a fleet's verdicts in the XML that CI servers read: a suite a server, a case a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._junit import (
    add_suite,
    clean,
    count_cases,
    document,
    mark,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import task_title
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import BAD, SUSPECT, UNJUDGED, cell_title

Entry = Mapping[str, Any]

_NAME = "gpt_oss.fleet evals"
_PROPERTIES = ("model", "revision", "image_digest", "vllm_version", "simulated", "sampler")


def report_junit(fleet: Mapping[str, Any], fail_on: Sequence[str]) -> str:
    """Return the verdicts as XML. Failed is what fail_on names: bad and suspect as failures, the rest as errors."""
    root = Element("testsuites", {"name": _NAME})
    cases_by_host = _cases(fleet)
    for host in fleet["hosts"]:
        own = cases_by_host.get(host["host"], {})
        for server, cases in own.items():
            rows = [row for _title, row in cases]
            name = f"{host['host']}/{server}"
            suite = add_suite(root, name, host["host"], _finished(rows), _properties(rows))
            for title, row in cases:
                _case(suite, title, name, row, fail_on)
            count_cases(suite)
        if not own:
            suite = add_suite(root, host["host"], host["host"], "", {})
            _case(suite, "scores", host["host"], {**host, "reason": "; ".join(host["reasons"])}, fail_on)
            count_cases(suite)
    return document(root)


def _cases(fleet: Mapping[str, Any]) -> dict[str, dict[str, list[tuple[str, Entry]]]]:
    """Return the cases by host and server: scores, efforts together, and findings of other kinds."""
    cases: dict[str, dict[str, list[tuple[str, Entry]]]] = {}
    titled = [
        *((entry, cell_title(entry["task"], entry["reasoning_effort"])) for entry in fleet["scores"]),
        *((each, f"{task_title(each['task'])} (mean of {each['n_efforts']} efforts)") for each in fleet["pooled"]),
        *((each, _finding_title(each)) for each in fleet.get("findings") or []),
    ]
    for entry, title in titled:
        cases.setdefault(entry["host"], {}).setdefault(entry["server"], []).append((title, entry))
    return cases


def _finding_title(finding: Entry) -> str:
    task, effort = finding.get("task"), finding.get("reasoning_effort")
    return f"{finding['kind']} {cell_title(task, effort)}" if task and effort else str(finding["kind"])


def _finished(rows: Sequence[Entry]) -> str:
    """Return when the last of some scores was done: the same facts give the same file."""
    return max((str(row["finished"]).removesuffix("Z") for row in rows if row.get("finished")), default="")


def _properties(rows: Sequence[Entry]) -> dict[str, str]:
    known = next((row for row in rows if row.get("model")), {})
    return {
        name: str(known[name]).lower() if isinstance(known[name], bool) else str(known[name])
        for name in _PROPERTIES
        if known.get(name) is not None
    }


def _case(suite: Element, title: str, classname: str, row: Entry, fail_on: Sequence[str]) -> None:
    case = SubElement(suite, "testcase", {
        "name": clean(title), "classname": clean(classname), "time": f"{row.get('seconds') or 0.0:.3f}",
    })  # fmt: skip
    verdict, reason = row["verdict"], f"{row['verdict']}: {row['reason']}"
    waiver = row.get("waiver")
    if waiver:
        text = f"waived until {waiver.get('expires')} ({waiver.get('reason')}): {reason}"
        SubElement(case, "skipped", {"message": clean(text)})
    elif verdict in fail_on:
        mark(case, "failure" if verdict in (BAD, SUSPECT) else "error", reason, verdict)
    elif verdict == UNJUDGED:
        SubElement(case, "skipped", {"message": clean(reason)})
