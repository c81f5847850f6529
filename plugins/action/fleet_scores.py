# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action fleet_scores: gathers all hosts' scores on the controller, judges them, registers the fleet's facts."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import (
    ReferenceError,
    check_references,
    load_references,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH, score_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST, Levels

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "servers": {"type": "dict"},
    "tasks": {"type": "list", "elements": "str", "choices": ["gpqa", "aime25"], "default": ["gpqa", "aime25"]},
    "reasoning_efforts": {
        "type": "list",
        "elements": "str",
        "choices": ["low", "medium", "high"],
        "default": ["low", "medium", "high"],
    },
    "since": {"type": "float"},
    "sampler": {"type": "str", "choices": ["responses", "chat_completions"]},
    "n_repeats": {"type": "int"},
    "examples": {"type": "int"},
    "references": {"type": "list", "elements": "dict"},
    "reference_data": {"type": "str", "choices": ["matching", "any"], "default": "matching"},
    "alpha": {"type": "float", "default": 0.01},
    "false_discovery_rate": {"type": "float", "default": 0.05},
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": [verdict for verdict in reversed(FROM_BEST_TO_WORST) if verdict != "good"],
        "default": ["bad", "void", "missing"],
    },
}


class ActionModule(ActionBase):
    """Judge the fleet. Nothing is sent to any host, and nothing is changed, so check mode makes no difference."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        args = _native(args)
        task_vars = task_vars or {}
        hosts = args["hosts"] or _native(list(task_vars.get("ansible_play_hosts_all") or []))
        if not hosts:
            raise AnsibleActionFail("There is no host to judge: the play has none, and the parameter hosts names none.")
        hostvars = task_vars["hostvars"]
        question = _question(args, {host: _server_names(args["servers"], hostvars, host) for host in hosts})
        fleet = fleet_facts(
            question,
            {host: _scores(hostvars, host) for host in hosts},
            {host: _variable(hostvars, host, "gpt_oss_evaluate_failure") or "" for host in hosts},
        )
        fleet["table"] = score_table(fleet)
        _show(fleet)
        result = {"changed": False, "fleet": fleet, "ansible_facts": {"gpt_oss_fleet": fleet}}
        return result if fleet["accepted"] else {**result, "failed": True, "msg": fleet["sentence"]}


def _question(args: Mapping[str, Any], servers: Mapping[str, Sequence[str]]) -> Question:
    for name in ("alpha", "false_discovery_rate"):
        if not 0 < args[name] < 1:
            raise AnsibleActionFail(f"{name} is {args[name]}: wanted a probability between 0 and 1, such as 0.01.")
    references = load_references() if args["references"] is None else args["references"]
    try:
        check_references(references)
    except ReferenceError as exc:
        raise AnsibleActionFail("The references cannot be used.") from exc
    return Question(
        servers=servers,
        tasks=args["tasks"],
        efforts=args["reasoning_efforts"],
        wanted=Wanted(args["since"], args["sampler"], args["n_repeats"], args["examples"]),
        levels=Levels(args["alpha"], args["false_discovery_rate"]),
        references=references,
        any_data=args["reference_data"] == "any",
        fail_on=args["fail_on"],
    )


def _variable(hostvars: Mapping[str, Any], host: str, name: str) -> Any:
    """Return a host's variable, templated; None where the inventory has no such host or the host no such variable."""
    return _native(hostvars[host].get(name)) if host in hostvars else None


def _scores(hostvars: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    facts = hostvars[host].get("ansible_facts") if host in hostvars else None
    return _native((facts or {}).get("gpt_oss_scores") or [])


def _server_names(servers: Mapping[str, Any] | None, hostvars: Mapping[str, Any], host: str) -> list[str]:
    """Return the names of the servers that must have scores: as given, else all of the host's vllm_servers."""
    if servers is not None:
        return [str(name) for name in servers.get(host) or []]
    return [str(server["name"]) for server in _variable(hostvars, host, "vllm_servers") or []]


def _native(value: Any) -> Any:
    """Return a value without ansible-core's tags and lazy containers, which trip other libraries."""
    return json.loads(json.dumps(_plain(value)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _show(fleet: Mapping[str, Any]) -> None:
    colours = {"good": "green", "unjudged": "yellow", "suspect": "yellow"}
    display = Display()
    display.display("\n".join(["", *fleet["table"], ""]))
    display.display(textwrap.fill(fleet["sentence"], WIDTH) + "\n", color=colours.get(fleet["verdict"], "red"))
