# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take result files of gpt_oss.evals as a host's scores: the module reads them, this registers the facts."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._score_facts import with_facts

_MODULE = "gpt_oss.fleet.eval_import"


class ActionModule(ActionBase):
    """The controller's side: it adds the rows to those that the host has."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        result = self._execute_module(_MODULE, dict(self._task.args), task_vars=task_vars)
        return result if result.get("failed") else with_facts(result, task_vars)
