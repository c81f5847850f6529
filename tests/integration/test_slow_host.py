# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/evaluate.yml on four simulated servers, one of which answers as rightly as the others, but slower."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eval_harness import ROOT, environment
from simulator_harness import simulators

pytestmark = pytest.mark.slow

DATA = ROOT / "inventories" / "demo" / "files"
AIME = [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]
# Seconds of each answer.
LATENCIES = {"node1": 0.5, "node2": 0.5, "node3": 0.5, "slow": 1.5}


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[dict[str, int]]:
    told = {"data": {"aime25": AIME}}
    configurations = {name: {**told, "latency_seconds": latency} for name, latency in LATENCIES.items()}
    with simulators(configurations, tmp_path) as ports:
        yield ports


def test_the_slow_one_is_named(tmp_path: Path, ports: dict[str, int]) -> None:
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_environment_path": sys.prefix,
        "gpt_oss_state_path": f"{tmp_path}/state/{{{{ inventory_hostname }}}}",
        "vllm_servers": [{"name": "vllm-{{ inventory_hostname }}", "port": "{{ port }}"}],
        "evaluate_data": {"aime25": AIME},
        "evaluate_tasks": ["aime25"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_n_repeats": 1,
        "evaluate_containers": False,
        "evaluate_concurrency": 4,
        "evaluate_report_path": f"{tmp_path}/report",
    }
    inventory = tmp_path / "hosts.json"
    hosts = {name: {"port": port} for name, port in ports.items()}
    inventory.write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    run = subprocess.run(
        [program, "gpt_oss.fleet.evaluate", "-i", str(inventory)],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=900, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr  # suspect is no failure unless told so
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    found = {each["host"]: each for each in report["findings"] if each["kind"] == "performance"}
    assert {host: each["verdict"] for host, each in found.items()} == {
        **dict.fromkeys(("node1", "node2", "node3"), "good"),
        "slow": "suspect",
    }
    assert "below the fleet's" in found["slow"]["reason"] and "median latency" in found["slow"]["reason"]
    host = next(each for each in report["hosts"] if each["host"] == "slow")
    assert host["verdict"] == "suspect" and host["reasons"][0].startswith("speed: "), host
