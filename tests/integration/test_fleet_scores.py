"""fleet_scores in a real play: templated inventory, tagged values, facts delegated to one host, failure by verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Have scores",
                "ansible.builtin.set_fact": {"cacheable": True, "gpt_oss_scores": "{{ rows }}"},
                "when": "rows is defined",
            },
            {
                "name": "Judge",
                "gpt_oss.fleet.fleet_scores": {
                    "tasks": ["aime25"],
                    "reasoning_efforts": ["low"],
                    "since": "{{ since | default(omit) }}",
                    "fail_on": "{{ fail_on | default(omit) }}",
                },
                "run_once": True,
                "delegate_to": "localhost",
                "delegate_facts": True,
            },
            {
                "name": "Show the fact",
                "ansible.builtin.debug": {
                    "msg": "FACT {{ hostvars['localhost'].ansible_facts.gpt_oss_fleet.quarantine | to_json }}"
                },
                "run_once": True,
            },
        ],
    }
]


def row(server: str, hard: int) -> dict[str, Any]:
    """Return a score over 30 questions, of which so many are always answered wrong."""
    n_correct = (30 - hard) * 6
    return {
        "server": server,
        "model": "{{ 'openai' }}/gpt-oss-20b",
        "task": "aime25",
        "reasoning_effort": "low",
        "sampler": "responses",
        "score": n_correct / 240,
        "n_questions": 30,
        "n_repeats": 8,
        "n_samples": 240,
        "n_measured": 240,
        "n_correct": n_correct,
        "outcomes": [[0 if question < hard else 6, 8] for question in range(30)],
        "registered": 100.0,
        "complete": True,
    }


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """An inventory of three hosts with scores, the third of them bad, and one without."""
    hosts = {f"node{n}": {"rows": [row(f"vllm-node{n}", hard)]} for n, hard in ((1, 5), (2, 5), (3, 20))}
    inventory = {
        "all": {
            "vars": {"ansible_connection": "local", "vllm_servers": [{"name": "vllm-{{ inventory_hostname }}"}]},
            "hosts": {**hosts, "node4": {"gpt_oss_evaluate_failure": "the disk of {{ inventory_hostname }} is full"}},
        }
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAYBOOK))
    return tmp_path


def play(folder: Path, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "hosts.yml")),
            *(str(folder / "play.yml"), "-e", json.dumps(variables), *arguments),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_verdict_is_printed_and_registered_for_one_host(fleet: Path) -> None:
    done = play(fleet, fail_on=[])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fleet verdict: BAD - node3 is bad: AIME25 low 37.5 points below the fleet median 62.5" in done.stdout
    assert "\x1b[" not in done.stdout
    fact = next(line for line in done.stdout.splitlines() if "FACT" in line)
    assert '"node3"' in done.stdout[done.stdout.index(fact) :]
    assert "the disk of node4 is full" in done.stdout
    assert "[WARNING]" not in done.stderr


def test_the_task_fails_with_the_verdicts_it_is_told(fleet: Path) -> None:
    done = play(fleet)
    assert done.returncode != 0
    assert "node4 is missing" in done.stdout + done.stderr


def test_scores_of_an_earlier_run_are_missing(fleet: Path) -> None:
    done = play(fleet, "--limit", "node1,node2,node3", since=200.0)
    assert done.returncode != 0
    assert "Fleet verdict: MISSING - node1, node2 and node3 are missing" in done.stdout
    assert "earlier run" in done.stdout


def test_a_wrong_parameter_is_refused(fleet: Path) -> None:
    done = play(fleet, fail_on=["bda"])
    assert done.returncode != 0
    assert "bda" in done.stdout + done.stderr
