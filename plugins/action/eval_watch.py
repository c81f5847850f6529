# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action eval_watch: shows the evals that run on a host until they end; whoever started them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_line import eval_line
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_watch import (
    Status,
    looks_command,
    parse_all,
    watch_all,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._progress import interval_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import Interrupted, Limits, WatchTimeout

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "run_path": {"type": "path", "required": True},
    "poll_interval": {"type": "float"},
    "timeout": {"type": "float"},
}
_MODULE = "gpt_oss.fleet.eval_info"


class ActionModule(FollowingAction):
    """Look, follow what runs, look again."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = self.validate_argument_spec(ARGUMENT_SPEC)[1]
        # The task's own path goes on, not the validated one: its ~ is the host's, not the controller's.
        asked = {"run_path": self._task.args["run_path"]}
        result = self._execute_module(_MODULE, asked, task_vars=task_vars)
        if result.get("failed"):
            return result
        running = [entry["status_path"] for entry in result["evals"] if entry["running"]]
        if not running:
            return result
        usual = interval_of(len(task_vars.get("ansible_play_hosts") or []))
        limits = Limits(max(0.5, arguments["poll_interval"] or usual), timeout=arguments["timeout"])
        self._follow_all(running, limits, task_vars)
        return self._execute_module(_MODULE, asked, task_vars=task_vars)

    def _follow_all(self, paths: Sequence[str], limits: Limits, task_vars: dict[str, Any]) -> None:
        host = str(task_vars.get("inventory_hostname", "host"))
        # One for each server, as each has its own subject.
        showers = {path: self.shower(task_vars) for path in paths}
        servers = {path.split("/")[-2]: path for path in paths}

        def look(asked: Sequence[str], seconds: float) -> dict[str, tuple[bool, Status]]:
            try:
                answer = self._low_level_execute_command(looks_command(asked, seconds))
            except AnsibleConnectionFailure as exc:
                raise Interrupted(str(exc)) from exc
            if answer["rc"] != 0:
                raise Interrupted(f"cannot read {asked[-1]}: {answer['stderr'].strip()}")
            return parse_all(str(answer["stdout"]), asked)

        def show(status: Status) -> None:
            done = sum(cell["done"] >= cell["total"] for cell in status.get("cells", []))
            subject = (done, status.get("phase"))
            showers[servers[status["server"]]].show(subject, eval_line(host, status))

        try:
            watch_all(look, show, paths, limits)
        except Interrupted as exc:
            raise AnsibleConnectionFailure(
                f"The host was out of reach for {limits.patience:g} s: {exc}. Its evals run on; look again."
            ) from exc
        except WatchTimeout as exc:
            raise AnsibleActionFail(f"The evals are {exc}. They run on; look again.") from exc
