# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a vLLM server in a container, and show how far its start has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._secret_options import with_hidden
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import ready_line, start_line

_MODULE = "gpt_oss.fleet.vllm_container"


class ActionModule(FollowingAction):
    """The controller's side: the module starts the server and has the start watched on the host; this only follows."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = with_hidden(self._task.args)
        if not self._waits(args):
            return self._execute_module(_MODULE, args, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        result, status = self.start_and_follow(_MODULE, args, _line, task_vars)
        if status.get("failure"):
            return result | dict(status["failure"]) | {"failed": True, "changed": result["changed"]}
        if not status:
            return result
        server = status["server"]
        host = str(task_vars.get("inventory_hostname", "host"))
        self.shower(task_vars).show("ready", ready_line(host, server["name"], server["stage_seconds"]))
        warnings = [*result.get("warnings", []), *status.get("warnings", [])]
        return result | {"server": server} | ({"warnings": warnings} if warnings else {})

    def _waits(self, args: Mapping[str, Any]) -> bool:
        asynchronous = self._task.check_mode or self._task.async_val
        return (
            not asynchronous
            and args.get("state", "started") in ("started", "restarted")
            and boolean(args.get("wait", True), strict=False)
        )


def _line(host: str, status: Mapping[str, Any]) -> tuple[Any, str]:
    return status.get("stage"), start_line(host, status)
