"""package_repository with real apt in a container, against repositories that are right, and wrong in every way."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import signed_repository as repositories
from conftest import ROOT
from instance import Instance, instance

PATH = "/etc/apt/sources.list.d/test.sources"
KEY_PATH = "/etc/apt/keyrings/test.asc"
WATCHED = ("/etc/apt", "/var/lib/apt", "/var/lib/gpt_oss")


@dataclass
class World:
    """A host, the folder that it sees at /srv/test, and two keys of which one is right."""

    host: Instance
    root: Path
    key: repositories.Key
    other: repositories.Key

    def module(self, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        wanted = {
            "name": "test",
            "uri": "file:///srv/test/good",
            "suite": "stable",
            "components": ["main"],
            "key": "/srv/test/key.asc",
            "fingerprints": [self.key.fingerprint],
            "timeout": 20,
        }
        return self.host.module("package_repository", {**wanted, **options}, check_mode)

    def versions(self) -> dict[str, Any]:
        """What apt knows of the package of the tests' repositories."""
        found = self.host.module("package_versions", {"names": [repositories.PACKAGE[:-1] + "*"]})
        assert not found.get("failed"), found["msg"]
        return dict(found["versions"].get(repositories.PACKAGE, {"available": []}))


@pytest.fixture(scope="module", params=["debian12", "debian13"])
def image(request: pytest.FixtureRequest) -> str:
    command = [str(ROOT / "tests/tools/host_image.sh"), "bare", request.param]
    made = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return f"gpt-oss-fleet/bare:{request.param}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repositories")
    # The user _apt of the instance reads it.
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def keys(root: Path) -> Iterator[tuple[repositories.Key, repositories.Key]]:
    home = root / "gnupg"
    key, other = repositories.make_key(home), repositories.make_key(home, "Other <other@example.com>")
    (root / "key.asc").write_text(key.public)
    (root / "other.asc").write_text(other.public)
    (root / "both.asc").write_text(key.public + "\n" + other.public)
    yield key, other
    repositories.end_agent(home)


@pytest.fixture
def world(image: str, root: Path, keys: tuple[repositories.Key, repositories.Key], prefix: str) -> Iterator[World]:
    if not (root / "good").exists():
        repositories.publish(root / "good", ["1.0", "1.2"], keys[0])
    with instance(f"{prefix}-apt", image, f"--volume={root}:/srv/test:ro") as host:
        yield World(host, root, *keys)


def test_known_once_and_then_left_alone(world: World) -> None:
    before = world.host.files(*WATCHED)
    foreseen = world.module(check_mode=True)
    assert (foreseen["changed"], world.host.files(*WATCHED)) == (True, before)

    first = world.module()
    assert not first.get("failed"), first["msg"]
    assert (first["changed"], first["path"], first["refreshed"]) == (True, PATH, True)
    assert first["fingerprints"] == [world.key.fingerprint]
    assert foreseen["diff"] == first["diff"]
    assert world.versions() == {"installed": None, "candidate": "1.2", "available": ["1.2", "1.0"]}
    world.host.run("apt-get", "install", "-y", repositories.PACKAGE)
    assert world.versions()["installed"] == "1.2"

    second = world.module()
    assert (second["changed"], second["refreshed"], second["diff"]) == (False, False, [])
