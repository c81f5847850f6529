"""playbooks/evaluate.yml against simulated servers: judged, found done, and no failure of a host that goes unnamed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from eval_harness import LoopbackServer, free_port
from simulator_harness import simulators

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "inventories" / "demo" / "files"
AIME = [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]
MMLU = "Question,A,B,C,D,Answer\n" + "".join(
    f"What is {n} + {n}?,{2 * n},None,{2 * n + 1},NA,{'AC'[n % 2]}\n" for n in range(40)
)
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Three simulators that answer as many questions right as the original run; the third drops 25 points."""
    mmlu = tmp_path_factory.mktemp("data") / "mmlu.csv"
    mmlu.write_text(MMLU)
    configurations = {}
    for number in (1, 2, 3):
        configurations[f"node{number}"] = {
            "seed": number,
            "data": {"aime25": AIME, "mmlu": [str(mmlu)]},
            "answers": {
                "aime25": {"low": {"correct": 84}, "medium": {"correct": 179}},
                "mmlu": {"low": {"correct": 222}},
            },
            "accuracy_drop": 0.25 if number == 3 else 0.0,
        }
    with simulators(configurations, tmp_path_factory.mktemp("simulators")) as ports:
        yield ports


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
            # The servers share this machine: which is slow is chance.
            "evaluate_slow_tolerance": 0.9,
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
    nobody = f"http://127.0.0.1:{free_port()}/aime2025-I.jsonl"
    data = {"aime25": [[nobody, AIME[0]], AIME[1]]}
    done = play(hosts, "--limit", "node1,node2", evaluate_data=data, evaluate_data_cache=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(tmp_path) == {"node1": "good", "node2": "good"}
    assert {tuple(row["data_origins"]) for row in report(tmp_path)["scores"]} == {tuple(AIME)}


def test_each_host_that_fails_is_named_with_its_reason(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    hosts = {
        "node1": {"port": ports["node1"]},
        "unreachable": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "port": 1},
        "bare": {"gpt_oss_environment_path": "/nonexistent", "port": 1},
        "deaf": {"port": free_port()},
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


def test_another_task_is_asked_scored_and_reported(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    """mmlu, of which nothing but its file knows: 222 right answers of 320, and those of a subset."""
    path = tmp_path / "mmlu.csv"
    path.write_text(MMLU)
    options = {
        "evaluate_tasks": ["mmlu"],
        "evaluate_data": {"mmlu": [str(path)]},
        "evaluate_reasoning_efforts": ["low"],
    }
    done = play({"node1": {"port": ports["node1"]}}, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = report(tmp_path)["scores"]
    assert (row["task"], row["n_correct"], row["n_measured"], row["score"]) == ("mmlu", 222, 320, 222 / 320)
    assert "MMLU" in (tmp_path / "report" / "report.md").read_text()
    done = play({"node1": {"port": ports["node1"]}}, **options, evaluate_subset=10)
    assert done.returncode == 0, done.stdout + done.stderr
    (part,) = report(tmp_path)["scores"]
    assert (part["n_questions"], part["n_measured"]) == (10, 80)


def test_a_task_that_does_not_exist_is_named(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    done = play(
        {"node1": {"port": ports["node1"]}}, evaluate_tasks=["mmluu"], evaluate_data={"mmluu": ["/srv/data/mmlu.csv"]}
    )
    assert done.returncode != 0
    assert "unknown task(s) mmluu, wanted some of gpqa, aime25, mmlu" in " ".join(done.stdout.split())


def test_an_empty_inventory_is_refused(play: Play) -> None:
    done = play({})
    assert done.returncode != 0
    assert "found none" in done.stdout + done.stderr


def test_data_that_cannot_be_downloaded_says_what_to_do(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/aime2025-I.jsonl"
    done = play(
        {"node1": {"port": ports["node1"]}},
        evaluate_data={"aime25": [address, AIME[1]]},
        evaluate_data_cache=str(tmp_path / "cache"),
    )
    assert done.returncode != 0
    reason = " ".join(report(tmp_path)["hosts"][0]["reasons"])
    assert "wanted the data file aime2025-I.jsonl of the task aime25, found it nowhere" in reason
    assert "or from a mirror" in reason
    assert address in reason


def test_check_mode_asks_nothing_and_changes_nothing(play: Play, ports: dict[str, int], tmp_path: Path) -> None:
    done = play({"node1": {"port": ports["node1"]}}, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "report").exists()
    assert not (tmp_path / "state").exists()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[LoopbackServer]]:
    """Two servers on neighbouring ports."""
    port = free_port()
    while port >= 65000:
        port = free_port()
    servers = []
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        settings = {"model": "openai/gpt-oss-20b", "latency": 0.05}
        servers.append(LoopbackServer(tmp_path / str(number), settings, port + number))
        servers[-1].start()
    yield servers
    for server in servers:
        server.stop()


@pytest.mark.slow
def test_the_replicas_of_an_entry_answer_one_eval(play: Play, pair: list[LoopbackServer], tmp_path: Path) -> None:
    entry = {"name": "pair", "port": pair[0].port, "replicas": 2, "gpus": "none"}
    done = play({"node1": {"vllm_servers": [entry]}}, evaluate_replicas="together", evaluate_fail_on=["missing"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert {(row["server"], row["n_measured"]) for row in report(tmp_path)["scores"]} == {("pair", 240)}
    asked = [server.replies().total() for server in pair]
    assert sum(asked) == 480
    assert min(asked) > 480 / 4
