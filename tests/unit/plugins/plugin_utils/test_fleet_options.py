# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.action import fleet_scores
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _fleet_options
from fleet_examples import make_row, spread

ARGS: dict[str, Any] = {
    "tasks": ["gpqa"],
    "reasoning_efforts": ["low"],
    "since": None,
    "sampler": None,
    "n_repeats": None,
    "examples": None,
    "subset": None,
    "references": None,
    "reference_files": [],
    "reference_data": "matching",
    "alpha": 0.01,
    "false_discovery_rate": 0.05,
    "fail_on": [],
    "waivers": [],
    "slow_tolerance": 0.2,
}

ROW = make_row("gpqa", "low", spread(120, 198))
RUBBISH = [{}, "text", 3, [3], [{"server": "gpt-oss-20b"}], [{**ROW, "outcomes": "1/8 x"}], [{**ROW, "score": "high"}]]
RUBBISH += [[{**ROW, "outcomes": [[1]]}], [{**ROW, "model": []}], [{**ROW, "standard_error_within": "0.01"}]]
RUBBISH += [
    [{**ROW, "outcomes": [[8, None], *ROW["outcomes"][1:]]}],
    [{**ROW, "outcomes": [[9, 8], *ROW["outcomes"][1:]]}],
]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
def test_a_host_whose_scores_are_rubbish_is_told_and_the_others_are_judged(rubbish: Any) -> None:
    hostvars = {
        host: {"ansible_facts": {"gpt_oss_scores": rows}, "vllm_servers": [{"name": "gpt-oss-20b"}]}
        for host, rows in {"good": [ROW], "bad": rubbish, "too": [ROW]}.items()
    }
    args = {**ARGS, "servers": None, "sequential": None, "slow_verdict": "suspect", "fail_on": ["missing"]}
    fleet = fleet_scores.judged(args, list(hostvars), hostvars)
    assert [host["host"] for host in fleet["hosts"] if host["verdict"] == "missing"] == ["bad"]
    reason = next(host["reasons"] for host in fleet["hosts"] if host["host"] == "bad")[0]
    assert "its facts are not as this version of the collection makes them" in reason or rubbish in ({}, [])


@pytest.mark.parametrize(
    ("servers", "variables", "names"),
    [
        (None, {"vllm_servers": [{"name": "a"}, {"name": "b"}]}, ["a", "b"]),
        (None, {}, []),
        (None, {"vllm_servers": [{"name": "a", "replicas": 2}, {"name": "b"}]}, ["a-0", "a-1", "b"]),
        (None, {"vllm_servers": [{"name": "a", "replicas": "auto"}]}, ["a"]),
        (
            None,
            {"vllm_servers": [{"name": "a", "replicas": "auto"}], "vllm_server_entries": [{"name": "a-0"}]},
            ["a-0"],
        ),
        (None, {"vllm_server_entries": [{"name": "a-0"}], "gpt_oss_evaluate_servers": ["a"]}, ["a"]),
        ({"node1": ["c"]}, {"vllm_servers": [{"name": "a"}]}, ["c"]),
        ({"node2": ["c"]}, {"vllm_servers": [{"name": "a"}]}, []),
    ],
)
def test_the_expected_servers(servers: Any, variables: dict[str, Any], names: list[str]) -> None:
    assert _fleet_options.server_names(servers, variables, "node1") == names


def test_unknown_tasks_are_refused() -> None:
    with pytest.raises(AnsibleActionFail, match=r"tasks: unknown task.s. gqpa, wanted some of gpqa, aime25, mmlu"):
        _fleet_options.question_of({**ARGS, "tasks": ["gpqa", "gqpa"]}, {})


def test_hosts_that_the_inventory_lacks_are_named() -> None:
    variables: dict[str, Any] = {"hostvars": {"node1": {}}}
    assert _fleet_options.hosts_of({"hosts": ["node1"]}, variables) == ["node1"]
    with pytest.raises(AnsibleActionFail, match=r"hosts of the inventory in the parameter hosts, found nod2, gone\."):
        _fleet_options.hosts_of({"hosts": ["nod2", "node1", "gone"]}, variables)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"false_discovery_rate": 5}, "between 0 and 1"),
        ({"references": [{}]}, "references"),
        ({"waivers": [{"host": "node1"}]}, "waivers"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleActionFail, match=said):
        _fleet_options.question_of(ARGS | change, {"node1": ["a"]})
