# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action cache_report: shows on the controller what the caches of the fleet hold, and writes it."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_fleet import fleet_caches
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_table import WIDTH, cache_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"hosts": {"type": "list", "elements": "str"}, "path": {"type": "path"}}


class ActionModule(ReportingAction):
    """Show the caches. Nothing is sent to any host."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        names = self.names_of(arguments, variables)
        if not names:
            raise AnsibleActionFail("There is no host to show: the play has none, and the parameter hosts names none.")
        report = fleet_caches({name: _host(variables["hostvars"], name) for name in names})
        report["table"] = cache_table(report, time.time())
        if self.writes(arguments):
            path = Path(arguments["path"])
            write_report(path.parent, {path.name: json.dumps(report, indent=2, sort_keys=True) + "\n"})
        _show(report)
        return {"changed": False, "report": report}


def _host(hostvars: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what is known of a host, in plain types."""
    own: Mapping[str, Any] = {}
    if name in hostvars:
        own = hostvars[name]
    return {
        "cache": plain(own.get("gpt_oss_cache")) or None,
        "pruned": plain(own.get("gpt_oss_cache_pruned")) or None,
        "problem": str(own.get("gpt_oss_cache_problem") or ""),
    }


def _show(report: Mapping[str, Any]) -> None:
    display = Display()
    display.display("\n".join(["", *report["table"], ""]))
    failed = any(host["problem"] for host in report["hosts"])
    colour = "red" if failed else "yellow" if report["remarks"] else "green"
    display.display(textwrap.fill(report["sentence"], WIDTH, break_on_hyphens=False) + "\n", color=colour)
