"""Count what a run of ansible-playbook executes on its hosts, and how long each role took."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader

DOCUMENTATION = """
name: remote_executions
type: aggregate
short_description: Count remote executions, and time roles
description:
  - Counts each task, and each item of a loop, that was executed on a host. What was skipped is left out, and so are
    actions that run on the controller alone and tasks that were delegated to it. A retry counts as an execution.
  - The wall time of a task goes to the role that holds it.
  - Adds both, as one line of JSON, to a file.
requirements:
  - enabled by ANSIBLE_CALLBACKS_ENABLED, found by ANSIBLE_CALLBACK_PLUGINS
options:
  path:
    description: The file that gets one more line.
    env:
      - name: REMOTE_EXECUTIONS_FILE
    required: true
"""

# Actions that touch no host.
CONTROLLER = {
    "add_host",
    "assert",
    "debug",
    "fail",
    "group_by",
    "import_playbook",
    "import_role",
    "import_tasks",
    "include_role",
    "include_tasks",
    "include_vars",
    "meta",
    "pause",
    "set_fact",
    "set_stats",
    "validate_argument_spec",
}
BUILTIN = ("ansible.builtin.", "ansible.legacy.")
HERE = {"localhost", "127.0.0.1", "::1"}


def is_remote(action: str, delegated_to: str | None) -> bool:
    """Say whether an action is executed on a managed host."""
    name = action
    for prefix in BUILTIN:
        name = name.removeprefix(prefix)
    if name in CONTROLLER or delegated_to in HERE:
        return False
    # Actions say so themselves; most actions are modules without a class.
    plugin = action_loader.get(action, class_only=True) if action_loader.has_plugin(action) else None
    return bool(getattr(plugin, "_requires_connection", True))


class CallbackModule(CallbackBase):
    """Counts while the run goes on; writes at its end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "remote_executions"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[tuple[str, str, str, str]] = Counter()
        self.roles: defaultdict[str, float] = defaultdict(float)
        self.started = time.monotonic()
        self.role, self.since = "", self.started
        self.playbook = ""

    def _turn_to(self, role: str) -> None:
        """Book the time since the last turn, and go on to the next role."""
        now = time.monotonic()
        self.roles[self.role] += now - self.since
        self.role, self.since = role, now

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.playbook = Path(playbook._file_name).name

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._turn_to(task._role.get_name() if task._role else "")

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def _count(self, result: Any) -> None:
        task, outcome = result.task, result.result
        if is_remote(task.action, outcome.get("_ansible_delegated_vars", {}).get("ansible_delegated_host")):
            role = task._role.get_name() if task._role else ""
            times = outcome.get("attempts", 1)
            self.counts[result.host.get_name(), role, task.get_name().split(" : ")[-1], task.action] += times

    def v2_runner_on_ok(self, result: Any) -> None:
        if result.task.loop is None:
            self._count(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self.v2_runner_on_ok(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._count(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._count(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._count(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._turn_to("")
        hosts: dict[str, list[dict[str, Any]]] = {host: [] for host in sorted(stats.processed)}
        for (host, role, task, action), count in self.counts.items():
            hosts.setdefault(host, []).append({"role": role, "task": task, "action": action, "count": count})
        answer = {
            "playbook": self.playbook,
            "check": bool(context.CLIARGS.get("check")),
            "executions": {host: sum(row["count"] for row in rows) for host, rows in hosts.items()},
            "changed": {host: stats.summarize(host)["changed"] for host in hosts},
            "seconds": round(time.monotonic() - self.started, 2),
            "roles": {role: round(seconds, 2) for role, seconds in self.roles.items() if role},
            "tasks": hosts,
        }
        path = Path(os.environ["REMOTE_EXECUTIONS_FILE"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(answer) + "\n")
