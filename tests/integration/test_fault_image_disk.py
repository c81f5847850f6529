# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks of an engine and of a host's state that are full or may not be written: images whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, Parameters, Run, Seen
from disks import Disk, disk
from image_harness import Images, serving
from playbook_host import PLAYBOOK, counts, said
from private_engine import PrivateEngine, private_engine

pytestmark = pytest.mark.slow
SIZE = 40_000_000
MEGA = 1024  # KiB


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    made = Images(engine, tmp_path / "state")
    yield made
    made.clear()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """The disk of an engine's images."""
    with disk(tmp_path_factory.mktemp("store") / "disk", 30 * MEGA) as made:
        yield made


@pytest.fixture(scope="module")
def cramped(store: Disk) -> Iterator[PrivateEngine]:
    with private_engine(store.path / "docker") as engine:
        yield engine


def names(engine: PrivateEngine) -> list[str]:
    return [name for image in engine.client().images() for name in image["RepoTags"] or []]


@pytest.mark.fault(
    kind="disk full",
    stage="images",
    fault="the engine's disk is full while an image is pulled",
    sees="expected to pull the image … no space left on device",
    kept="the engine's images; nothing half bears the name",
    next_run="pulls the image, once there is room",
)
def test_a_pull_without_room(images: Images, cramped: PrivateEngine, store: Disk, tmp_path: Path, seen: Seen) -> None:
    with serving(tmp_path / "registry") as registry:
        image_id = images.make(size=SIZE)
        registry.put(images.name, images.name)
        images.name = f"{registry.address}/{images.name}"
        failed = images.image(docker_host=cramped.address)
        seen(failed["msg"])
        assert failed["failed"] and names(cramped) == []
        store.resize(200 * MEGA)
        again = images.image(docker_host=cramped.address)
        store.resize(120 * MEGA)
    assert (again.get("changed"), again.get("image_id")) == (True, image_id), again
    cramped.client().remove_image(images.name, force=True)


@pytest.mark.fault(
    kind="disk full",
    stage="images",
    fault="the engine's disk has no room for an image that lies in an archive",
    sees="free in … for an archive of … which the engine unpacks beside the layers, found … make room",
    kept="the engine's images: it is told before the first byte",
    next_run="loads the image, once there is room",
)
def test_a_load_without_room(images: Images, cramped: PrivateEngine, store: Disk, tmp_path: Path, seen: Seen) -> None:
    image_id = images.make(size=SIZE)
    archive = images.save(tmp_path / "image.tar")
    store.resize(30 * MEGA)
    wanted = {"source": "archive", "archive": str(archive), "docker_host": cramped.address}
    failed = images.image(**wanted)
    seen(failed["msg"])
    assert failed["failed"] and names(cramped) == []
    store.resize(200 * MEGA)
    again = images.image(**wanted)
    assert (again.get("changed"), again.get("image_id")) == (True, image_id), again


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Bring it
      gpt_oss.fleet.vllm_image: "{{ image }}"
"""


@pytest.mark.fault(
    kind="read-only file system",
    stage="images",
    fault="where a host keeps what it knows of its images may only be read",
    sees="failed=0 … it is brought without progress: … Read-only file system … so it is read each time",
    kept="all: the image is brought",
    next_run="changes nothing, and keeps what it knows once the disk can be written",
)
def test_a_state_that_may_only_be_read(images: Images, tmp_path: Path, seen: Seen) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    with disk(tmp_path / "small", MEGA) as small, serving(tmp_path / "registry") as registry:
        image_id = images.make()
        registry.put(images.name, images.name)
        images.remove()
        images.name = f"{registry.address}/{images.name}"
        state = small.path / "state"
        wanted = {"image": images.name, "version": "ignored", "state_path": str(state), "docker_host": DOCKER_HOST}
        small.read_only()
        first = play(tmp_path, wanted)
        assert (counts(first)["changed"], images.id()) == (1, image_id), said(first)
        seen(said(first))
        small.writable()
        again = play(tmp_path, wanted)
        assert (counts(again)["changed"], counts(again)["failed"]) == (0, 0), said(again)
        assert "Read-only" not in said(again)


def play(folder: Path, image: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    variables = {"image": image, "ansible_python_interpreter": sys.executable}
    command = [*PLAYBOOK, "-i", "one,", "-c", "local", "-e", json.dumps(variables), str(folder / "play.yml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.fault(
    kind="read-only file system",
    stage="serve",
    fault="where a host keeps its servers' state may only be read, when a description proved good",
    sees="expected to keep the server's state in … Read-only file system … set state_path",
    kept="all: the server serves, and is looked at as before",
    next_run="keeps the description that proved good, once the disk can be written",
)
def test_a_server_whose_state_may_only_be_read(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, seen: Seen
) -> None:
    with disk(tmp_path / "small", MEGA) as small:
        small.read_only()
        wanted = {**parameters, "state_path": str(small.path / "servers")}
        started = vllm_container(wanted)
        assert not started.get("failed"), started["msg"]
        assert vllm_container(wanted)["changed"] is False
        refused = vllm_container({**wanted, "state": "accepted"})
        assert refused.get("failed")
        seen(refused["msg"])
        small.writable()
        assert vllm_container({**wanted, "state": "accepted"})["changed"]
