# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.action import fleet_scores
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
