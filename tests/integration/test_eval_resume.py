from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Seen
from eval_harness import HELD, HOLDING, SAMPLES, Evals, LoopbackServer, served_evals, wait_for


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path, HOLDING) as found:
        yield found


def names(evals: Evals) -> set[str]:
    return {f"gpqa/{row['question']}/{row['repeat']}" for row in evals.rows()}


def score_without_interruption(folder: Path) -> float:
    folder.mkdir()
    server = LoopbackServer(folder)
    server.start()
    try:
        (row,) = Evals(folder, server).run()["scores"]
    finally:
        server.stop()
    return float(row["score"])


@pytest.mark.fault(
    kind="job killed",
    stage="evaluate",
    fault="the eval's process is killed three times",
    sees="160 of 160 measured, 160 rows",
    kept="each journalled sample: none is asked again",
    next_run="asks the rest, to the same score",
)
def test_a_killed_job_resumes(evals: Evals, tmp_path: Path, seen: Seen) -> None:
    """At ever later points: what is journalled is never asked again, and each sample has one row."""
    journalled: dict[str, int] = {}
    for part in (1, 2, 3):
        assert evals.run("eval_run", state="started")["status"]["state"] == "running"
        wait_for(lambda part=part: len(evals.rows()) >= part * HELD - 8)
        os.kill(evals.status()["pid"], signal.SIGKILL)
        wait_for(evals.server.left_alone)
        counts = evals.server.replies()
        journalled |= {name: counts[name] for name in names(evals)}
        evals.server.set(hold=(part + 1) * HELD)
    evals.server.set(hold=None)
    result = evals.run()
    (row,) = result["scores"]
    assert result["changed"] is True
    assert (row["complete"], row["n_samples"], row["n_measured"]) == (True, SAMPLES, SAMPLES)
    assert evals.one_row_each()
    replies = evals.server.replies()
    assert len(journalled) > 2 * HELD
    assert {name: replies[name] for name in journalled} == journalled
    assert len(replies) == SAMPLES
    assert replies.total() - SAMPLES <= 3 * evals.options["concurrency"]  # those in flight at each kill, at most
    seen(f"{row['n_measured']} of {SAMPLES} measured, {len(evals.rows())} rows")
    assert row["score"] == score_without_interruption(tmp_path / "calm")


@pytest.mark.fault(
    kind="corrupted journal",
    stage="evaluate",
    fault="the journal's last line is torn",
    sees="160 of 160 measured, 160 rows",
    kept="each whole line",
    next_run="asks the torn sample again",
)
def test_a_torn_row_is_asked_again(evals: Evals, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: len(evals.rows()) > 20)
    os.kill(evals.status()["pid"], signal.SIGKILL)
    (journal,) = evals.run_folder.glob("*.jsonl")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-30])
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert row["n_measured"] == SAMPLES
    seen(f"{row['n_measured']} of {SAMPLES} measured, {len(evals.rows())} rows")
    assert evals.one_row_each()


@pytest.mark.fault(
    kind="controller killed",
    stage="evaluate",
    fault="the controller is killed with SIGKILL in mid-eval",
    sees="160 of 160 measured",
    kept="the eval, which goes on by itself; each sample is asked once",
    next_run="attaches to it and shows the progress",
)
def test_a_killed_controller_leaves_the_job_running(evals: Evals, seen: Seen) -> None:
    controller = evals.spawn()
    wait_for(lambda: evals.done() > 20)
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()
    pid = evals.status()["pid"]
    os.kill(pid, 0)
    evals.server.set(hold=2 * HELD)
    wait_for(lambda: evals.done() >= 2 * HELD)
    again = evals.spawn(poll_interval=0.5)
    assert again.stdout is not None
    assert any("[h1] one: gpqa low" in line for line in again.stdout)  # it is attached and shows the progress
    evals.server.set(hold=None)
    again.communicate(timeout=60)
    result = evals.spawned()
    assert evals.status()["pid"] == pid  # attached to, not begun anew
    assert result["scores"][0]["complete"] is True
    seen(f"{result['scores'][0]['n_measured']} of {SAMPLES} measured")
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}


def test_stop_and_go_on(evals: Evals) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: evals.done() > 20)
    stopped = evals.run("eval_run", state="stopped")
    assert (stopped["changed"], stopped["status"]["state"]) == (True, "stopped")
    kept = len(evals.rows())
    assert evals.run("eval_run", state="stopped")["changed"] is False
    assert len(evals.rows()) == kept < SAMPLES
    evals.server.set(hold=None)
    assert evals.run()["scores"][0]["n_measured"] == SAMPLES
    assert evals.one_row_each()


@pytest.mark.fault(
    kind="server fault",
    stage="evaluate",
    fault="the server dies in mid-eval and stays away longer than server_patience",
    sees="was down for 1 s: cannot connect to 127.0.0.1 … run again to go on",
    kept="each journalled sample",
    next_run="goes on once the server is back",
)
def test_a_dead_server_fails_the_job_with_the_cause_and_a_later_run_goes_on(evals: Evals, seen: Seen) -> None:
    evals.options["server_patience"] = 1
    controller = evals.spawn()
    wait_for(lambda: evals.done() > 20)
    evals.server.stop()
    controller.communicate(timeout=60)
    failure = evals.spawned()
    assert "was down for 1 s: cannot connect to 127.0.0.1" in failure["msg"]
    assert str(evals.run_folder) in failure["msg"]
    seen(failure["msg"])
    kept = len(evals.rows())
    assert {row["outcome"] for row in evals.rows()} <= {"correct", "wrong"}
    unreachable = evals.run()
    assert "wanted a running server" in unreachable["msg"]
    evals.server.settings = {}
    evals.server.start()
    assert evals.run()["scores"][0]["n_measured"] == SAMPLES
    assert len(evals.rows()) == SAMPLES > kept


@pytest.mark.fault(
    kind="server fault",
    stage="evaluate",
    fault="the server becomes another version in mid-eval, without a moment of silence",
    sees="replaced in mid-run (changed: vllm_version)",
    kept="the old server's samples; the new one's are set aside",
    next_run="begins a journal of the new one's, or goes on with the old one's",
)
def test_another_server_in_mid_run_is_not_mixed_in(evals: Evals, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    # The watch counts answers as the known server's by looks that begin after them.
    wait_for(lambda: evals.server.window()["replies"] == HELD)
    looks = evals.server.window()["looks"]
    wait_for(lambda: evals.server.window()["looks"] >= looks + 3)
    evals.server.set(version="9.9", hold=None)
    wait_for(lambda: evals.status()["state"] == "failed")
    assert "replaced in mid-run (changed: vllm_version)" in evals.status()["error"]
    seen(evals.status()["error"])
    kept = len(evals.rows())
    (foreign,) = evals.run_folder.glob("*.jsonl.foreign-*")
    assert kept == HELD  # what the old server answered, and nothing else
    assert foreign.read_bytes()
    result = evals.run()
    assert result["scores"][0]["vllm_version"] == "9.9"
    evals.server.set(version="0.0-test")
    result = evals.run()
    assert result["scores"][0]["vllm_version"] == "0.0-test"
    assert result["scores"][0]["n_measured"] == SAMPLES
