# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/smoke_eval.yml: a part of the questions, judged by an accepted host's full run question by question."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eval_harness import ROOT, environment
from simulator_harness import simulators

pytestmark = pytest.mark.slow

DATA = ROOT / "inventories" / "demo" / "files"
AIME = [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]
DROPS = {"accepted": 0.0, "other": 0.0, "worse": 0.3}


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """A simulator a host; they answer as many questions right as the original run did, the last one 30 points less."""
    configurations: dict[str, dict[str, Any]] = {}
    for number, (name, drop) in enumerate(DROPS.items(), 1):
        answers = {"aime25": {"low": {"correct": 84}}}
        configurations[name] = {"seed": number, "data": {"aime25": AIME}, "answers": answers, "accuracy_drop": drop}
    configurations["accepted"] |= {"prefill_seconds": 0.2, "latency_seconds": 0.3}
    with simulators(configurations, tmp_path_factory.mktemp("simulators")) as ports:
        yield ports


@pytest.fixture
def inventory(tmp_path: Path, ports: dict[str, int]) -> Path:
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_environment_path": sys.prefix,
        "gpt_oss_state_path": f"{tmp_path}/state/{{{{ inventory_hostname }}}}",
        "vllm_servers": [{"name": "vllm-{{ inventory_hostname }}", "port": "{{ port }}"}],
        "evaluate_data": {"aime25": AIME},
        "evaluate_tasks": ["aime25"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_reference_data": "any",
        "evaluate_containers": False,
        "evaluate_concurrency": 16,
        "evaluate_report_path": f"{tmp_path}/report",
        "smoke_eval_tasks": ["aime25"],
        "smoke_eval_questions": 20,
        "smoke_eval_report_path": f"{tmp_path}/smoke",
        "evaluate_reference_files": "{{ files | default([]) }}",
    }
    path = tmp_path / "hosts.json"
    path.write_text(
        json.dumps({"all": {"vars": variables, "hosts": {name: {"port": port} for name, port in ports.items()}}})
    )
    return path


def play(inventory: Path, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "ansible-playbook")
    return subprocess.run(
        [program, f"gpt_oss.fleet.{playbook}", "-i", str(inventory), "-e", json.dumps(variables), *options],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=300, check=False,
    )  # fmt: skip


def changed(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    return {host: int(n) for host, n in re.findall(r"^(\S+) +: .*\bchanged=(\d+)", run.stdout, re.MULTILINE)}


def scores(report: Path) -> dict[str, dict[str, Any]]:
    return {score["host"]: score for score in json.loads((report / "report.json").read_text())["scores"]}


def test_a_part_of_the_questions_is_judged_by_an_accepted_hosts_full_run(inventory: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "kept" / "baseline.json"
    full = play(inventory, "evaluate", "--limit", "accepted,localhost", evaluate_baseline_path=str(baseline))
    assert full.returncode == 0, full.stdout + full.stderr
    (reference,) = json.loads(baseline.read_text())["scores"]
    assert (reference["n_correct"], reference["n"], len(reference["outcomes"])) == (84, 240, 30)
    measured = scores(tmp_path / "report")["accepted"]
    first, whole = measured["time_to_first_token"], measured["latency"]
    assert 0.1 < first["p50"] < whole["p50"] and whole["p50"] >= 0.3, (first, whole)
    assert first["source"] == "server" and 100 < first["n_requests"] <= 240, first
    again = play(inventory, "evaluate", "--limit", "accepted,localhost", evaluate_baseline_path=str(baseline))
    assert again.returncode == 0 and not any(changed(again).values()), again.stdout

    run = play(inventory, "smoke_eval", "--limit", "other,worse,localhost", files=[str(baseline)])
    assert run.returncode == 2, run.stdout + run.stderr
    found = scores(tmp_path / "smoke")
    assert {host: score["verdict"] for host, score in found.items()} == {"other": "good", "worse": "bad"}
    for score in found.values():
        assert (score["n_questions"], score["n_samples"]) == (20, 80)
        assert score["reference"]["n_paired"] == 20
        assert "accepted full run of accepted/vllm-accepted" in score["reference"]["source"]
        low, high = score["reference"]["confidence_interval"]
        assert high - low > 0.15  # 20 questions tell less than 30 times 8 do
    assert "points below the reference" in found["worse"]["reason"]

    # It is found done; another seed asks others, of the same baseline.
    second = play(inventory, "smoke_eval", "--limit", "other,worse,localhost", files=[str(baseline)])
    assert second.returncode == 2 and not any(changed(second).values()), second.stdout
    journals = set(tmp_path.glob("state/other/evaluate/runs/*/*.jsonl"))
    other = play(inventory, "smoke_eval", "--limit", "other,localhost", files=[str(baseline)], smoke_eval_seed=1)
    assert other.returncode == 0, other.stdout
    assert len(set(tmp_path.glob("state/other/evaluate/runs/*/*.jsonl")) - journals) == 1


def test_without_a_baseline_a_part_is_not_judged_by_published_scores(inventory: Path, tmp_path: Path) -> None:
    run = play(inventory, "smoke_eval", "--limit", "accepted,localhost")
    assert run.returncode == 0, run.stdout
    score = scores(tmp_path / "smoke")["accepted"]
    assert score["verdict"] == "unjudged"
    assert "it is over 30 questions, not 20" in score["orientation"][0]["why_not"]


def test_what_is_not_accepted_makes_no_baseline(inventory: Path, tmp_path: Path) -> None:
    run = play(inventory, "evaluate", "--limit", "worse,localhost", evaluate_baseline_path=str(tmp_path / "b.json"))
    assert run.returncode == 2
    assert "worse: it is bad, wanted good" in " ".join(run.stdout.split())
    assert not (tmp_path / "b.json").exists()
