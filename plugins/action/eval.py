# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Score a server from the controller: start the eval on the host, watch it, register its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, REQUIRED_IF
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_line import eval_line
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._score_facts import with_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import RUNNING, Limits

WATCHER_SPEC = {"poll_interval": {"type": "float", "default": 5.0}}
_MODULE = "gpt_oss.fleet.eval_run"
# A job that was killed is started again, but not for ever: something kills it.
_MOST_STARTS = 3


class ActionModule(FollowingAction):
    """The controller's side of an eval: it only watches; the work is done by eval_run on the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        params = self.validate_argument_spec(ARGUMENT_SPEC | WATCHER_SPEC, required_if=REQUIRED_IF)[1]
        # The task's own arguments go on, not the validated ones: a path's ~ is the host's, not the controller's.
        args = {name: value for name, value in self._task.args.items() if name not in WATCHER_SPEC}
        if params["state"] != "finished" or self._task.check_mode:
            result = self._execute_module(_MODULE, args, task_vars=task_vars)
        else:
            result = self._run_to_end(args, params, task_vars)
        if result.get("failed") or not result.get("scores"):
            return result
        return with_facts(result, task_vars)

    def _run_to_end(self, args: dict[str, Any], params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        limits = Limits(max(0.5, params["poll_interval"]), timeout=params["timeout"])
        for _start in range(_MOST_STARTS):
            result = self._execute_module(_MODULE, args | {"state": "started"}, task_vars=task_vars)
            if result.get("failed") or (not result["changed"] and result["status"].get("state") != RUNNING):
                return result
            if self._watch(result["status_path"], limits, task_vars):
                result = self._execute_module(_MODULE, args | {"state": "reported"}, task_vars=task_vars)
                if result.get("failed") or len(result["scores"]) == len(result["cells"]):
                    return result | {"changed": True}
        raise AnsibleActionFail(
            f"The eval job of {params['server']} ended {_MOST_STARTS} times without a word; is it killed, for want of "
            f"memory perhaps? Its status is in {result['status_path']}, beside its job.log."
        )

    def _watch(self, path: str, limits: Limits, task_vars: dict[str, Any]) -> bool:
        """Follow the job to its end; a failed job fails the task. False when it has fallen silent."""
        status = self.follow(path, _line, task_vars, limits)
        if status.get("state") in ("failed", "stopped"):
            raise AnsibleActionFail(
                f"The eval {status['state']}: {status.get('error')}. Journals and job.log lie beside {path}."
            )
        if status.get("state") == RUNNING:
            return False
        self.shower(task_vars).show(None, _line(str(task_vars.get("inventory_hostname", "host")), status)[1])
        return True


def _line(host: str, status: Mapping[str, Any]) -> tuple[Any, str]:
    """Return what is new, and the progress line: where the output is terse, each cell that is done and each pause."""
    done = sum(cell["done"] >= cell["total"] for cell in status.get("cells", []))
    return (done, status.get("phase")), eval_line(host, status)
