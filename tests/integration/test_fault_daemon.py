# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine of the test's own is killed in mid-pull, in mid-start and in mid-eval, and started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import Parameters, Result, Run, Seen, simulated
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for
from image_harness import Images, registry, serving
from private_engine import PrivateEngine, private_engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mortal() -> Iterator[PrivateEngine]:
    """The engine that is killed."""
    with private_engine() as engine:
        yield engine


@pytest.fixture
def wanted(mortal: PrivateEngine, parameters: Parameters, engine: docker.APIClient) -> Parameters:
    """A server of that engine, in the host's network: what a daemon's proxy forwards dies with it."""
    client = mortal.client()
    if not client.images(parameters["image"]):
        client.load_image(engine.get_image(parameters["image"]))
    port = {"port": parameters["port"], "container_port": parameters["port"]}
    host = {"network_mode": "host", "arguments": [parameters["model"], "--port", str(parameters["port"])]}
    return {**parameters, **port, **host, "docker_host": mortal.address}


def in_background(work: Callable[[], Result]) -> tuple[threading.Thread, Result]:
    """Begin a run of a module; its result is there when the thread has ended."""
    result: Result = {}
    thread = threading.Thread(target=lambda: result.update(work()))
    thread.start()
    return thread, result


@pytest.mark.fault(
    kind="daemon killed",
    stage="serve",
    fault="dockerd is killed with SIGKILL while a server starts",
    sees="Docker Engine … start the engine",
    kept="the container, as the engine finds it when it comes back",
    next_run="starts the server",
)
def test_in_mid_start(mortal: PrivateEngine, wanted: Parameters, vllm_container: Run, seen: Seen) -> None:
    environment = simulated(faults=[{"kind": "hang", "stage": "load"}])
    thread, result = in_background(lambda: vllm_container({**wanted, "environment": environment}))
    client = mortal.client()
    wait_for(lambda: client.containers(filters={"name": wanted["name"]}))
    time.sleep(1)
    mortal.kill()
    thread.join(60)
    assert not thread.is_alive(), "it waits for an engine that is gone"
    mortal.start()
    seen(result["msg"])
    assert result["failed"]
    again = vllm_container(wanted)
    assert not again.get("failed"), again["msg"]
    assert vllm_container(wanted)["changed"] is False
    assert vllm_container({**wanted, "state": "absent"})["changed"]


@pytest.mark.fault(
    kind="daemon killed",
    stage="images",
    fault="dockerd is killed with SIGKILL while it pulls an image",
    sees="expected to pull the image … start the engine",
    kept="the engine's images; nothing half bears the name",
    next_run="pulls the image",
)
def test_in_mid_pull(
    mortal: PrivateEngine, engine: docker.APIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Seen
) -> None:
    answer, asked = registry.Handler.do_GET, threading.Event()

    def later(handler: Any) -> None:
        if "/blobs/" in handler.path and not asked.is_set():
            asked.set()
            time.sleep(3)
        answer(handler)

    monkeypatch.setattr(registry.Handler, "do_GET", later)
    images = Images(engine, tmp_path / "state")
    with serving(tmp_path / "registry") as found:
        image_id = images.make(size=5_000_000)
        found.put(images.name, images.name)
        images.clear()
        images.name = f"{found.address}/{images.name}"
        thread, result = in_background(lambda: images.image(docker_host=mortal.address))
        assert asked.wait(30)
        mortal.kill()
        thread.join(60)
        assert not thread.is_alive(), "it waits for an engine that is gone"
        mortal.start()
        seen(result["msg"])
        assert mortal.client().images(images.name) == []
        again = images.image(docker_host=mortal.address)
    assert (again.get("changed"), again.get("image_id")) == (True, image_id), again


@pytest.mark.fault(
    kind="daemon killed",
    stage="evaluate",
    fault="dockerd is killed with SIGKILL in mid-eval; when it comes back it kills the container",
    sees="its container ended with exit code 137 … 160 of 160 measured",
    kept="each journalled sample",
    next_run="nothing: the eval went on without the engine, restarted the container where it may, and went on",
)
def test_in_mid_eval(
    mortal: PrivateEngine, wanted: Parameters, vllm_container: Run, tmp_path: Path, seen: Seen
) -> None:
    started = vllm_container({**wanted, "environment": simulated(latency_seconds=0.5)})
    assert not started.get("failed"), started["msg"]
    options = {"model": wanted["model"], "container": wanted["name"], "docker_host": mortal.address}
    options |= {"concurrency": 4, "restart_server": True}
    evals = Evals(tmp_path, LoopbackServer(tmp_path, port=wanted["port"]), options)
    try:
        assert evals.run("eval_run", state="started")["status"]["state"] == "running"
        wait_for(lambda: evals.done() > 8)
        pid = evals.status()["pid"]
        mortal.kill()
        done = evals.done()
        wait_for(lambda: evals.done() > done + 4)
        mortal.start()
        (cause,) = wait_for(evals.restarts)
        (row,) = evals.run()["scores"]
    finally:
        evals.end()
    assert evals.status()["pid"] == pid
    assert (row["verdict"], row["n_measured"], evals.one_row_each()) == (None, SAMPLES, True)
    seen(f"{cause}; {row['n_measured']} of {SAMPLES} measured")
    assert vllm_container({**wanted, "state": "absent"})["changed"]
