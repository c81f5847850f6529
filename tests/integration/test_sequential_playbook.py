"""playbooks/evaluate.yml repeat by repeat: bad hosts fail early, good ones stop early, a second run finds the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulator_harness import simulators
from test_evaluate_playbook import ROOT, Play, play, recap, report, verdicts

__all__ = ["play"]
pytestmark = pytest.mark.slow

GPQA = str(ROOT / "inventories" / "demo" / "files" / "gpqa_demo.csv")
QUESTIONS = 80
DROPS = {"node1": 0.0, "node2": 0.0, "node3": 0.0, "node4": 0.2}


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Four simulators, of which the last answers 20 points less right."""
    configurations = {}
    for number, (name, drop) in enumerate(DROPS.items(), 1):
        configurations[name] = {
            "seed": number,
            "data": {"gpqa": [GPQA]},
            "answers": {"gpqa": {"low": {"correct": 889}}},
            "accuracy_drop": drop,
        }
    with simulators(configurations, tmp_path_factory.mktemp("simulators")) as ports:
        yield ports


def test_only_doubtful_hosts_are_asked_on(play: Play, ports: dict[str, int], tmp_path: Path) -> None:  # noqa: F811
    hosts = {host: {"port": port} for host, port in ports.items()}
    wishes = {
        "evaluate_data": {"gpqa": [GPQA]},
        "evaluate_tasks": ["gpqa"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_subset": QUESTIONS,
        "evaluate_references": [],
        "evaluate_sequential": True,
        "evaluate_margin": 0.15,
    }
    done = play(hosts, **wishes)
    assert done.returncode != 0, done.stdout + done.stderr
    assert verdicts(tmp_path) == {"node1": "good", "node2": "good", "node3": "good", "node4": "bad"}, done.stdout
    found = report(tmp_path)
    asked = {row["host"]: row["through_repeat"] for row in found["scores"]}
    decisions = {each["host"]: each for each in found["sequential"]["servers"]}
    assert {host: each["decision"] for host, each in decisions.items()} == {
        **dict.fromkeys(("node1", "node2", "node3"), "pass"),
        "node4": "fail",
    }
    assert all(each["look"] == asked[host] < 8 for host, each in decisions.items())
    assert all(row["stopped"] and row["n_samples"] == QUESTIONS * asked[row["host"]] for row in found["scores"])
    assert re.search(rf"node4 +GPQA +low .* BAD, stopped {asked['node4']}/8", done.stdout), done.stdout
    assert "stopped after repeat" in (tmp_path / "report" / "report.md").read_text()
    again = play(hosts, **wishes)
    assert set(recap(again, "changed").values()) == {0}, again.stdout
    assert report(tmp_path)["sequential"] == found["sequential"]
    waived = {"host": "node4", "reason": "a ticket", "expires": "2999-12-31"}
    accepted = play(hosts, **wishes, evaluate_waivers=[waived])
    assert accepted.returncode == 0, accepted.stdout
    assert verdicts(tmp_path)["node4"] == "bad"
    assert "waived until 2999-12-31: a ticket" in accepted.stdout
    assert [each["host"] for each in report(tmp_path)["waived"]] == ["node4"]
