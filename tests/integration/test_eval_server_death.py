"""What an eval does while its server dies, hangs, comes back, or is another when it comes back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Seen
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for

pytestmark = pytest.mark.slow

HELD = SAMPLES // 4


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    server = LoopbackServer(tmp_path, {"latency": 0.02, "hold": HELD})
    server.start()
    evals = Evals(tmp_path, server, {"retry_timeout": 1, "stall_seconds": 3})
    yield evals
    evals.end()
    server.stop()


def begin(evals: Evals, **options: Any) -> None:
    """Start a job, and return when the server keeps all further replies back."""
    assert evals.run("eval_run", state="started", **options)["status"]["state"] == "running"
    wait_for(lambda: evals.done() >= HELD)


@pytest.mark.fault(
    kind="server fault",
    stage="evaluate",
    fault="the server dies in mid-eval and comes back",
    sees="cannot connect to 127.0.0.1 … 160 of 160 measured",
    kept="each journalled sample: none is asked again",
    next_run="nothing: the eval waited and went on by itself",
)
def test_a_server_that_dies_and_comes_back_costs_nothing(evals: Evals, seen: Seen) -> None:
    """Its down-time is three times the retry timeout, and nobody has to do anything about the eval."""
    begin(evals, stall_seconds=60)
    pid = evals.status()["pid"]
    evals.server.stop()
    down = wait_for(lambda: evals.status() if evals.status()["phase"] == "paused" else None, 5)
    assert (down["state"], down["pid"]) == ("running", pid)
    assert "cannot connect to 127.0.0.1" in down["cause"]
    assert "start the server again" in down["remedy"]
    wait_for(lambda: evals.status()["updated"] - down["updated"] > 3)
    assert evals.status()["phase"] == "paused"
    evals.server.settings = {}
    evals.server.start()
    (row,) = evals.run(stall_seconds=60)["scores"]
    assert evals.status()["pid"] == pid
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    seen(f"{down['cause']}; {row['n_measured']} of {SAMPLES} measured")
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}
    (journal,) = evals.run_folder.glob("*.jsonl")
    events = [line for line in map(json.loads, journal.read_text().splitlines()) if "event" in line]
    assert [event["event"] for event in events] == ["epoch"]
    assert "cannot connect" in events[0]["cause"]


@pytest.mark.fault(
    kind="engine hangs",
    stage="evaluate",
    fault="the server's engine makes no progress in mid-eval, and /health answers 200",
    sees="8 requests running, 0 waiting, and no counter of engine 0 moved",
    kept="each journalled sample",
    next_run="nothing: the eval goes on by itself once the engine does",
)
def test_a_server_that_hangs_is_seen_and_left_alone_until_it_moves(evals: Evals, seen: Seen) -> None:
    begin(evals)
    stuck = wait_for(lambda: evals.status() if evals.status()["phase"] == "paused" else None, 15)
    assert "8 requests running, 0 waiting, and no counter of engine 0 moved" in stuck["cause"]
    # What was under way was dropped: the watch is left, and this look.
    wait_for(lambda: evals.server.window()["open"] == 2)
    assert len(evals.rows()) == HELD
    seen(stuck["cause"])
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    assert evals.one_row_each()


@pytest.mark.fault(
    kind="server fault",
    stage="evaluate",
    fault="the server dies in mid-eval and comes back as another",
    sees="replaced in mid-run (changed: vllm_version)",
    kept="the old server's samples; the new one is asked nothing",
    next_run="begins a journal of the new one's",
)
def test_a_server_that_comes_back_as_another_gets_no_sample_of_the_old_one(evals: Evals, seen: Seen) -> None:
    begin(evals, stall_seconds=60)
    evals.server.stop()
    wait_for(lambda: evals.status()["phase"] == "paused", 5)
    evals.server.settings = {"version": "9.9"}
    evals.server.start()
    wait_for(lambda: evals.status()["state"] == "failed")
    assert "replaced in mid-run (changed: vllm_version)" in evals.status()["error"]
    seen(evals.status()["error"])
    assert len(evals.rows()) == HELD  # none of the new one's, all of the old one's
    assert evals.server.replies().total() == HELD


@pytest.mark.fault(
    kind="server fault",
    stage="evaluate",
    fault="the server dies in mid-eval and comes back with another model",
    sees="cannot connect to … what answers now is not fit: model test-model is not served at … it serves: other-model",
    kept="each journalled sample; the other model is asked nothing",
    next_run="nothing: the eval goes on by itself once the model is served again",
)
def test_a_server_that_comes_back_with_another_model(evals: Evals, seen: Seen) -> None:
    begin(evals, stall_seconds=60)
    evals.server.stop()
    wait_for(lambda: evals.status()["phase"] == "paused", 5)
    evals.server.settings = {"model": "other-model"}
    evals.server.start()
    seen(wait_for(lambda: "not fit" in evals.status()["cause"] and evals.status()["cause"]))
    assert len(evals.rows()) == HELD == evals.server.replies().total()
    evals.server.stop()
    evals.server.settings = {}
    evals.server.start()
    (row,) = evals.run(stall_seconds=60)["scores"]
    assert (row["n_measured"], evals.one_row_each()) == (SAMPLES, True)


@pytest.mark.fault(
    kind="job killed",
    stage="evaluate",
    fault="the server is down, and the eval's process is killed as well",
    sees="160 of 160 measured",
    kept="each journalled sample: none is asked again",
    next_run="asks the rest once the server is back",
)
def test_a_job_that_is_killed_while_its_server_is_down_goes_on_later(evals: Evals, seen: Seen) -> None:
    begin(evals, stall_seconds=60)
    evals.server.stop()
    wait_for(lambda: evals.status()["phase"] == "paused", 5)
    os.kill(evals.status()["pid"], signal.SIGKILL)
    evals.server.settings = {}
    evals.server.start()
    (row,) = evals.run(stall_seconds=60)["scores"]
    assert row["n_measured"] == SAMPLES
    seen(f"{row['n_measured']} of {SAMPLES} measured")
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}
