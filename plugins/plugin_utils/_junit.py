# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: junit - the XML that CI servers read, and a report of smoke tests in it.

A suite for each server, in the shape of the schema that Jenkins publishes with its xUnit plugin (junit-10.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

_NAME = "gpt_oss.fleet smoke test"
# What XML 1.0 cannot hold, such as the control characters of a broken server's reply.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTED = ("tests", "failures", "errors")

Row = Mapping[str, Any]


def junit(report: Row, timestamp: str) -> str:
    """Return the report as XML. `timestamp` is in UTC without a zone, such as 2026-01-31T12:00:00."""
    root = Element("testsuites", {"name": _NAME})
    for host in report["hosts"]:
        if host["problem"]:
            suite = add_suite(root, host["host"], host["host"], timestamp, {})
            _untested(suite, host["host"], host["problem"])
        for row in host["servers"]:
            name = f"{host['host']}/{row['server']}"
            _server(add_suite(root, name, host["host"], timestamp, _properties(row)), name, row)
    return document(root)


def document(root: Element) -> str:
    """Return the file of these suites, their counts added up."""
    for name in (*_COUNTED, "time"):
        total = sum(float(suite.get(name, "0")) for suite in root)
        root.set(name, f"{total:.3f}" if name == "time" else str(int(total)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def add_suite(root: Element, name: str, host: str, timestamp: str, properties: Mapping[str, str]) -> Element:
    """Add an empty suite; without a timestamp where it is not known."""
    attributes = {"name": clean(name), "hostname": clean(host), **({"timestamp": timestamp} if timestamp else {})}
    counts = dict.fromkeys((*_COUNTED, "skipped"), "0")
    suite = SubElement(root, "testsuite", {**attributes, **counts, "time": "0.000"})
    if properties:
        listed = SubElement(suite, "properties")
        for key, value in properties.items():
            SubElement(listed, "property", {"name": key, "value": clean(value)})
    return suite


def count_cases(suite: Element) -> None:
    """Set a suite's counts by its cases, and its time by theirs."""
    kinds = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    for key, path in {**kinds, "skipped": "testcase/skipped"}.items():
        suite.set(key, str(len(suite.findall(path))))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in suite.iter('testcase')):.3f}")


def _properties(row: Row) -> dict[str, str]:
    return {
        "model": str(row["model"]),
        "image": str(row["image"]),
        "image_digest": str(row["image_digest"] or ""),
        "vllm_version": str(row["vllm_version"] or ""),
        "simulated": str(bool(row["simulated"])).lower(),
        **{f"reasoning_tokens_{effort}": str(tokens) for effort, tokens in row["reasoning_tokens"].items()},
    }


def _server(suite: Element, name: str, row: Row) -> None:
    if not row["checks"]:
        _untested(suite, name, row["problem"])
    for check in row["checks"]:
        case = SubElement(suite, "testcase", {
            "name": clean(check["name"]), "classname": clean(f"{name}/{check['group']}"),
            "time": f"{check['seconds']:.3f}",
        })  # fmt: skip
        if check["skipped"]:
            SubElement(case, "skipped", {"message": clean(check["detail"])})
        elif not check["ok"]:
            mark(case, "failure", check["detail"])
    count_cases(suite)
    # Checks are made side by side: the suite took less than all of them together.
    suite.set("time", f"{row['seconds']:.3f}")


def _untested(suite: Element, name: str, problem: str) -> None:
    case = SubElement(suite, "testcase", {"name": "smoke test", "classname": clean(name), "time": "0.000"})
    mark(case, "error", problem)
    suite.set("tests", "1")
    suite.set("errors", "1")


def mark(case: Element, kind: str, detail: str, category: str = "smoke") -> None:
    """Add to a case its failure or error."""
    text = clean(detail)
    added = SubElement(case, kind, {"message": text.partition("\n")[0][:300], "type": category})
    added.text = text


def clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", str(text))
