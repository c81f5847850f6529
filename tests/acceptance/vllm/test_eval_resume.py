"""Both tasks at three efforts on real vLLM, with everything killed on the way, and one row of each sample in the end.

The tests build on each other, in this order. run.sh stops at the first that fails.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet import SERVER, STATE, containers, docker, get, playbook, start_playbook, step

REPEATS = 8
# Rows of the data sets beside this file, times the repeats.
N_SAMPLES = {"gpqa": 8 * REPEATS, "aime25": 4 * REPEATS}
EFFORTS = ("low", "medium", "high")
ALL = sum(N_SAMPLES.values()) * len(EFFORTS)
RUNS = STATE / "evaluate" / "runs" / SERVER
REPORT = STATE / "report-resume"
# Few at a time, so that there is a middle to be killed in.
EVALUATE = {"evaluate_n_repeats": REPEATS, "evaluate_concurrency": 4, "evaluate_report_path": str(REPORT)}


def rows() -> dict[Path, list[dict[str, Any]]]:
    """The whole rows of each journal."""
    return {
        path: [row for row in map(json.loads, path.read_text().rpartition("\n")[0].splitlines()) if "outcome" in row]
        for path in RUNS.glob("*.jsonl")
    }


def n_rows() -> int:
    return sum(map(len, rows().values()))


def wait_for(what: Callable[[], bool], running: subprocess.Popen[str], seconds: float = 900.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert running.poll() is None, (STATE / "logs" / "evaluate-interrupted.log").read_text()[-4000:]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def job_pid() -> int:
    return int(json.loads((RUNS / "status.json").read_text())["pid"])


def test_deploy() -> None:
    # The journals of other tests' evals of this server would be counted.
    shutil.rmtree(RUNS, ignore_errors=True)
    run = playbook("deploy", "deploy")
    assert run.rc == 0, run.output[-4000:]


def test_everything_is_killed_in_turn_and_nothing_is_lost() -> None:
    begun = time.monotonic()
    running = start_playbook("evaluate", "evaluate interrupted", EVALUATE)
    wait_for(lambda: n_rows() >= ALL // 6, running)

    killed, before = job_pid(), rows()
    os.kill(killed, signal.SIGKILL)
    step(f"the job was killed with {n_rows()} of {ALL} samples in the journals", time.monotonic() - begun)
    wait_for(lambda: job_pid() != killed, running)
    step("the playbook started it again", time.monotonic() - begun)
    wait_for(lambda: n_rows() >= ALL // 3, running)

    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    step(f"the controller was killed with {n_rows()} samples", time.monotonic() - begun)
    running = start_playbook("evaluate", "evaluate interrupted", EVALUATE)
    wait_for(lambda: n_rows() >= ALL // 2, running)

    docker("kill", SERVER)
    at_death = n_rows()
    step(f"the server was killed with {at_death} samples", time.monotonic() - begun)
    docker("start", SERVER)
    wait_for(lambda: n_rows() > at_death + 4, running)
    step("the server was started again, and the job goes on", time.monotonic() - begun)
    assert running.wait(timeout=1800) == 0, (STATE / "logs" / "evaluate-interrupted.log").read_text()[-4000:]
    step("the playbook ended", time.monotonic() - begun)

    after = rows()
    assert set(before) <= set(after)
    for path, kept in before.items():
        assert after[path][: len(kept)] == kept, f"rows of {path} were lost or written anew"


def test_each_sample_has_one_row() -> None:
    found = rows()
    assert len(found) == len(N_SAMPLES) * len(EFFORTS)
    for path, samples in found.items():
        keys = {(row["question"], row["repeat"]) for row in samples}
        assert len(samples) == len(keys) == N_SAMPLES[path.name.split("-")[0]], path
        assert {row["outcome"] for row in samples} <= {"correct", "wrong", "unparsed", "truncated"}, path


def test_the_scores_are_whole() -> None:
    scores = json.loads((REPORT / "report.json").read_text())["scores"]
    assert sorted((row["task"], row["reasoning_effort"]) for row in scores) == sorted(
        (task, effort) for task in N_SAMPLES for effort in EFFORTS
    )
    for row in scores:
        assert row["n_measured"] == N_SAMPLES[row["task"]]
        assert row["score"] == row["n_correct"] / row["n_measured"]
        print(
            f"            {row['task']} {row['reasoning_effort']}: {row['n_correct']}/{row['n_measured']}", flush=True
        )


def test_a_further_run_asks_nothing() -> None:
    before = n_rows()
    run = playbook("evaluate", "evaluate again", EVALUATE)
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]
    assert n_rows() == before


def test_teardown() -> None:
    run = playbook("teardown", "teardown")
    assert run.rc == 0, run.output[-4000:]
    assert SERVER not in containers()
    assert get("/health") == (None, None)
