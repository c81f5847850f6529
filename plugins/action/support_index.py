# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action support_index: writes on the controller the page of the hosts' support bundles, and shows what is in them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences, survived
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._support_index import index_page, index_table

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "path": {"type": "path", "required": True},
}
_AWAY = "the host could not be reached, or failed before anything was collected"


_BLANK: dict[str, Any] = {"archive": "", "size": 0, "files": [], "missing": [], "problem": ""}


class ActionModule(ReportingAction):
    """Write the page. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        index = Path(arguments["path"]) / "index.html"
        created = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())

        def shown(found: Mapping[str, Mapping[str, Any]]) -> tuple[list[dict[str, Any]], str, list[str]]:
            hosts = [{**_BLANK, **own, "host": name} for name, own in found.items()]
            return hosts, index_page(hosts, created), index_table(hosts)

        known = {name: _host(variables["hostvars"], name) for name in self.names_of(arguments, variables)}
        hosts, page, table = survived(shown, known, lambda name, problem: {"problem": problem})
        if self.writes(arguments):
            write_report(index.parent, {index.name: page})
        display = Console()
        display.display("\n".join(["", *table, "", f"Support bundle: {index}", ""]))
        return {"changed": False, "index": str(index), "bundles": hosts}


def _host(hostvars: Mapping[str, Any], name: str) -> Any:
    own: Mapping[str, Any] = {}
    if name in hostvars:
        own = hostvars[name]
    return plain(own.get("gpt_oss_support_bundle")) or {"problem": _AWAY}
