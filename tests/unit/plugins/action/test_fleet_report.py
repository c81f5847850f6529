# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.action import fleet_report
from ansible_collections.gpt_oss.fleet.plugins.modules.fleet_report import DOCUMENTATION
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question

FLEET = fleet_facts(Question({"node1": ["a"], "gone": ["a"]}, ["gpqa"], ["low"]), {}, {})
ARGUMENTS: dict[str, Any] = {
    "path": "/r",
    "forms": ["csv"],
    "samples": 0,
    "samples_path": None,
    "data": {},
    "fail_on": ["bad"],
}


def test_the_documentation_says_what_the_plugin_takes() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    named = {name: {k: v for k, v in option.items() if k != "description"} for name, option in documented.items()}
    assert named == fleet_report.ARGUMENT_SPEC


@pytest.mark.parametrize("value", [{}, {"fleet": FLEET}, {**FLEET, "scores": None} | {"scoring": 1}])
def test_other_dictionaries_are_refused_with_what_to_do(value: dict[str, Any]) -> None:
    value = {name: item for name, item in value.items() if name != "scores"}
    with pytest.raises(AnsibleActionFail, match=r"lacks scores.*Run gpt_oss.fleet.fleet_scores first"):
        fleet_report._fleet(value)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"forms": []}, "name at least one of html, markdown"), ({"samples": -1}, "samples is -1: wanted 0")],
)
def test_impossible_wishes_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleActionFail, match=said):
        fleet_report._known(FLEET, ARGUMENTS | change, {})


def test_what_the_hosts_facts_tell_besides() -> None:
    servers = [{"name": "a", "stage_seconds": {"weights": 3.0}}]
    known = fleet_report._known(FLEET, ARGUMENTS, {"node1": {"gpt_oss_servers": servers}})
    assert known.servers == {"node1": servers}
    assert known.environment is None
    hosts: dict[str, Any] = {
        "node1": {"gpt_oss_environment": {"a": {"collected": False, "problem": "token hf_AbCdEfGhIjKlMnOp"}}}
    }
    known = fleet_report._known(FLEET, ARGUMENTS, hosts)
    assert known.environment is not None
    assert [row["host"] for row in known.environment["not_collected"]] == ["node1", "gone"]
    assert "hf_AbCdEfGhIjKlMnOp" not in str(known.environment)
