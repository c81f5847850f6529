# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action rollout_plan: shows on the controller which hosts a rollout changes, in which waves, and why not others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.module_utils._text_files import read
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._quarantine import GROUP, Entries, QuarantineError, load
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_plan import Seen, Wishes, rollout_plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_table import plan_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_waves import WavesError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences, survived
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "waves": {"type": "list", "elements": "str", "required": True},
    "canaries": {"type": "list", "elements": "str", "default": []},
    "retest": {"type": "raw", "default": False},
    "quarantine_path": {"type": "path", "required": True},
}


class ActionModule(ReportingAction):
    """Plan the rollout. Nothing is sent to any host, and nothing is changed."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        names = self.names_of(arguments, variables)
        if not names:
            raise AnsibleActionFail("There is no host to roll out to: the play has none, and hosts names none.")
        try:
            quarantine = load(read(arguments["quarantine_path"]), arguments["quarantine_path"])
            quarantine = {**_of_group(variables), **quarantine}
            retest = _retest(arguments["retest"], names)
            wishes = Wishes(plain(arguments["waves"]), plain(arguments["canaries"]), retest, quarantine)
            seen = {name: _seen(variables["hostvars"], name) for name in names}
            plan = survived(partial(_plan, wishes), seen, lambda name, problem: Seen(None, problem))
        except (QuarantineError, WavesError) as exc:
            raise AnsibleActionFail(str(exc)) from None
        display = Console()
        display.display("\n".join(["", *plan["table"], ""]))
        display.display(paragraph(plan["sentence"], WIDTH) + "\n")
        return {"changed": False, "rollout": plan}


def _plan(wishes: Wishes, hosts: Mapping[str, Seen]) -> dict[str, Any]:
    plan = rollout_plan(hosts, wishes)
    return {**plan, "table": plan_table(plan)}


def _seen(hostvars: Mapping[str, Any], name: str) -> Seen:
    own: Mapping[str, Any] = {}
    if name in hostvars:
        own = hostvars[name]
    return Seen(plain(own.get("gpt_oss_plan")), str(own.get("gpt_oss_rollout_problem") or ""))


def _of_group(variables: Mapping[str, Any]) -> Entries:
    """Return the hosts that an inventory has in the group, whatever file says so."""
    hosts = plain(variables.get("groups") or {}).get(GROUP) or []
    return {host: {"reason": f"the inventory has it in {GROUP}", "time": "", "retest": ""} for host in hosts}


def _retest(value: Any, names: list[str]) -> bool | list[str]:
    found = plain(value)
    if isinstance(found, str):
        words = {"true": True, "yes": True, "all": True, "false": False, "no": False, "": False}
        return words.get(found.lower(), [name.strip() for name in found.split(",")])
    if isinstance(found, list):
        unknown = [str(name) for name in found if name not in names]
        if unknown:
            raise AnsibleActionFail(
                f"rollout_retest names {', '.join(unknown)}: wanted hosts of the play. Correct the names, or --limit."
            )
        return [str(name) for name in found]
    return bool(found)
