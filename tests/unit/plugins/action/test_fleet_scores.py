# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.action import fleet_scores
from ansible_collections.gpt_oss.fleet.plugins.modules.fleet_scores import DOCUMENTATION

ARGS: dict[str, Any] = {
    "tasks": ["gpqa"],
    "reasoning_efforts": ["low"],
    "since": None,
    "sampler": None,
    "n_repeats": None,
    "examples": None,
    "references": None,
    "reference_data": "matching",
    "alpha": 0.01,
    "false_discovery_rate": 0.05,
    "fail_on": [],
}


def test_the_documentation_says_what_the_plugin_takes() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    named = {name: {k: v for k, v in option.items() if k != "description"} for name, option in documented.items()}
    assert named == fleet_scores.ARGUMENT_SPEC


@pytest.mark.parametrize(
    ("servers", "variables", "names"),
    [
        (None, {"vllm_servers": [{"name": "a"}, {"name": "b"}]}, ["a", "b"]),
        (None, {}, []),
        ({"node1": ["c"]}, {"vllm_servers": [{"name": "a"}]}, ["c"]),
        ({"node2": ["c"]}, {"vllm_servers": [{"name": "a"}]}, []),
    ],
)
def test_the_expected_servers(servers: Any, variables: dict[str, Any], names: list[str]) -> None:
    assert fleet_scores._server_names(servers, {"node1": variables}, "node1") == names


def test_a_host_that_the_inventory_lacks_has_no_servers_and_no_scores() -> None:
    assert fleet_scores._server_names(None, {}, "gone") == []
    assert fleet_scores._scores({}, "gone") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"false_discovery_rate": 5}, "between 0 and 1"),
        ({"references": [{}]}, "references"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleActionFail, match=said):
        fleet_scores._question(ARGS | change, {"node1": ["a"]})
