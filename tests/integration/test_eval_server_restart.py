"""What an eval does when its server's container dies or hangs, and it may restart it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from conftest import DOCKER_HOST, Parameters, Result, Run, Seen, simulated
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def evals(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> Iterator[Evals]:
    """Evals of a container that nobody else restarts, with a long run before them."""
    changed = {"environment": simulated(latency_seconds=0.4), "restart_policy": "no"}
    started: Result = vllm_container({**parameters, **changed})
    assert not started.get("failed"), started["msg"]
    evals = Evals(
        tmp_path,
        LoopbackServer(tmp_path, port=parameters["port"]),
        {"model": parameters["model"], "container": parameters["name"], "docker_host": DOCKER_HOST, "concurrency": 4},
    )
    yield evals
    evals.end()


@pytest.fixture
def kill(engine: docker.APIClient, parameters: Parameters) -> Callable[[], None]:
    return lambda: engine.kill(parameters["name"])


def paused(evals: Evals) -> dict[str, str] | None:
    status = evals.status()
    return status if status["phase"] != "asking" else None


@pytest.mark.fault(
    kind="container killed",
    stage="evaluate",
    fault="the server's container is killed in mid-eval, and the eval may restart it",
    sees="its container ended with exit code 137 … 160 of 160 measured",
    kept="each journalled sample",
    next_run="nothing: the eval restarted the same container and went on",
)
def test_a_container_that_died_is_restarted_and_the_eval_goes_on(
    evals: Evals, kill: Callable[[], None], engine: docker.APIClient, parameters: Parameters, seen: Seen
) -> None:
    assert evals.run("eval_run", state="started", restart_server=True)["status"]["state"] == "running"
    wait_for(lambda: evals.done() > 8)
    before = engine.inspect_container(parameters["name"])
    pid = evals.status()["pid"]
    kill()
    (cause,) = wait_for(evals.restarts, 15)
    assert "its container ended with exit code 137" in cause
    (row,) = evals.run(restart_server=True)["scores"]
    after = engine.inspect_container(parameters["name"])
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"]
    assert evals.status()["pid"] == pid
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    seen(f"{cause}; {row['n_measured']} of {SAMPLES} measured")
    assert evals.one_row_each()


@pytest.mark.fault(
    kind="container killed",
    stage="evaluate",
    fault="the server's container is killed in mid-eval, and the eval may not restart it",
    sees="was down for 2 s: its container ended with exit code 137 … run again to go on",
    kept="each journalled sample; the container as it died",
    next_run="goes on once somebody has started the server",
)
def test_without_leave_it_is_not_restarted_and_the_job_ends_with_the_cause(
    evals: Evals, kill: Callable[[], None], engine: docker.APIClient, parameters: Parameters, seen: Seen
) -> None:
    evals.run("eval_run", state="started", server_patience=2)
    wait_for(lambda: evals.done() > 8)
    kill()
    wait_for(lambda: evals.status()["state"] == "failed")
    error = evals.status()["error"]
    assert "was down for 2 s: its container ended with exit code 137" in error
    assert "ask who stopped it" in error and "run again to go on" in error
    seen(error)
    assert engine.inspect_container(parameters["name"])["State"]["Running"] is False
    assert {row["outcome"] for row in evals.rows()} <= {"correct", "wrong", "unparsed"}


@pytest.mark.slow
@pytest.mark.fault(
    kind="container paused",
    stage="evaluate",
    fault="all processes of the server's container are stopped in mid-eval, and the eval may restart it",
    sees="does not answer /health … 160 of 160 measured",
    kept="each journalled sample",
    next_run="nothing: the eval restarted the container and went on",
)
def test_a_container_that_hangs_is_restarted_too(
    evals: Evals, engine: docker.APIClient, parameters: Parameters, seen: Seen
) -> None:
    """All its processes are stopped, so that it takes connections, answers nothing and does not heed SIGTERM."""
    options = {"restart_server": True, "stall_seconds": 3}
    evals.run("eval_run", state="started", **options)
    wait_for(lambda: evals.done() > 8)
    engine.kill(parameters["name"], signal="SIGSTOP")
    status = wait_for(lambda: paused(evals), 30)
    assert "does not answer /health" in status["cause"]
    assert status["remedy"]
    wait_for(lambda: evals.status()["phase"] == "restarting")
    (row,) = evals.run(**options)["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    seen(f"{status['cause']}; {row['n_measured']} of {SAMPLES} measured")
    assert evals.one_row_each()
