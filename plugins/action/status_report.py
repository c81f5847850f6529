# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action status_report: shows on the controller how all servers of the fleet are, and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import TableAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._status import fleet_status
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._status_table import status_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph


class ActionModule(TableAction):
    """Show the servers. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        return self.table_of(task_vars or {}, _host, _report, _show)


def _host(hostvars: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what is known of a host, in plain types."""
    own: Mapping[str, Any] = {}
    if name in hostvars:
        own = hostvars[name]
    return {
        "servers": plain(own.get("gpt_oss_liveness")),
        "problem": str(own.get("gpt_oss_liveness_problem") or ""),
    }


def _report(hosts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report with its table."""
    report = fleet_status(hosts)
    return {**report, "table": status_table(report["servers"])}


def _show(report: Mapping[str, Any]) -> None:
    display = Console()
    display.display("\n".join(["", *report["table"], ""]))
    display.display(paragraph(report["sentence"], WIDTH) + "\n", color="red" if report["wrong"] else "green")
