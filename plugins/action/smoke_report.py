# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action smoke_report: gathers what the smoke tests of all hosts found, shows it, and writes it for CI servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._junit import junit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences, survived, unusable
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._smoke_report import WIDTH, report_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "path": {"type": "path"},
    "show": {"type": "bool", "default": True},
}


class ActionModule(ReportingAction):
    """Tell what was found. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        names = self.names_of(arguments, variables)
        known = {name: _fact(variables["hostvars"], name) for name in names}
        report = survived(report_of, known, lambda name, problem: problem)
        if self.writes(arguments):
            write_report(Path(arguments["path"]), report_files(report, datetime.now(timezone.utc)))
        if arguments["show"]:
            _show(report)
        return {"changed": False, "report": report}


def report_files(report: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the report's files by their name."""
    created = now.strftime("%Y-%m-%dT%H:%M:%S")
    document = {"created": f"{created}Z", **{key: value for key, value in report.items() if key != "table"}}
    return {"junit.xml": junit(report, created), "smoke.json": json.dumps(document, indent=2, sort_keys=True) + "\n"}


def _fact(hostvars: Mapping[str, Any], name: str) -> list[dict[str, Any]] | str | None:
    """Return a host's fact in plain types, None where there is none, and a text where it is no list."""
    found = hostvars[name].get("gpt_oss_smoke") if name in hostvars else None
    rows = plain(found)
    return rows if rows is None or isinstance(rows, list) else unusable(TypeError())


def _show(report: Mapping[str, Any]) -> None:
    display = Console()
    if report["table"]:
        display.display("\n".join(["", *report["table"], ""]))
    display.display(paragraph(report["sentence"], WIDTH) + "\n", color="green" if report["ok"] else "red")
