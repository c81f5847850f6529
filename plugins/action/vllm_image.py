# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a container image to the host, and show how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import image_line

_MODULE = "gpt_oss.fleet.vllm_image"


class ActionModule(FollowingAction):
    """The controller's side: the module has the image brought by a process on the host; this only follows."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = dict(self._task.args)
        if self._task.check_mode or self._task.async_val or args.get("state", "present") != "present":
            return self._execute_module(_MODULE, args, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        result, status = self.start_and_follow(_MODULE, args, _line, task_vars)
        return self.concluded(result, status)


def _line(host: str, status: Mapping[str, Any]) -> tuple[Any, str]:
    return status.get("phase"), image_line(host, status)
