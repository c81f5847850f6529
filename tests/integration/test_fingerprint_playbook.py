# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/fingerprint.yml on simulated servers: one with noise, a host of two GPUs, a silent one, and a baseline."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playbook_host import Host, counts, said
from simulator_harness import simulators

pytestmark = pytest.mark.slow

# What each server is told; node4 has one on each of two GPUs, the second of which miscomputes.
SERVERS: dict[str, dict[str, Any]] = {
    "node1": {},
    "node2": {},
    "node3": {"logprob_noise": 0.2},
    "node4-0": {},
    "node4-1": {"logprob_noise": 0.2},
}


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    configurations = {name: {"seed": number, **told} for number, (name, told) in enumerate(SERVERS.items())}
    with simulators(configurations, tmp_path_factory.mktemp("simulators")) as ports:
        yield ports


@pytest.fixture
def fleet(tmp_path: Path, ports: dict[str, int]) -> Host:
    def entry(name: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "port": ports.get(name, 1), "vllm_version": "0.32.0", **options}

    hosts: dict[str, Any] = {name: {"vllm_servers": [entry(name)]} for name in ("node1", "node2", "node3", "silent")}
    replicas = [entry(f"node4-{gpu}", gpus=str(gpu)) for gpu in range(2)]
    hosts["node4"] = {"vllm_servers": replicas}
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "vllm_python": sys.executable,
        "gpt_oss_state_path": str(tmp_path),
        "gpt_oss_gpus": 2,
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    return Host(tmp_path, inventory, hosts, {"vllm_fingerprint_timeout": 20})


def test_hosts_that_differ_fail_each_for_its_own_reason(fleet: Host) -> None:
    run = fleet.play("fingerprint")
    told = said(run)
    failed = {name: counts(run, name)["failed"] for name in ("node1", "node2", "node3", "node4", "silent")}
    assert failed == {"node1": 0, "node2": 0, "node3": 1, "node4": 1, "silent": 1}, told
    assert all(counts(run, name)["changed"] == 0 for name in failed)
    assert "node3 is BAD: differs from the fleet's: mean |d log p| 0.1" in told
    assert "node4 is BAD: node4-1 differs from the fleet's" in told
    assert "the host's other server agrees, so look at GPU 1" in told
    assert "silent is MISSING: no fingerprint could be taken" in told
    assert "2 of 5 hosts agree" in told and "SIMULATED" in told


def test_a_baseline_judges_a_single_host(fleet: Host) -> None:
    baseline = {"vllm_fingerprint_baseline": str(fleet.root / "baselines" / "fingerprints.json")}
    refused = fleet.play("fingerprint", "--limit", "node1", **baseline)
    assert refused.returncode == 2 and "Expected accepted fingerprints in" in said(refused)

    accept = ("--limit", "node1,node2")
    kept = fleet.play("fingerprint", *accept, vllm_fingerprint_accept=True, **baseline)
    assert (kept.returncode, counts(kept, "node1")["changed"]) == (0, 1), said(kept)
    again = fleet.play("fingerprint", *accept, vllm_fingerprint_accept=True, **baseline)
    assert (again.returncode, counts(again, "node1")["changed"]) == (0, 0), said(again)

    run = fleet.play("fingerprint", "--limit", "node3", **baseline)
    assert run.returncode == 2 and "node3 is BAD: differs from the accepted baseline's" in said(run)
    unjudged = fleet.play("fingerprint", "--limit", "node3")
    assert unjudged.returncode == 0 and "unjudged: node3" in said(unjudged)


def test_check_mode_asks_nothing(fleet: Host) -> None:
    run = fleet.play("fingerprint", "--check")
    assert run.returncode == 0, said(run)
