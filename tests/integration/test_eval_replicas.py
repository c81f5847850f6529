"""Several servers that answer one eval, of which one dies in mid-run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Seen
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for

HELD = SAMPLES // 4  # each server answers so many and keeps the others waiting, until a test lets it go on


@pytest.fixture
def second(tmp_path: Path) -> Iterator[LoopbackServer]:
    (tmp_path / "second").mkdir()
    server = LoopbackServer(tmp_path / "second", {"latency": 0.02, "hold": HELD})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def evals(tmp_path: Path, second: LoopbackServer) -> Iterator[Evals]:
    server = LoopbackServer(tmp_path, {"latency": 0.02, "hold": HELD})
    server.start()
    evals = Evals(tmp_path, server, {"replicas": [{"base_url": f"{second.url}/v1"}], "stall_seconds": 60})
    yield evals
    evals.end()
    server.stop()


def answered(evals: Evals) -> Counter[str]:
    return Counter(row["endpoint"].partition(":")[2] for row in evals.rows())


@pytest.mark.fault(
    kind="server fault",
    stage="evaluate",
    fault="one of two replicas that answer one eval dies and comes back",
    sees="cannot connect",
    kept="each journalled sample; what was under way is handed to the other",
    next_run="nothing: the eval went on with the other, and then with both",
)
def test_a_replica_that_dies_pauses_only_itself(
    evals: Evals, second: LoopbackServer, tmp_path: Path, seen: Seen
) -> None:
    one, two = str(evals.server.port), str(second.port)
    evals.run("eval_run", state="started")
    wait_for(lambda: answered(evals) == {one: HELD, two: HELD})
    assert (evals.server.window()["flying"], second.window()["flying"]) == (8, 8)
    second.stop()
    down = wait_for(lambda: [each for each in evals.status()["servers"] if each["phase"] == "paused"], 10)
    assert [each["endpoint"] for each in down] == [f"127.0.0.1:{two}"]
    assert "cannot connect" in down[0]["cause"]
    seen(down[0]["cause"])
    assert evals.status()["phase"] == "asking"
    evals.server.set(hold=HELD + 20)
    wait_for(lambda: answered(evals)[one] == HELD + 20)
    # It comes back, and takes its share again; what was under way with it was handed on.
    second.settings = {"latency": 0.02}
    second.start()
    wait_for(lambda: answered(evals)[two] > HELD + 10)
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert (row["server"], row["n_measured"], row["verdict"]) == ("one", SAMPLES, None)
    assert evals.one_row_each()
    replies = evals.server.replies() + second.replies()
    assert (len(replies), set(replies.values())) == (SAMPLES, {1})
    (journal,) = evals.run_folder.glob("*.jsonl")
    events = [line for line in map(json.loads, journal.read_text().splitlines()) if "event" in line]
    assert [event["endpoint"] for event in events] == [f"127.0.0.1:{two}"]
    alone = tmp_path / "alone"
    alone.mkdir()
    (at_once,) = Evals(alone, evals.server).run()["scores"]
    assert at_once["score"] == row["score"]


@pytest.mark.parametrize("status", [500, 404], ids=["fails", "refuses"])
def test_a_replica_that_lives_and_answers_nothing_is_set_aside(
    evals: Evals, second: LoopbackServer, status: int
) -> None:
    """It is healthy: only its replies tell. Its samples are asked of the other, and none of them is lost."""
    one, two = f"127.0.0.1:{evals.server.port}", f"127.0.0.1:{second.port}"
    evals.server.set(hold=None)
    second.set(hold=None, fault={"kind": "status", "status": status, "times": 10**6, "path": "/v1/responses"})
    result = evals.run(retry_timeout=1)
    (row,) = result["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    assert {each["endpoint"] for each in evals.rows()} == {one}
    servers = {each["endpoint"]: each for each in evals.status()["servers"]}
    assert (servers[one]["phase"], servers[two]["phase"]) == ("asking", "paused")
    assert f"HTTP {status}" in servers[two]["cause"] and "server's log" in servers[two]["remedy"]
    (journal,) = evals.run_folder.glob("*.jsonl")
    events = [line for line in map(json.loads, journal.read_text().splitlines()) if line.get("event") == "set_aside"]
    assert [event["endpoint"] for event in events] == [two] and f"HTTP {status}" in events[0]["cause"]


def test_replicas_that_all_answer_nothing_end_the_run(evals: Evals, second: LoopbackServer) -> None:
    for server in (evals.server, second):
        server.set(hold=None, fault={"kind": "status", "status": 404, "times": 10**6, "path": "/v1/responses"})
    failed = evals.run(retry_timeout=1)
    assert failed["failed"] and "HTTP 404" in failed["msg"]


def test_what_is_no_replica_is_refused(evals: Evals, second: LoopbackServer) -> None:
    second.set(version="9.9")
    refused = evals.run("eval_run")
    assert "is no replica of the one at" in refused["msg"]
    assert "(different: vllm_version)" in refused["msg"]
