# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: follower, what action plugins share that follow a long job on a host and show its progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._progress import Shower, interval_of, mode_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import WRONG, found_in
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import (
    RUNNING,
    Interrupted,
    Limits,
    WatchTimeout,
    look_command,
    watch,
)

# A job that was killed is started again, but not for ever: something kills it.
_MOST_STARTS = 3
Line = Callable[[str, Mapping[str, Any]], "tuple[Any, str]"]


class FollowingAction(ActionBase):
    """An action that starts a job by a module, and then only watches it: the work is done on the host."""

    def follow(
        self, status_path: str, line: Line, task_vars: Mapping[str, Any], limits: Limits | None = None
    ) -> dict[str, Any]:
        """Show a job's progress until it ends; return its last status, in which it still runs if it was killed.

        `line` returns the subject and the text of a progress line. AnsibleConnectionFailure when the host stays out of
        reach, AnsibleActionFail when the watch takes longer than it may. The job runs on in both cases.
        """
        host = str(task_vars.get("inventory_hostname", "host"))
        limits = limits or Limits(interval_of(len(task_vars.get("ansible_play_hosts") or [])))
        shower = self.shower(task_vars)

        def look(seconds: float) -> str:
            try:
                answer = self._low_level_execute_command(look_command(status_path, seconds))
            except AnsibleConnectionFailure as exc:
                raise Interrupted(str(exc)) from exc
            if answer["rc"] != 0:
                raise Interrupted(f"cannot read {status_path}: {answer['stderr'].strip()}")
            return str(answer["stdout"])

        try:
            return watch(look, lambda status: shower.show(*_told(line, host, status)), limits)
        except Interrupted as exc:
            raise AnsibleConnectionFailure(
                f"The host was out of reach for {limits.patience:g} s while its job ran: {exc}. "
                "The job runs on; run the playbook again to attach to it."
            ) from exc
        except WatchTimeout as exc:
            raise AnsibleActionFail(f"It is {exc}. The job runs on; run the playbook again to attach to it.") from exc

    def start_and_follow(
        self, module: str, args: Mapping[str, Any], line: Line, task_vars: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run a module that leaves its work to a job; return its result and the job's last status.

        The status is empty where the module needed no job, or failed. `changed` tells of all that was started.
        AnsibleActionFail when the job is killed again and again.
        """
        changed = False
        for _start in range(_MOST_STARTS):
            result = self._execute_module(module, {**args, "background": True}, task_vars=task_vars)
            changed = changed or bool(result.get("changed"))
            result = {**result, "changed": changed}
            if result.get("failed") or not result.get("status_path"):
                return result, {}
            status = self.follow(result["status_path"], line, task_vars)
            if status.get("state") != RUNNING:
                return result, status
        raise AnsibleActionFail(
            f"The job on the host ended {_MOST_STARTS} times without a word; is it killed, for want of memory perhaps? "
            f"Its status is in {result['status_path']}, beside its job.log."
        )

    @staticmethod
    def concluded(result: dict[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
        """Return the task's result: the module's, or what the job that it left its work to says at its end."""
        if status.get("failure"):
            return result | dict(status["failure"]) | {"failed": True, "changed": False}
        if not status:
            return result
        brought = dict(status["result"])
        warnings = [*result.get("warnings", []), *brought.pop("warnings", [])]
        return result | brought | ({"warnings": warnings} if warnings else {})

    def shower(self, task_vars: Mapping[str, Any]) -> Shower:
        """Return what shows progress as the variable gpt_oss_progress wants it."""
        asked = self._templar.template(task_vars.get("gpt_oss_progress", "auto"))
        try:
            return Shower(mode_of(str(asked), os.environ), Console().display)
        except ValueError as exc:
            raise AnsibleActionFail(str(exc)) from exc


def _told(line: Line, host: str, status: Mapping[str, Any]) -> tuple[Any, str]:
    """Return a job's progress line. A status that is not as it should be ends no watch: the job may be well."""
    try:
        return line(host, status)
    except WRONG as exc:
        return None, f"[{host}] runs; its status cannot be told: found {found_in(exc)} in it"
