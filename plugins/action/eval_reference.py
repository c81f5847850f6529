# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Score a server by gpt_oss.evals itself: start it on the host, watch it, register its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_line import eval_line
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._score_facts import with_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import RUNNING

_MODULE = "gpt_oss.fleet.eval_reference"
# A job that was killed is started again, but not for ever: something kills it.
_MOST_STARTS = 3


class ActionModule(FollowingAction):
    """The controller's side: it only watches; the harness runs on the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = dict(self._task.args)
        if args.get("state", "finished") != "finished" or self._task.check_mode:
            result = self._execute_module(_MODULE, args, task_vars=task_vars)
        else:
            result = self._run_to_end(args, task_vars)
        return result if result.get("failed") or not result.get("scores") else with_facts(result, task_vars)

    def _run_to_end(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        for _start in range(_MOST_STARTS):
            result = self._execute_module(_MODULE, args | {"state": "started"}, task_vars=task_vars)
            if result.get("failed") or not result["changed"]:
                return result
            status = self.follow(result["status_path"], _line, task_vars)
            if status.get("failure"):
                raise AnsibleActionFail(status["failure"]["msg"])
            if status.get("state") == RUNNING:  # it was killed
                continue
            result = self._execute_module(_MODULE, args | {"state": "reported"}, task_vars=task_vars)
            if result.get("failed") or len(result["scores"]) == len(result["cells"]):
                return result | {"changed": True}
        raise AnsibleActionFail(
            f"The runs of gpt_oss.evals ended {_MOST_STARTS} times without a word; are they killed, for want of memory "
            f"perhaps? Their status is in {result['status_path']}."
        )


def _line(host: str, status: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the cells that are done, and the progress line."""
    return sum(cell["done"] >= cell["total"] for cell in status.get("cells", [])), eval_line(host, status)
