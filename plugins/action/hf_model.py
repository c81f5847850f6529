# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a model into a host's cache, and show how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import RUNNING, model_line

_MODULE = "gpt_oss.fleet.hf_model"


class ActionModule(FollowingAction):
    """The controller's side: the module has the model brought by a process on the host; this only follows."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = dict(self._task.args)
        status_path = args.pop("status_path", None)
        if self._is_short(args):
            return self._execute_module(_MODULE, args, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        if status_path:
            status = self.follow(str(status_path), _line, task_vars)
            if status.get("state") != RUNNING:
                return self.concluded({"changed": False}, status)
        result, status = self.start_and_follow(_MODULE, args, _line, task_vars)
        return self.concluded(result, status)

    def _is_short(self, args: Mapping[str, Any]) -> bool:
        """Tell whether there is nothing to follow here."""
        begun_only = boolean(args.get("background", False), strict=False)
        return bool(
            self._task.check_mode or self._task.async_val or args.get("state", "present") == "absent" or begun_only
        )


def _line(host: str, status: Mapping[str, Any]) -> tuple[Any, str]:
    return status.get("phase"), model_line(host, status)
