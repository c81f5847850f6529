# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action eval_look: a look at a sequential eval: decides on the controller which servers pass, fail or are asked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _fleet_options
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import compare
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._looks import FAIL, GO_ON, decide
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sequential import Design
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **_fleet_options.COMMON,
    "margin": {"type": "float", "default": Design.margin},
    "alpha": {"type": "float", "default": Design.alpha},
    "beta": {"type": "float", "default": Design.beta},
    "before": {"type": "dict"},
}


class ActionModule(ActionBase):
    """Look at the fleet's scores so far. Nothing is sent to any host, and nothing is changed."""

    _requires_connection = False
    _supports_check_mode = True

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        args = plain(args)
        task_vars = task_vars or {}
        found = look(args, _fleet_options.hosts_of(args, task_vars), task_vars["hostvars"])
        Console().display("\n".join(["", *_lines(found["servers"]), ""]))
        facts = {"gpt_oss_sequential": found}
        return {"changed": False, "sequential": found, "go_on": _asked_on(found["servers"]), "ansible_facts": facts}


def look(args: Mapping[str, Any], hosts: Sequence[str], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decisions on all servers, from their hosts' variables, and how they were made."""
    _fleet_options.check_probabilities(args, ("alpha", "beta", "margin"))
    if args["alpha"] + args["beta"] >= 1:
        raise AnsibleActionFail("alpha and beta are 1 or more together: wanted small ones, such as 0.05 each.")
    return _fleet_options.judged_by(partial(_looked, args), args, hosts, hostvars)


def _looked(args: Mapping[str, Any], found: _fleet_options.Gathered) -> dict[str, Any]:
    question = _fleet_options.question_of({**args, "sequential": {}}, found.servers)
    compared = compare(question, found.rows, found.failures)
    cells = [judgement.cell for judgement in compared.judgements.values()]
    design = Design(args["margin"], args["alpha"], args["beta"])
    before = (args["before"] or {}).get("servers") or []
    return {
        "margin": design.margin,
        "alpha": design.alpha,
        "beta": design.beta,
        "servers": decide(cells, compared.comparisons, design, before),
    }


def _asked_on(decisions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the servers that are to be asked on, by host."""
    names: dict[str, list[str]] = {}
    for each in decisions:
        if each["decision"] == GO_ON:
            names.setdefault(each["host"], []).append(each["server"])
    return names


def _lines(decisions: Sequence[Mapping[str, Any]]) -> list[str]:
    counts = Counter(each["decision"] for each in decisions)
    look_number = max((each["look"] for each in decisions), default=0)
    n_looks = max((each["n_looks"] for each in decisions), default=0)
    lines = [f"Look {look_number} of {n_looks}: {', '.join(f'{n} {name}' for name, n in counts.most_common())}"]
    told = [each for each in decisions if each["decision"] == FAIL or each["look"] == look_number]
    lines += [f"  {each['host']}/{each['server']} {each['decision']}: {each['reason']}" for each in told[:40]]
    return [*lines, f"  ... and {len(told) - 40} more"] if len(told) > 40 else lines
