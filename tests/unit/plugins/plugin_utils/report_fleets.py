# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of made-up fleets, small and large, with what can be wrong with hosts; the same ones in each run."""

from __future__ import annotations

import random
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import load_references
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import score_table
from fleet_examples import EFFORTS, answer, difficulties, make_row

# The scores seen on a B200 with the original recipe.
MEANS = {
    ("gpqa", "low"): 0.561, ("gpqa", "medium"): 0.635, ("gpqa", "high"): 0.721,
    ("aime25", "low"): 0.35, ("aime25", "medium"): 0.746, ("aime25", "high"): 0.863,
}  # fmt: skip
_TOKENS = {"low": 400, "medium": 1500, "high": 6000}
_STAGES = {
    "created": 9.1, "api_process": 27.1, "engine": 1.6, "weights": 17.9, "compile": 24.0, "graphs": 48.7,
    "listening": 1.2, "healthy": 0.2, "model_listed": 0.1, "first_completion": 0.4,
}  # fmt: skip


def host_names(n_hosts: int) -> list[str]:
    return [f"b200-{number + 1:03d}" for number in range(n_hosts)]


def fleet(n_hosts: int, seed: int = 20250811, simulated: bool = True) -> dict[str, Any]:
    """Return a fleet's facts. Of five hosts the second is degraded, the third void in a cell, the fourth unreachable.

    Of larger ones so are these, and one in twenty of the others is slow.
    """
    rng = random.Random(seed)
    chances = {cell: _centred(difficulties(rng, cell[0], mean), mean) for cell, mean in MEANS.items()}
    names = host_names(n_hosts)
    rows = {name: _rows(rng, chances, number, simulated) for number, name in enumerate(names)}
    failures = {}
    if n_hosts > 3:
        rows[names[3]] = []
        failures[names[3]] = "the host is unreachable: Connection timed out during banner exchange (task: Look)"
        rows[names[2]][1] |= {
            "verdict": "void",
            "reason": "61 of 1584 samples could not be measured (3.9 %, at most 2 %)",
            "n_errors": 61,
        }
    question = Question(
        dict.fromkeys(names, ["gpt-oss-20b"]), ["gpqa", "aime25"], EFFORTS, references=load_references(), any_data=True
    )
    facts = fleet_facts(question, rows, failures)
    facts["table"] = score_table(facts)
    return facts


def _centred(chances: list[float], mean: float) -> list[float]:
    """Return the chances with their mean brought near the wanted one."""
    for _unused in range(4):
        off = mean - sum(chances) / len(chances)
        chances = [min(0.98, max(0.02, chance + off)) for chance in chances]
    return chances


def _rows(rng: random.Random, chances: dict[Any, list[float]], number: int, simulated: bool) -> list[dict[str, Any]]:
    pace = rng.gauss(1.0, 0.02) * (1.6 if number % 20 == 4 else 1.0)
    return [
        make_row(
            task, effort, answer(rng, own, 0.08 if number == 1 else 0.0),
            simulated=simulated, tokens_per_second=round(9800 / pace, 1), seconds=round(640 * pace, 1),
            latency={name: round(_TOKENS[effort] / 90 * pace * by, 3)
                     for name, by in (("p50", 1.0), ("p90", 1.9), ("p99", 3.4), ("max", 5.2))},
            time_to_first_token={name: round(by * pace, 4) for name, by in (("p50", 0.21), ("p90", 0.5), ("p99", 1.3))},
            repeat_scores=[0.5] * 8,
        )
        for (task, effort), own in chances.items()
    ]  # fmt: skip


def servers(n_hosts: int, seed: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Return each host's fact gpt_oss_servers, of the last host none."""
    rng = random.Random(seed)
    return {
        name: [{
            "name": "gpt-oss-20b",
            "stage_seconds": {stage: round(value * rng.uniform(0.8, 1.3), 1) for stage, value in _STAGES.items()},
        }]
        for name in host_names(n_hosts)[:-1]
    }  # fmt: skip


def later_keys(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts with what only some judges register: findings of other kinds, waivers, sequential decisions."""
    place = {"server": "gpt-oss-20b", "task": None, "reasoning_effort": None}
    slow = "slow: 6125 tokens/s, the fleet 9800"
    waiver = {"reason": "known since Monday", "expires": "2026-12-31"}
    findings = [
        {"kind": "performance", "host": "b200-005", **place, "verdict": "suspect", "reason": slow,
         "numbers": {"tokens_per_second": 6125.0, "centre": 9800.0, "each": [1, 2]}, "waiver": None},
        {"kind": "fingerprint", "host": "b200-001", **place, "verdict": "good", "reason": "like the fleet",
         "numbers": {}, "waiver": None},
    ]  # fmt: skip
    first = facts["scores"][0]
    scores = [{**first, "stopped": True, "through_repeat": 3, "n_repeats_wanted": 8}, *facts["scores"][1:]]
    bad = next(entry for entry in scores if entry["verdict"] == "bad")
    scores = [{**entry, "waiver": waiver if entry is bad else None} for entry in scores]
    waived = {name: bad[name] for name in ("host", "server", "task", "reasoning_effort", "verdict")}
    decision = {
        "host": "b200-001", "server": "gpt-oss-20b", "decision": "pass", "look": 3, "n_looks": 8, "n_requests": 594,
        "n_requests_whole": 1584, "difference": -0.002, "standard_error": 0.012, "fail_below": -0.05,
        "pass_above": -0.021, "against": "fleet", "power": 0.9, "reason": "above the bound",
    }  # fmt: skip
    return {
        **facts,
        "scores": scores,
        "findings": findings,
        "hosts": [{**host, "accepted": True, "waived": host["host"] == bad["host"]} for host in facts["hosts"]],
        "waived": [{**waived, "why": bad["reason"], **waiver}],
        "waivers_unmet": [{"host": "b200-009", "sentence": "the waiver of b200-009 has expired on 2026-01-01"}],
        "sequential": {"margin": 0.05, "servers": [decision]},
    }
