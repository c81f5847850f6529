"""Another strategy for the whole run (ANSIBLE_STRATEGY) changes no verdict: what judges all hosts is linear."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eval_harness import QUESTIONS, ROOT, LoopbackServer, environment

Run = Callable[..., subprocess.CompletedProcess[str]]
HOSTS = ("node1", "node2", "node3")
# The third takes no reply as long as is wanted: then all are asked for the shorter one, or nothing could be compared.
CONTEXTS = {"node1": None, "node2": None, "node3": 4096}
FITTED = 4096 - 60 - 64


# The second is a kind of the first.
@pytest.fixture(params=["free", pytest.param("host_pinned", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run a playbook on three hosts of this machine with the strategy; variables of a host by its name."""

    def play(playbook: str, hosts: dict[str, dict[str, Any]], **variables: Any) -> subprocess.CompletedProcess[str]:
        shared = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "gpt_oss_environment_path": sys.prefix,
            "gpt_oss_state_path": f"{tmp_path}/{{{{ inventory_hostname }}}}",
        }
        inventory = tmp_path / "hosts.json"
        inventory.write_text(json.dumps({"all": {"vars": {**shared, **variables}, "hosts": hosts}}))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), f"gpt_oss.fleet.{playbook}"]
        return subprocess.run(
            [*command, "-i", str(inventory)],
            cwd=ROOT,
            env={**environment(), "ANSIBLE_STRATEGY": str(request.param)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return play


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, LoopbackServer]]:
    servers = {host: LoopbackServer(tmp_path / f"server-{host}", {"context": CONTEXTS[host]}) for host in HOSTS}
    for server in servers.values():
        server.folder.mkdir()
        server.start()
    yield servers
    for server in servers.values():
        server.stop()


def test_a_fleet_is_asked_alike_and_judged_once(run: Run, servers: dict[str, LoopbackServer], tmp_path: Path) -> None:
    rows = "".join(f"Question {n}?,a{n},b{n},c{n},d{n}\n" for n in range(QUESTIONS))
    data = tmp_path / "gpqa.csv"
    data.write_text(f"Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n{rows}")
    hosts: dict[str, dict[str, Any]] = {
        host: {"vllm_servers": [{"name": host, "port": server.port, "model": "test-model"}]}
        for host, server in servers.items()
    }
    # What the third has to say comes late: who does not wait for it asks for the longer replies.
    slow = tmp_path / "slow_python"
    slow.write_text(f'#!/bin/sh\nsleep 1.5\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    hosts["node3"]["evaluate_python"] = str(slow)
    done = run(
        "evaluate",
        hosts,
        evaluate_containers=False,
        evaluate_tasks=["gpqa"],
        evaluate_reasoning_efforts=["low"],
        evaluate_n_repeats=1,
        evaluate_data={"gpqa": [str(data)]},
        evaluate_fail_on=["missing"],
        evaluate_report_path=str(tmp_path / "report"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    scores = json.loads((tmp_path / "report" / "report.json").read_text())["scores"]
    assert {row["host"]: row["max_tokens"] for row in scores} == dict.fromkeys(HOSTS, FITTED)
    # Each question was asked once; one request more may have found the limit.
    asked = {host: server.replies().total() for host, server in servers.items()}
    assert all(QUESTIONS <= total <= QUESTIONS + 1 for total in asked.values()), asked
    assert len(re.findall(r"^Fleet verdict: ", done.stdout, re.MULTILINE)) == 1, done.stdout


def test_the_fleet_is_shown_once(run: Run) -> None:
    hosts = {host: {"vllm_servers": [{"name": host, "model": "m", "image": "i"}]} for host in HOSTS}
    done = run("status", hosts, vllm_python="/nowhere/bin/python")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.count("3 of 3 servers on 3 hosts need attention") == 1, done.stdout
    failed = dict(re.findall(r"^(\w+) +: .*\bfailed=(\d+)", done.stdout, re.MULTILINE))
    assert failed == {"localhost": "0", **dict.fromkeys(HOSTS, "1")}
