"""The original results, replayed: servers set to the counts seen on B200 give the twelve scores to the last digit."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, simulated
from playbook_host import PLAYBOOK, Host, counts, this_machine

FILES = ROOT / "inventories" / "demo" / "files"
EFFORTS = ("low", "medium", "high")
# Right answers of 1,584 and 240, and the scores as the reference harness printed them.
ORIGINAL = {
    "openai/gpt-oss-20b": {
        "gpqa": ((889, 1006, 1142), (0.5612373737373737, 0.63510101010101, 0.7209595959595959)),
        "aime25": ((84, 179, 207), (0.35, 0.7458333333333333, 0.8625)),
    },
    "openai/gpt-oss-120b": {
        "gpqa": ((1029, 1114, 1256), (0.6496212121212122, 0.7032828282828283, 0.7929292929292929)),
        "aime25": ((126, 178, 220), (0.525, 0.7416666666666667, 0.9166666666666666)),
    },
}


SAMPLES = 3 * (1584 + 240)  # of one server
KILLS = 10
CONCURRENCY = 32
LATENCY = 0.15  # seconds a reply: the evals take half a minute at least, on any machine


@pytest.fixture
def servers(prefix: str, free_port: Callable[[], int], simulator_image: str, settings: dict[str, Any]) -> list[Any]:
    return [server(prefix, model, free_port(), simulator_image, **settings) for model in ORIGINAL]


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the simulators, beside those that make the scores."""
    return {}


@pytest.fixture
def host(tmp_path: Path, servers: list[Any], environment: Path) -> Host:
    variables = {
        **this_machine(tmp_path / "state", environment),
        # The simulator reads no weights.
        "hf_cache_models": [],
        "vllm_verified_models_only": False,
        "vllm_servers": servers,
        "evaluate_data": {
            "gpqa": [str(FILES / "gpqa_demo.csv")],
            "aime25": [str(FILES / f"aime25_demo-{part}.jsonl") for part in (1, 2)],
        },
        "evaluate_reference_data": "any",
        "evaluate_report_path": str(tmp_path / "report"),
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"one": variables}}}))
    return Host(tmp_path, inventory, servers[0])


EXPECTED = {
    (model, task, effort): score
    for model, tasks in ORIGINAL.items()
    for task, (_counted, scores) in tasks.items()
    for effort, score in zip(EFFORTS, scores, strict=True)
}


def seen_scores(host: Host) -> dict[tuple[str, str, str], float]:
    report = json.loads((host.root / "report" / "report.json").read_text())
    return {(row["model"], row["task"], row["reasoning_effort"]): row["score"] for row in report["scores"]}


def server(prefix: str, model: str, port: int, image: str, **settings: Any) -> dict[str, Any]:
    """Return a server that answers exactly as many questions right as the original run did."""
    answers = {
        task: {effort: {"correct": right} for effort, right in zip(EFFORTS, counted, strict=True)}
        for task, (counted, _scores) in ORIGINAL[model].items()
    }
    return {
        "name": f"{prefix}-{model.rpartition('-')[2]}",
        "model": model,
        "image": image,
        "pull": "never",
        "vllm_version": "0.32.0",
        "gpus": "none",
        "port": port,
        "timeout": 60,
        "volumes": [f"{FILES}:/simulator:ro"],
        "environment": simulated(
            data={
                "gpqa": ["/simulator/gpqa_demo.csv"],
                "aime25": ["/simulator/aime25_demo-1.jsonl", "/simulator/aime25_demo-2.jsonl"],
            },
            repeats=8,
            answers=answers,
            **settings,
        ),
    }


def test_the_twelve_original_scores_to_the_last_digit(host: Host) -> None:
    deployed = host.play("deploy")
    assert deployed.returncode == 0, deployed.stdout
    evaluated = host.play("evaluate")
    assert evaluated.returncode == 0, evaluated.stdout
    assert seen_scores(host) == EXPECTED
    for score in EXPECTED.values():
        # As people round, and as the original's table does: 86.25 is 86.3.
        assert str(Decimal(score * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)) in evaluated.stdout
    again = host.play("evaluate")
    assert (again.returncode, counts(again)["changed"]) == (0, 0), again.stdout


class Interruption:
    """Kills what runs the evals once so many samples are journalled: a server's job, perhaps the controller too."""

    def __init__(self, host: Host, servers: list[dict[str, Any]], rng: random.Random) -> None:
        self.host = host
        self.runs = [host.root / "state" / "evaluate" / "runs" / server["name"] for server in servers]
        self.rng = rng
        # Not at the very end, where nothing might run any more when the point is noticed.
        self.points = sorted(rng.sample(range(len(servers) * SAMPLES * 95 // 100), KILLS))
        self.counted: dict[Path, tuple[int, int]] = {}  # a journal's bytes that were looked at, and their lines
        self.killed: list[str] = []

    def journalled(self) -> int:
        for path in (path for run in self.runs for path in run.glob("*.jsonl")):
            size, lines = self.counted.get(path, (0, 0))
            if path.stat().st_size < size:  # a torn line was cut off
                size, lines = 0, 0
            with path.open("rb") as journal:
                journal.seek(size)
                grown = journal.read()
            self.counted[path] = (size + len(grown), lines + grown.count(b"\n"))
        return sum(max(0, lines - 1) for _size, lines in self.counted.values())

    def play(self) -> subprocess.Popen[str]:
        """Start the evaluation in a session of its own, as a user at another terminal would."""
        log = (self.host.root / "evaluate.log").open("a")
        command = [*PLAYBOOK, "gpt_oss.fleet.evaluate", "-i", str(self.host.inventory)]
        return subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, stdout=log, stderr=log)

    def watch(self, playing: subprocess.Popen[str]) -> int | None:
        """Kill at each point that is reached until the playbook ends, or is killed too; return its code, None then."""
        while playing.poll() is None:
            if self.points and self.journalled() >= self.points[0] and self._kill_a_job():
                self.points.pop(0)
                if self.rng.random() < 0.5:
                    self.killed[-1] += " and the controller"
                    os.killpg(playing.pid, signal.SIGKILL)
                    playing.wait()
                    return None
            time.sleep(0.02)
        return playing.returncode

    def _kill_a_job(self) -> bool:
        """Kill -9 a server's running job; False when none runs just now."""
        for run in self.rng.sample(self.runs, len(self.runs)):
            status = json.loads(text) if (text := _read(run / "status.json")) else {}
            if status.get("state") == "running":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(status["pid"], signal.SIGKILL)
                    self.killed.append(f"at {self.journalled()} samples the job of {run.name}")
                    return True
        return False

    def end(self) -> None:
        """End the jobs that are left when a test fails."""
        for run in self.runs:
            status = json.loads(text) if (text := _read(run / "status.json")) else {}
            if status.get("state") == "running":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(status["pid"], signal.SIGKILL)


def _read(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    return ""


def answered(server: dict[str, Any]) -> int:
    """Return how many requests a server has answered, as it tells in its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server['port']}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return round(
        sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("vllm:request_success_total{"))
    )


@pytest.fixture
def interruption(host: Host, servers: list[dict[str, Any]]) -> Iterator[Interruption]:
    """At points drawn from a seed; GPT_OSS_FLEET_SEED repeats a run, as far as the machine's pace allows."""
    seed = int(os.environ.get("GPT_OSS_FLEET_SEED") or secrets.randbelow(10**9))
    print(f"GPT_OSS_FLEET_SEED={seed}")
    found = Interruption(host, servers, random.Random(seed))
    yield found
    print(f"killed: {'; '.join(found.killed)}")
    found.end()


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"latency_seconds": LATENCY}])
def test_the_twelve_scores_after_ten_kills(host: Host, servers: list[Any], interruption: Interruption) -> None:
    """kill -9 of the jobs, and of some controllers, at ten random moments: equal scores, and no row lost or twice."""
    inventory = json.loads(host.inventory.read_text())
    inventory["all"]["hosts"]["one"]["evaluate_concurrency"] = CONCURRENCY
    host.inventory.write_text(json.dumps(inventory))
    deployed = host.play("deploy")
    assert deployed.returncode == 0, deployed.stdout
    for _run in range(KILLS + 3):
        if interruption.watch(interruption.play()) == 0:
            break
    log = _read(host.root / "evaluate.log")
    assert len(interruption.killed) == KILLS, log
    assert seen_scores(host) == EXPECTED
    for run in interruption.runs:
        assert_one_row_each(run)
    for each in servers:
        asked_again = answered(each) - SAMPLES
        assert 0 <= asked_again <= KILLS * CONCURRENCY, each["name"]
    again = host.play("evaluate")
    assert (again.returncode, counts(again)["changed"]) == (0, 0), again.stdout


def assert_one_row_each(run: Path) -> None:
    journals = sorted(run.glob("*.jsonl"))
    assert len(journals) == 6
    for journal in journals:
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        rows = [line for line in lines[1:] if "outcome" in line]
        repeats = Counter((row["question"], row["repeat"]) for row in rows)
        questions = 198 if journal.name.startswith("gpqa") else 30
        assert set(repeats) == {(question, repeat) for question in range(questions) for repeat in range(8)}
        assert set(repeats.values()) == {1}, journal
        assert {row["outcome"] for row in rows} <= {"correct", "wrong"}
