# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that is told to end, loses its terminal, or is killed: its hosts go on, and the next run attaches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, ROOT, Parameters, Seen, simulated
from eval_harness import HOLDING, SAMPLES, Evals, served_evals, wait_for
from image_harness import Images, Registry, registry, serving
from playbook_host import PLAYBOOK, counts, said

TASK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Bring it about
      {module}: "{{{{ wanted }}}}"
"""


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path, HOLDING) as found:
        yield found


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(
            signal.SIGTERM,
            id="terminated",
            marks=pytest.mark.fault(
                kind="controller terminated",
                stage="evaluate",
                fault="the controller gets SIGTERM in mid-eval",
                sees="160 of 160 measured",
                kept="the eval, which goes on by itself; each sample is asked once",
                next_run="attaches to it",
            ),
        ),
        pytest.param(
            signal.SIGHUP,
            id="disconnected",
            marks=[
                pytest.mark.slow,
                pytest.mark.fault(
                    kind="controller disconnected",
                    stage="evaluate",
                    fault="the controller's terminal is gone in mid-eval (SIGHUP)",
                    sees="160 of 160 measured",
                    kept="the eval, which goes on by itself; each sample is asked once",
                    next_run="attaches to it",
                ),
            ],
        ),
        pytest.param(
            signal.SIGINT,
            id="interrupted",
            marks=[
                pytest.mark.slow,
                pytest.mark.fault(
                    kind="controller terminated",
                    stage="evaluate",
                    fault="Ctrl-C in mid-eval (SIGINT)",
                    sees="160 of 160 measured",
                    kept="the eval, which goes on by itself; each sample is asked once",
                    next_run="attaches to it",
                ),
            ],
        ),
    ],
)
def test_an_eval_goes_on_without_its_controller(evals: Evals, number: signal.Signals, seen: Seen) -> None:
    controller = evals.spawn()
    wait_for(lambda: evals.done() > 20)
    os.killpg(controller.pid, number)
    output, _none = controller.communicate(timeout=60)
    assert controller.returncode != 0, "a run that was broken off must not pass"
    assert "Traceback" not in output, output
    pid = evals.status()["pid"]
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert evals.status()["pid"] == pid
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}
    seen(f"{row['n_measured']} of {SAMPLES} measured")


def play(folder: Path, module: str, wanted: dict[str, Any]) -> list[str]:
    """Return the command of a playbook with one task on this machine."""
    (folder / "play.yml").write_text(TASK.format(module=module))
    variables = {"wanted": wanted, "ansible_python_interpreter": sys.executable, "gpt_oss_progress": "live"}
    return [*PLAYBOOK, "-i", "one,", "-c", "local", "-e", json.dumps(variables), str(folder / "play.yml")]


def broken_off(command: list[str], under_way: Callable[[], Any], number: signal.Signals) -> str:
    """Run a controller until it is under way, and signal all its processes; returns what it said."""
    controller = subprocess.Popen(
        command, cwd=ROOT, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_for(under_way, 60)
    os.killpg(controller.pid, number)
    output, _none = controller.communicate(timeout=60)
    assert controller.returncode != 0, output
    return output


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.slow
@pytest.mark.fault(
    kind="controller terminated",
    stage="serve",
    fault="the controller gets SIGTERM while a server starts",
    sees="ok=1 … failed=0",
    kept="the start, and the watch on the host, which sets the restart policy",
    next_run="attaches to the start, or finds it done",
)
def test_a_start_goes_on_without_its_controller(
    parameters: Parameters, tmp_path: Path, engine: docker.APIClient, seen: Seen
) -> None:
    command = play(tmp_path, "gpt_oss.fleet.vllm_container", {**parameters, "environment": simulated(start_seconds=12)})
    status = Path(parameters["state_path"]) / parameters["name"] / "status.json"
    output = broken_off(command, status.exists, signal.SIGTERM)
    assert "Traceback" not in output, output
    before = engine.inspect_container(parameters["name"])["State"]["StartedAt"]
    again = run(command)
    assert again.returncode == 0, said(again)
    seen(said(again))
    after = engine.inspect_container(parameters["name"])
    assert after["State"]["StartedAt"] == before
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.fixture
def slow_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that takes seconds to give a layer."""
    answer = registry.Handler.do_GET

    def later(handler: Any) -> None:
        if "/blobs/" in handler.path:
            time.sleep(10)
        answer(handler)

    monkeypatch.setattr(registry.Handler, "do_GET", later)
    with serving(tmp_path / "registry") as found:
        yield found


@pytest.mark.slow
@pytest.mark.fault(
    kind="controller killed",
    stage="images",
    fault="the controller is killed with SIGKILL while an image is pulled",
    sees="ok=1 … failed=0",
    kept="the pull, which goes on without the controller",
    next_run="attaches to the pull, or finds the image there",
)
def test_a_pull_goes_on_without_its_controller(
    engine: docker.APIClient, slow_registry: Registry, tmp_path: Path, seen: Seen
) -> None:
    images = Images(engine, tmp_path / "state")
    try:
        image_id = images.make()
        slow_registry.put(images.name, images.name)
        images.remove()
        images.name = f"{slow_registry.address}/{images.name}"
        wanted = {"image": images.name, "version": "ignored", "state_path": str(images.state)}
        command = play(tmp_path, "gpt_oss.fleet.vllm_image", {**wanted, "docker_host": DOCKER_HOST})
        broken_off(command, lambda: list(images.state.glob("images/*/status.json")), signal.SIGKILL)
        again = run(command)
        assert again.returncode == 0, said(again)
        seen(said(again))
        assert images.id() == image_id
        assert counts(run(command))["changed"] == 0
    finally:
        images.clear()
