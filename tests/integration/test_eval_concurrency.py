"""How many requests an eval keeps under way when it is not told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DOCKER_HOST, Parameters, Run, simulated
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    server = LoopbackServer(tmp_path, {"latency": 0.02})
    server.start()
    evals = Evals(tmp_path, server, {"concurrency": None})
    yield evals
    evals.end()
    server.stop()


def test_no_more_are_sent_than_the_server_works_on(evals: Evals) -> None:
    evals.server.set(hold=10, seats=16)
    evals.run("eval_run", state="started")
    assert evals.server.window()["most"] > 100  # what is usual, as nothing is known of the server
    wait_for(lambda: evals.status()["concurrency"] == 19)  # 16 and an eighth
    evals.server.set(hold=60)
    wait_for(lambda: evals.done() >= 60)
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert row["n_measured"] == SAMPLES
    assert evals.one_row_each()


def test_more_are_sent_while_all_of_them_run(evals: Evals) -> None:
    evals.server.set(hold=0)
    options = {"n_repeats": 8}
    evals.run("eval_run", state="started", **options)
    wait_for(lambda: (evals.status()["concurrency"] or 0) > 200)  # none before the first look
    wait_for(lambda: evals.server.window()["flying"] > 200)
    evals.server.set(hold=None)
    assert evals.run(**options)["scores"][0]["n_measured"] == 2 * SAMPLES


@pytest.mark.parametrize("seats", [[], ["--max-num-seqs", "512"]], ids=["not told", "512"])
def test_no_more_are_sent_than_the_graphs_of_the_server_hold(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, seats: list[str]
) -> None:
    arguments = [*parameters["arguments"], "--max-cudagraph-capture-size", "512", *seats]
    started = vllm_container({**parameters, "arguments": arguments, "environment": simulated(latency_seconds=8)})
    assert not started.get("failed"), started["msg"]
    own = {"model": parameters["model"], "container": parameters["name"], "docker_host": DOCKER_HOST}
    evals = Evals(
        tmp_path, LoopbackServer(tmp_path, port=parameters["port"]), {**own, "n_repeats": 64, "concurrency": None}
    )
    try:
        evals.run("eval_run", state="started")
        # It is 144 at first where the seats are not told, and a quarter more each time: 356 would become 446.
        assert wait_for(lambda: _above(evals, 356), 60) == 384
    finally:
        evals.end()


def _above(evals: Evals, number: int) -> int | None:
    found = evals.status().get("concurrency") or 0
    return found if found > number else None
