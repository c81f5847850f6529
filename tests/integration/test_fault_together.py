# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers run the same playbook on the same host at once; and a server's container is paused in mid-eval."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, Parameters, Run, Seen, simulated
from eval_harness import QUESTIONS, SAMPLES, Evals, LoopbackServer, wait_for
from eval_playbook import Playbook
from playbook_host import Host, counts, one_host, said
from test_container_playbook import play

pytestmark = pytest.mark.slow


def twice(run: Callable[[Path], Any], folder: Path) -> list[Any]:
    """Run something twice at once, in a folder each; returns both results."""
    found: list[Any] = []
    folders = [folder / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    threads = [threading.Thread(target=lambda each=each: found.append(run(each))) for each in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.fault(
    kind="two controllers",
    stage="serve",
    fault="two controllers deploy the same description to one host at once",
    sees="failed: [0, 0], containers: 1, changed by a third run: 0",
    kept="one server, as described",
    next_run="changes nothing",
)
def test_two_deployments(parameters: Parameters, tmp_path: Path, engine: docker.APIClient, seen: Seen) -> None:
    wanted = {**parameters, "environment": simulated(start_seconds=6)}
    runs = twice(lambda folder: play(folder, wanted), tmp_path)
    third = play(tmp_path, wanted)
    found = engine.containers(all=True, filters={"name": f"^/{parameters['name']}"})
    failed = [run["failed"] for run in runs]
    seen(f"failed: {failed}, containers: {len(found)}, changed by a third run: {third['changed']}")
    assert engine.inspect_container(parameters["name"])["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.fixture
def host(tmp_path: Path, parameters: Parameters, environment: Path) -> Host:
    names = {name: parameters[name] for name in ("name", "image", "port")}
    return one_host(tmp_path, environment, {**names, "environment": simulated(start_seconds=6)})


@pytest.mark.fault(
    kind="two controllers",
    stage="serve",
    fault="two controllers run the whole playbook serve on one bare host at once",
    sees="failed: [0, 0], containers: 1, changed by a third run: 0",
    kept="one model, one server, as described",
    next_run="changes nothing",
)
def test_two_whole_runs(host: Host, tmp_path: Path, engine: docker.APIClient, seen: Seen) -> None:
    runs = twice(lambda _folder: host.play("serve"), tmp_path)
    third = host.play("serve")
    found = engine.containers(all=True, filters={"name": f"^/{host.server['name']}"})
    failed = [counts(run)["failed"] for run in runs]
    assert failed == [0, 0], "\n\n".join(said(run) for run in runs)
    assert third.returncode == 0, third.stdout
    seen(f"failed: {failed}, containers: {len(found)}, changed by a third run: {counts(third)['changed']}")


@pytest.fixture
def playbook(tmp_path: Path) -> Iterator[Playbook]:
    server = LoopbackServer(tmp_path, {"latency": 0.3})
    server.start()
    evals = Evals(tmp_path, server)
    yield Playbook(evals, {"evaluate_reference_data": "any", "evaluate_concurrency": 16})
    evals.options["run_path"] = str(tmp_path / "state" / "runs")
    server.stop()


@pytest.mark.fault(
    kind="two controllers",
    stage="evaluate",
    fault="two controllers run the playbook evaluate on one host at once",
    sees="failed: [0, 0], asked: 320 of 320",
    kept="one eval, which both wait for; one report",
    next_run="finds it done, and changes nothing",
)
def test_two_evaluations(playbook: Playbook, tmp_path: Path, seen: Seen) -> None:
    outputs = twice(lambda _folder: playbook.run(), tmp_path)
    failed = [int(re.search(r"node1 .*failed=(\d)", str(output)).group(1)) for output in outputs]  # type: ignore[union-attr]
    assert failed == [0, 0], outputs
    report = playbook.report()
    (row,) = report["scores"]
    assert row["n_measured"] == 8 * QUESTIONS
    replies = playbook.evals.server.replies()
    assert set(replies.values()) == {1}
    seen(f"failed: {failed}, asked: {replies.total()} of {8 * QUESTIONS}")
    again = playbook.run()
    assert re.search(r"node1 +: .*changed=0 .*failed=0", again), again
    assert playbook.report() == report


@pytest.mark.fault(
    kind="container paused",
    stage="evaluate",
    fault="the server's container is paused in mid-eval (docker pause), and goes on later",
    sees="docker unpause … 160 of 160 measured",
    kept="each journalled sample: none is asked again",
    next_run="nothing: the eval waited and went on by itself",
)
def test_a_container_that_is_paused(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, tmp_path: Path, seen: Seen
) -> None:
    started = vllm_container({**parameters, "environment": simulated(latency_seconds=0.4)})
    assert not started.get("failed"), started["msg"]
    options = {"model": parameters["model"], "container": parameters["name"], "docker_host": DOCKER_HOST}
    server = LoopbackServer(tmp_path, port=parameters["port"])
    evals = Evals(tmp_path, server, {**options, "concurrency": 4, "stall_seconds": 3})
    try:
        evals.run("eval_run", state="started")
        wait_for(lambda: evals.done() > 8)
        engine.pause(parameters["name"])
        status = wait_for(lambda: evals.status() if evals.status()["phase"] != "asking" else None, 60)
        engine.unpause(parameters["name"])
        (row,) = evals.run()["scores"]
    finally:
        evals.end()
    assert (row["verdict"], evals.one_row_each()) == (None, True)
    seen(f"{status['cause']}: {status['remedy']}; {row['n_measured']} of {SAMPLES} measured")
