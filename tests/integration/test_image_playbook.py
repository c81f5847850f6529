"""The playbook images: from a registry, an archive of the controller's, and from host to host."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, ROOT
from image_harness import Images, another_engine, serving
from playbook_host import PLAYBOOK, counts, said, this_machine

pytestmark = pytest.mark.slow
HOSTS = ("one", "two", "three")


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    """The test's images."""
    made = Images(engine, tmp_path / "state")
    yield made
    made.clear()


@pytest.fixture(scope="module")
def engines() -> Iterator[list[str]]:
    """Three engines: a host each."""
    with another_engine() as second, another_engine() as third:
        yield [DOCKER_HOST, second, third]


@dataclass
class Fleet:
    """Hosts that are this machine, each with an engine and a state of its own."""

    folder: Path
    environment: Path
    engines: list[str]
    image: str

    def play(self, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run the playbook images."""
        server = {"name": "server", "model": "openai/gpt-oss-20b", "image": self.image, "gpus": "none"}
        common = {"vllm_servers": [{**server, "vllm_version": "0.32.0"}], "vllm_image_share_address": "127.0.0.1"}
        hosts = {
            host: {**this_machine(self.folder / host, self.environment), **common, "gpt_oss_docker_host": engine}
            for host, engine in zip(HOSTS, self.engines)
        }
        inventory = self.folder / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
        extra = ["-e", json.dumps(variables)]
        return subprocess.run(
            [*PLAYBOOK, "gpt_oss.fleet.images", "-i", str(inventory), *extra, *options],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=300,
            check=False,
        )

    def ids(self) -> list[str]:
        """Return the image's id on each host; empty where it is not."""
        found = []
        for address in self.engines:
            engine = docker.APIClient(base_url=address, version="auto")
            try:
                found.append(str(engine.inspect_image(self.image)["Id"]))
            except docker.errors.NotFound:
                found.append("")
            finally:
                engine.close()
        return found

    def changed(self, run: subprocess.CompletedProcess[str]) -> list[int]:
        """Return how much was changed on each host, none of which failed."""
        recaps = [counts(run, host) for host in HOSTS]
        assert [recap["failed"] + recap["unreachable"] for recap in recaps] == [0, 0, 0], run.stdout + run.stderr
        return [recap["changed"] for recap in recaps]


@pytest.fixture
def fleet(images: Images, tmp_path: Path, environment: Path, engines: list[str]) -> Fleet:
    """Three hosts; the environment is theirs in common, and one makes it."""
    found = Fleet(tmp_path, environment, engines, images.name)
    if not environment.exists():
        found.play("--limit", "one")
    return found


def test_from_host_to_host(fleet: Fleet, images: Images) -> None:
    made = images.make(size=100_000, changes=["LABEL gpt_oss.fleet.vllm_version=0.33.0"])
    peers = {"vllm_image_source": "peers", "vllm_image_sources": 2}
    told = fleet.play("--check", **peers)
    assert fleet.changed(told) == [0, 1, 1] and fleet.ids() == [made, "", ""], told.stdout
    run = fleet.play(**peers)
    assert fleet.changed(run) == [0, 1, 1] and fleet.ids() == [made] * 3, run.stdout
    assert "from its peer" not in said(run)
    assert not list(fleet.folder.glob("*/servers/shares/*")), "nothing is shared any more"
    again = fleet.play(**peers)
    assert fleet.changed(again) == [0, 0, 0]
    assert "Share" not in re.sub(r"TASK .*", "", again.stdout)
    kept = json.loads((fleet.folder / "three" / "servers" / "images.json").read_text())
    assert kept[made]["vllm_version"] == "0.33.0"

    # One host at a time, one that is not at its turn any more shares.
    engine = docker.APIClient(base_url=fleet.engines[2], version="auto")
    engine.remove_image(fleet.image)
    serial = fleet.play(**peers, images_serial=1)
    assert fleet.changed(serial) == [0, 0, 1] and fleet.ids() == [made] * 3, serial.stdout
    assert "from its peer" not in said(serial)

    # With --limit, nobody is left to ask; pull: missing asks the registry, of which there is none.
    engine.remove_image(fleet.image)
    engine.close()
    alone = fleet.play("--limit", "three", **peers)
    assert counts(alone, "three")["failed"] == 1 and "expected to pull the image" in said(alone)


def test_pulled_once_for_all(fleet: Fleet, images: Images, tmp_path: Path) -> None:
    with serving(tmp_path / "registry") as registry:
        path, made = images.name, images.make()
        digest = registry.put(path, path)
        images.remove()
        fleet.image = images.name = f"{registry.address}/{path}"
        peers = {"vllm_image_source": "peers", "vllm_image_digests": {fleet.image: digest}}
        run = fleet.play(**peers)
        assert fleet.changed(run) == [1, 1, 1] and fleet.ids() == [made] * 3, run.stdout + run.stderr
        assert registry.pulls() == 1, registry.asked
        assert fleet.changed(fleet.play(**peers)) == [0, 0, 0], "the digest is known of those that fetched, too"

        # Where nobody can share, each pulls by itself, and says so.
        for address in fleet.engines[1:]:
            engine = docker.APIClient(base_url=address, version="auto")
            engine.remove_image(fleet.image)
            engine.close()
        run = fleet.play(**peers, vllm_image_share_bind_address="192.0.2.1")
        assert fleet.changed(run) == [0, 1, 1] and fleet.ids() == [made] * 3, run.stdout + run.stderr
        assert f"one does not share {fleet.image}" in said(run)


def test_an_archive_of_the_controllers(fleet: Fleet, images: Images, tmp_path: Path) -> None:
    made = images.make()
    archive = images.save(tmp_path / "image.tar")
    images.remove()
    source = {"vllm_image_source": "archive", "vllm_image_archive": str(archive), "vllm_image_archive_remote": False}
    told = fleet.play("--check", **source)
    assert all(changed > 0 for changed in fleet.changed(told)) and fleet.ids() == ["", "", ""], told.stdout
    run = fleet.play(**source)
    assert all(changed > 0 for changed in fleet.changed(run)) and fleet.ids() == [made] * 3, run.stdout
    assert not list(tmp_path.glob("*/servers/archive-*"))
    assert fleet.changed(fleet.play(**source)) == [0, 0, 0]


def test_a_bare_host_in_check_mode(fleet: Fleet, tmp_path: Path) -> None:
    run = fleet.play("--check", gpt_oss_environment_path=str(tmp_path / "no-venv"), vllm_image_source="peers")
    assert fleet.changed(run) == [1, 1, 1] and "would_create" in run.stdout, run.stdout
