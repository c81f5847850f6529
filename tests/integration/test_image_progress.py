"""The module vllm_image in a playbook: a process on the host brings the image, the controller shows how far it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, ROOT, Seen
from image_harness import Images, Registry, registry, serving
from playbook_host import PLAYBOOK, counts, said

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Bring it
      gpt_oss.fleet.vllm_image: "{{ image }}"
"""


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    """The test's images."""
    made = Images(engine, tmp_path / "state")
    yield made
    made.clear()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that thinks for seconds before it gives a layer."""
    answer = registry.Handler.do_GET

    def later(handler: Any) -> None:
        if "/blobs/" in handler.path:
            time.sleep(8)
        answer(handler)

    monkeypatch.setattr(registry.Handler, "do_GET", later)
    with serving(tmp_path / "registry") as found:
        yield found


def play(tmp_path: Path, images: Images, **parameters: Any) -> subprocess.CompletedProcess[str]:
    (tmp_path / "play.yml").write_text(PLAY)
    image = {
        "image": images.name,
        "version": "ignored",
        "state_path": str(images.state),
        "docker_host": DOCKER_HOST,
        **parameters,
    }
    variables = {"image": image, "ansible_python_interpreter": sys.executable, "gpt_oss_progress": "live"}
    command = [*PLAYBOOK, "-i", "one,", "-c", "local", "-e", json.dumps(variables), str(tmp_path / "play.yml")]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


def test_a_pull_is_shown_and_found_done_afterwards(images: Images, slow: Registry, tmp_path: Path) -> None:
    image_id = images.make()
    slow.put(images.name, images.name)
    images.remove()
    images.name = f"{slow.address}/{images.name}"
    run = play(tmp_path, images)
    assert run.returncode == 0, run.stdout + run.stderr
    assert counts(run)["changed"] == 1 and images.id() == image_id
    lines = re.findall(rf"^\[one\] {re.escape(images.name)}: (.*)$", run.stdout, re.MULTILINE)
    assert lines and all(re.match(r"ask$|download|extract|done", line) for line in lines)
    status = next(images.state.glob("images/*/status.json"))
    told = json.loads(status.read_text())
    assert (told["state"], told["result"]["image_id"], told["result"]["pulled"]) == ("finished", image_id, True)
    again = play(tmp_path, images)
    assert counts(again)["changed"] == 0 and f"[one] {images.name}" not in again.stdout
    assert json.loads(status.read_text())["updated"] == told["updated"], "nothing to bring, nothing to run"


@pytest.mark.fault(
    kind="reset network",
    stage="images",
    fault="nothing listens where the registry should be",
    sees="expected to pull the image … cause: … remedy:",
    kept="the engine's images as they were",
    next_run="pulls again",
)
def test_a_pull_that_fails_is_told_with_cause_and_remedy(images: Images, tmp_path: Path, seen: Seen) -> None:
    images.name = f"127.0.0.1:9/{images.prefix}:1"
    run = play(tmp_path, images)
    assert run.returncode == 2 and counts(run)["changed"] == 0
    assert "cause: " in run.stdout and "remedy: " in run.stdout
    seen(said(run))
    assert f"expected to pull the image {images.name}" in said(run)


@pytest.mark.fault(
    kind="slow network",
    stage="images",
    fault="a registry takes longer to give a layer than timeout allows",
    sees="the pull took longer than 1 s (timeout)",
    kept="the engine's images as they were",
    next_run="pulls again",
)
def test_a_pull_may_not_take_for_ever(images: Images, slow: Registry, tmp_path: Path, seen: Seen) -> None:
    images.make()
    slow.put(images.name, images.name)
    images.remove()
    images.name = f"{slow.address}/{images.name}"
    run = play(tmp_path, images, timeout=1)
    seen(said(run))
    assert run.returncode == 2 and "the pull took longer than 1 s (timeout)" in said(run)
