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
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._support_index import index_page, index_table

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "path": {"type": "path", "required": True},
}
_AWAY = "the host could not be reached, or failed before anything was collected"


class ActionModule(ReportingAction):
    """Write the page. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        hosts = [_host(variables["hostvars"], name) for name in self.names_of(arguments, variables)]
        index = Path(arguments["path"]) / "index.html"
        if self.writes(arguments):
            created = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
            write_report(index.parent, {index.name: index_page(hosts, created)})
        display = Console()
        display.display("\n".join(["", *index_table(hosts), "", f"Support bundle: {index}", ""]))
        return {"changed": False, "index": str(index), "bundles": hosts}


def _host(hostvars: Mapping[str, Any], name: str) -> dict[str, Any]:
    own: Mapping[str, Any] = {}
    if name in hostvars:
        own = hostvars[name]
    found = plain(own.get("gpt_oss_support_bundle")) or {"problem": _AWAY}
    blank: dict[str, Any] = {"archive": "", "size": 0, "files": [], "missing": [], "problem": ""}
    return {**blank, **found, "host": name}
