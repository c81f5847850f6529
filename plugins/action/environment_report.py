# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action environment_report: compares the hosts' environments on the controller, writes and shows the differences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_differences import differences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_host import environment_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_report import (
    WIDTH,
    markdown,
    sentence,
    short_table,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences, survived
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"hosts": {"type": "list", "elements": "str"}, "path": {"type": "path"}}

Host = dict[str, Any]


class ActionModule(ReportingAction):
    """Compare the hosts. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        names = self.names_of(arguments, variables)
        if not names:
            raise AnsibleActionFail(
                "There is no host to compare: the play has none, and the parameter hosts names none."
            )
        known = {name: environment_of(variables["hostvars"], name) for name in names}
        found, files = survived(
            report_of, known, lambda name, problem: {**environment_of({}, name), "problem": problem}
        )
        if self.writes(arguments):
            write_report(Path(arguments["path"]), files)
        _show(found)
        return {"changed": False, "report": found}


def report_of(hosts: Mapping[str, Host]) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Return in what hosts differ, with a sentence and a table, and the report's files."""
    found = differences(hosts)
    found["sentence"], found["table"] = sentence(found), short_table(found)
    return found, report_files(hosts, found)


def report_files(hosts: Mapping[str, Host], found: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the report's files by their place in its folder; None for one that must not be there (any more)."""
    files: dict[str, str | None] = {"differences.md": markdown(found), "differences.json": _json(found)}
    for name, own in hosts.items():
        # A host may be called as one likes, such as ../x or fe80::1.
        stem = f"hosts/{quote(name, safe='')}"
        texts = [f"# {server}\n{row['text']}" for server, row in own["servers"].items() if row["text"]]
        rows = {server: {**row, "text": None} for server, row in own["servers"].items()}
        files[f"{stem}.txt"] = "\n".join(texts) or None
        files[f"{stem}.json"] = _json({"name": name, **own, "servers": rows})
    return files


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _show(found: Mapping[str, Any]) -> None:
    display = Console()
    if found["table"]:
        display.display("\n".join(["", *found["table"], ""]))
    sound = not found["differences"] and not found["not_collected"]
    display.display(paragraph(found["sentence"], WIDTH) + "\n", color="green" if sound else "yellow")
