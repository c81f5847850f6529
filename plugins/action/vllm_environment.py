# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run vllm collect-env, and tell the host no secret for it: the command needs none."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._secret_options import without_hidden


class ActionModule(ActionBase):
    """Hands the module its options, less the secret variables, which it would leave out."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = without_hidden(self._task.args)
        return self._execute_module(
            "gpt_oss.fleet.vllm_environment", args, task_vars=task_vars or {}, wrap_async=bool(self._task.async_val)
        )
