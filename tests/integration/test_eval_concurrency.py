"""How many requests an eval keeps under way when it is not told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
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
