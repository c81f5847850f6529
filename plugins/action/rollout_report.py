# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action rollout_report: tells on the controller how a rollout stands, keeps its quarantine, says whether it stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.module_utils._text_files import diff, differing, read
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _quarantine
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_outcome import (
    ACCEPTED,
    OUT_OF_SERVICE,
    rollout_outcome,
    wave_of,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_table import outcome_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "rollout": {"type": "dict", "required": True},
    "wave": {"type": "int"},
    "max_failures": {"type": "int", "default": 0},
    "quarantine_path": {"type": "path", "required": True},
    "gates": {"type": "list", "elements": "str", "default": []},
    "show": {"type": "bool", "default": True},
}


class ActionModule(ReportingAction):
    """Tell how the rollout stands. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        plan = plain(arguments["rollout"])
        batch = plain(variables.get("ansible_play_batch") or [])
        wave = wave_of(plan, batch) if arguments["wave"] is None else arguments["wave"]
        hosts = [row["host"] for row in plan["hosts"]]
        told = {host: found for host in hosts if (found := _told(variables["hostvars"], host))}
        done = rollout_outcome(plan, told, wave, arguments["max_failures"])
        result = self._keep(arguments, done, plain(variables.get("ansible_inventory_sources") or []))
        done["table"] = outcome_table(done)
        if arguments["show"]:
            _show(done)
        return {**result, "rollout": done}

    def _keep(self, arguments: Mapping[str, Any], done: Mapping[str, Any], sources: list[str]) -> dict[str, Any]:
        """Bring the file of the quarantine up to date; return what of the result tells of that."""
        path = str(arguments["quarantine_path"])
        retest = partial(_quarantine.retest_command, sources=sources, path=path, gates=plain(arguments["gates"]))
        try:
            before = _quarantine.load(read(path), path)
        except _quarantine.QuarantineError as exc:
            raise AnsibleActionFail(str(exc)) from None
        entries = _quarantine.updated(before, _failed(done, before, retest), _passed(done))
        text = {path: _quarantine.dump(entries)} if entries != before else {}
        result: dict[str, Any] = {"changed": bool(differing(text)), "quarantine": sorted(entries)}
        if self._task.diff:
            result["diff"] = diff(text)
        if result["changed"] and not self._task.check_mode:
            write_report(Path(path).parent, {Path(path).name: text[path]})
        return result


def _told(hostvars: Mapping[str, Any], host: str) -> dict[str, str] | None:
    own: Mapping[str, Any] = {}
    if host in hostvars:
        own = hostvars[host]
    return plain(own.get("gpt_oss_rollout_outcome")) or None


def _passed(done: Mapping[str, Any]) -> list[str]:
    return [row["host"] for row in done["hosts"] if row["outcome"] in (ACCEPTED, OUT_OF_SERVICE)]


def _failed(done: Mapping[str, Any], before: _quarantine.Entries, retest: Callable[[str], str]) -> _quarantine.Entries:
    """Return the entries of the hosts that failed in a wave. One that is there for this reason keeps its time."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    failed = {}
    for row in done["hosts"]:
        if row["outcome"] not in (None, ACCEPTED, OUT_OF_SERVICE):
            host, reason = row["host"], row["reason"]
            known = before.get(host, {})
            moment = known["time"] if known.get("reason") == reason else now
            failed[host] = {"reason": reason, "time": moment, "retest": retest(host)}
    return failed


def _show(done: Mapping[str, Any]) -> None:
    display = Console()
    display.display("\n".join(["", *done["table"], ""]))
    bad = done["stopped"] or done["failed"]
    display.display(paragraph(done["sentence"], WIDTH) + "\n", color="red" if bad else "green")
