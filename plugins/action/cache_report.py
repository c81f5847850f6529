# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action cache_report: shows on the controller what the caches of the fleet hold, and writes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_fleet import fleet_caches
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_table import WIDTH, cache_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import TableAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph


class ActionModule(TableAction):
    """Show the caches. Nothing is sent to any host."""

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
        "cache": plain(own.get("gpt_oss_cache")) or None,
        "pruned": plain(own.get("gpt_oss_cache_pruned")) or None,
        "problem": str(own.get("gpt_oss_cache_problem") or ""),
    }


def _report(hosts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report with its table."""
    report = fleet_caches(hosts)
    return {**report, "table": cache_table(report, time.time())}


def _show(report: Mapping[str, Any]) -> None:
    display = Console()
    display.display("\n".join(["", *report["table"], ""]))
    failed = any(host["problem"] for host in report["hosts"])
    colour = "red" if failed else "yellow" if report["remarks"] else "green"
    display.display(paragraph(report["sentence"], WIDTH) + "\n", color=colour)
