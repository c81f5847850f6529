"""playbooks/evaluate.yml against simulated servers: judged, found done, and no failure of a host that goes unnamed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "inventories" / "demo" / "files"
AIME = [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Three simulators that answer as many questions right as the original run; the third drops 25 points."""
    servers = []
    ports = {}
    for number in (1, 2, 3):
        configuration = {
            "seed": number,
            "data": {"aime25": AIME},
            "answers": {"aime25": {"low": {"correct": 84}, "medium": {"correct": 179}}},
            "accuracy_drop": 0.25 if number == 3 else 0.0,
            "start_seconds": 0.1,
        }
        ports[f"node{number}"] = port = _free_port()
        log = (tmp_path_factory.mktemp("simulator") / "log").open("w")
        servers.append(
            subprocess.Popen(
                [sys.executable, "-m", "simulator", "serve", "openai/gpt-oss-20b", "--port", str(port)],
                cwd=ROOT / "roles" / "vllm_simulator" / "files",
                env={**os.environ, "VLLM_SIMULATOR": json.dumps(configuration)},
                stdout=log,
                stderr=log,
            )
        )
    try:
        for port in ports.values():
            _await_health(port)
        yield ports
    finally:
        for server in servers:
            server.kill()
            server.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_health(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run the playbook on hosts of this machine; variables of all hosts by keyword."""

    def run(hosts: dict[str, dict[str, Any]], *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "gpt_oss_environment_path": sys.prefix,
            "gpt_oss_state_path": f"{tmp_path}/state/{{{{ inventory_hostname }}}}",
            "vllm_servers": [{"name": "vllm-{{ inventory_hostname }}", "port": "{{ port }}"}],
            "evaluate_data": {"aime25": AIME},
            "evaluate_tasks": ["aime25"],
            "evaluate_reasoning_efforts": ["low", "medium"],
            "evaluate_reference_data": "any",
            "evaluate_containers": False,
            "evaluate_concurrency": 16,
            "evaluate_retry_timeout": 1,
            "evaluate_poll_interval": 1,
            "evaluate_report_path": str(tmp_path / "report"),
        }
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"all": {"vars": {**common, **variables}, "hosts": hosts}}))
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *("-i", str(inventory), "gpt_oss.fleet.evaluate", *arguments),
            ],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def recap(done: subprocess.CompletedProcess[str], name: str) -> dict[str, int]:
    """Return a counter of the recap by host."""
    return {host: int(n) for host, n in re.findall(rf"^(\S+) +: .*\b{name}=(\d+)", done.stdout, re.MULTILINE)}


def report(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "report" / "report.json").read_text())


def verdicts(tmp_path: Path) -> dict[str, str]:
    return {host["host"]: host["verdict"] for host in report(tmp_path)["hosts"]}


def test_a_fleet_is_judged_and_found_done_the_second_time(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    hosts = {host: {"port": port} for host, port in ports.items()}
    first = play(hosts)
    assert first.returncode != 0, first.stdout + first.stderr
    assert verdicts(tmp_path) == {"node1": "good", "node2": "good", "node3": "bad"}, first.stdout
    assert "Fleet verdict: BAD - node3 is bad: AIME25" in first.stdout
    assert re.search(r"node1 +AIME25 +low +35\.0 .* 84/240 +35\.0 +\+0\.0 +35\.0 +\+0\.0 +good", first.stdout)
    assert re.search(r"AIME25 +medium +74\.6 .* 179/240 ", first.stdout)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "**SIMULATED" in text
    assert recap(first, "failed") == {"localhost": 0, "node1": 0, "node2": 0, "node3": 1}
    second = play(hosts)
    assert set(recap(second, "changed").values()) == {0}, second.stdout
    assert (tmp_path / "report" / "report.md").read_text() == text


def test_the_hosts_that_limit_leaves_are_judged(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    hosts = {host: {"port": port} for host, port in ports.items()}
    done = play(hosts, "--limit", "node1,node2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(tmp_path) == {"node1": "good", "node2": "good"}


def test_each_host_that_fails_is_named_with_its_reason(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    hosts = {
        "node1": {"port": ports["node1"]},
        "unreachable": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "port": 1},
        "bare": {"gpt_oss_environment_path": "/nonexistent", "port": 1},
        "deaf": {"port": _free_port()},
        "empty": {"vllm_servers": []},
    }
    done = play(hosts)
    assert done.returncode != 0
    found = {each["host"]: each for each in report(tmp_path)["hosts"]}
    assert found["node1"]["verdict"] == "good"
    for host, reason in (
        ("unreachable", "unreachable"),
        ("bare", "run gpt_oss.fleet.deploy"),
        ("deaf", "Connection refused"),
        ("empty", "vllm_servers"),
    ):
        assert found[host]["verdict"] == "missing"
        assert reason.lower() in " ".join(found[host]["reasons"]).lower(), found[host]
        assert host in done.stdout.split("Fleet verdict")[1]


def test_a_fleet_of_which_nothing_works_is_still_judged(play: Play, tmp_path: Path) -> None:
    gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "port": 1}
    done = play({"node1": gone, "node2": gone})
    assert done.returncode != 0
    assert verdicts(tmp_path) == {"node1": "missing", "node2": "missing"}
    assert "node1 and node2 are missing" in done.stdout


def test_an_empty_inventory_is_refused(play: Play) -> None:
    done = play({})
    assert done.returncode != 0
    assert "found none" in done.stdout + done.stderr


def test_data_that_cannot_be_downloaded_says_what_to_do(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{_free_port()}/aime2025-I.jsonl"
    done = play(
        {"node1": {"port": ports["node1"]}},
        evaluate_data={"aime25": [address, AIME[1]]},
        evaluate_data_cache=str(tmp_path / "cache"),
    )
    assert done.returncode != 0
    reason = " ".join(report(tmp_path)["hosts"][0]["reasons"])
    assert "Set evaluate_data to files on the controller" in reason
    assert address in reason


def test_check_mode_asks_nothing_and_changes_nothing(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    done = play({"node1": {"port": ports["node1"]}}, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "report").exists()
    assert not (tmp_path / "state").exists()
