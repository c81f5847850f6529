# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action fleet_scores: gathers all hosts' scores on the controller, judges them, registers the fleet's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _fleet_options
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_judgement import fingerprint_findings
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._kernel_findings import kernel_findings
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._performance import performance_findings
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH, score_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**_fleet_options.COMMON, **_fleet_options.JUDGING}


class ActionModule(ActionBase):
    """Judge the fleet. Nothing is sent to any host, and nothing is changed, so check mode makes no difference."""

    _requires_connection = False
    _supports_check_mode = True

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        args = plain(args)
        task_vars = task_vars or {}
        display = Console()
        fleet = judged(args, _fleet_options.hosts_of(args, task_vars), task_vars["hostvars"])
        display.display("\n".join(["", *fleet["table"], ""]))
        colour = {"good": "green", "unjudged": "yellow", "suspect": "yellow"}.get(fleet["verdict"], "red")
        display.display(paragraph(fleet["sentence"], WIDTH) + "\n", color=colour)
        for waiver in fleet["waivers_unmet"]:
            display.warning(waiver["sentence"])
        result = {"changed": False, "fleet": fleet, "ansible_facts": {"gpt_oss_fleet": fleet}}
        if fleet["accepted"] or not args["fail"]:
            return result
        return {**result, "failed": True, "msg": fleet["sentence"]}


def judged(args: Mapping[str, Any], hosts: Sequence[str], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a fleet, from its hosts' variables, with its table."""
    return _fleet_options.judged_by(partial(_judged, args), args, hosts, hostvars)


def _judged(args: Mapping[str, Any], found: _fleet_options.Gathered) -> dict[str, Any]:
    question = _fleet_options.question_of(args, found.servers)
    extra = [
        *performance_findings(found.rows, args["slow_tolerance"], args["slow_verdict"]),
        *fingerprint_findings(found.fingerprints, found.servers, args["since"]),
        *kernel_findings(found.kernels, found.servers),
    ]
    fleet = fleet_facts(question, found.rows, found.failures, extra, args["sequential"])
    return {**fleet, "table": score_table(fleet)}
