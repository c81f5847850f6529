# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge fleets of growing size as the action fleet_scores does, from its hosts' variables, each in its own process.

usage: aggregate.py [--hosts N,...]     fails where 1,000 hosts with 12 scores each take more than 10 s or 500 MB
Each host has two servers with GPQA's 198 and AIME25's 30 questions at three efforts. The hosts' facts are real ones of
ansible-core, templated on access; their making is not counted in the seconds, but what they occupy is in the memory.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / ".ansible/collections"), str(ROOT / "tests/unit/plugins/plugin_utils")]

SECONDS, MEGABYTES = 10.0, 500.0
LIMITED = 1000
SERVERS = ("gpt-oss-20b", "gpt-oss-120b")
MEANS = {("gpqa", "low"): 0.56, ("gpqa", "medium"): 0.64, ("gpqa", "high"): 0.72} | {
    ("aime25", "low"): 0.35, ("aime25", "medium"): 0.75, ("aime25", "high"): 0.86,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", default="10,100,500,1000")
    parser.add_argument("--one", type=int)
    arguments = parser.parse_args()
    if arguments.one:
        _measure(arguments.one)
        return 0
    print("| hosts | scores | CPU s | ms a host | peak MB | facts alone, MB |\n|---|---|---|---|---|---|")
    problems = []
    for n in map(int, arguments.hosts.split(",")):
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(n)], check=True, capture_output=True, text=True, timeout=600
        )
        seconds, peak, before = map(float, done.stdout.split()[-3:])
        print(f"| {n} | {12 * n} | {seconds:.2f} | {1000 * seconds / n:.1f} | {peak:.0f} | {before:.0f} |")
        if n == LIMITED and (seconds > SECONDS or peak > MEGABYTES):
            problems.append(
                f"{n} hosts: {seconds:.1f} s and {peak:.0f} MB, limits {SECONDS:.0f} s and {MEGABYTES:.0f} MB"
            )
    print("\n".join(f"LIMIT EXCEEDED: {problem}" for problem in problems) or "All limits hold.")
    return 1 if problems else 0


def _measure(n: int) -> None:
    """Print CPU seconds, peak memory, and the memory before anything was judged."""
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager
    from ansible_collections.gpt_oss.fleet.plugins.action.fleet_scores import ARGUMENT_SPEC, judged

    loader = DataLoader()
    names = [f"node{number:04}" for number in range(n)]
    inventory = InventoryManager(loader=loader, sources=[",".join(names) + ","])
    variables = VariableManager(loader=loader, inventory=inventory)
    rng = random.Random(n)
    for number, name in enumerate(names):
        variables.set_host_facts(name, {"gpt_oss_scores": _rows(rng, 0.05 if number == 7 else 0.0)})
        variables.set_host_variable(name, "vllm_servers", [{"name": server} for server in SERVERS])
    hostvars = HostVars(inventory, variables, loader)
    args: dict[str, Any] = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    before = _peak()
    began = time.process_time()
    fleet = judged(args, names, hostvars)
    seconds = time.process_time() - began
    assert len(fleet["scores"]) == 12 * n
    assert n < 100 or [host["host"] for host in fleet["hosts"] if host["verdict"] == "bad"] == ["node0007"]
    print(seconds, _peak(), before)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _rows(rng: random.Random, drop: float) -> list[dict[str, Any]]:
    from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._score_facts import compact
    from fleet_examples import N_QUESTIONS, make_row

    rows = []
    for server in SERVERS:
        for (task, effort), mean in MEANS.items():
            n = N_QUESTIONS[task]
            outcomes = [[_correct(rng, 2 * mean * (1 - (question + 0.5) / n) - drop), 8] for question in range(n)]
            own = make_row(task, effort, outcomes, server=server, model=f"openai/{server}", questions=None)
            rows.append(compact(own))
    return rows


def _correct(rng: random.Random, chance: float) -> int:
    chance = min(0.98, max(0.02, chance))
    deviation = (8 * chance * (1 - chance)) ** 0.5
    return min(8, max(0, round(rng.gauss(8 * chance, deviation))))


if __name__ == "__main__":
    sys.exit(main())
