"""package_repository with real apt in a container, against repositories that are right, and wrong in every way."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
# The one with gpgv, and the one with sqv: making its repositories and host takes two minutes.
RELEASES = ["debian12", pytest.param("debian13", marks=pytest.mark.slow)]
HANGS = "import socket,time; s=socket.create_server(('127.0.0.1', 8081)); c=[s.accept() for _ in iter(int, 1)]"


@dataclass
class World:
    """A host, the folder that it sees at /srv/test, and two keys of which one is right."""

    host: Instance
    root: Path
    key: repositories.Key

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

    def done(self, **options: Any) -> dict[str, Any]:
        result = self.module(**options)
        assert not result.get("failed"), result["msg"]
        return result

    def versions(self) -> dict[str, Any]:
        """What apt knows of the package of the tests' repositories."""
        found = self.host.module("package_versions", {"names": [repositories.PACKAGE[:-1] + "*"]})
        assert not found.get("failed"), found["msg"]
        return dict(found["versions"].get(repositories.PACKAGE, {"available": []}))

    def watched(self) -> dict[str, str]:
        return self.host.files(*WATCHED)

    def write(self, path: str, text: str) -> None:
        self.host.run("sh", "-c", 'printf %s "$2" > "$1"', "sh", path, text)


def bare(release: str) -> str:
    """The image of a host without an engine, made when it is missing."""
    command = [str(ROOT / "tests/tools/host_image.sh"), "bare", release]
    made = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return f"gpt-oss-fleet/bare:{release}"


@contextmanager
def world_of(name: str, release: str, root: Path, key: repositories.Key) -> Iterator[World]:
    with instance(name, bare(release), f"--volume={root}:/srv/test:ro") as host:
        # The images know a repository that only Molecule's instances have.
        host.run("sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
        yield World(host, root, key)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repositories")
    # The user _apt of the instance reads it.
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def key(root: Path) -> Iterator[repositories.Key]:
    """The right key; beside it all repositories, the right one and the broken ones."""
    home = root / "gnupg"
    key, other = repositories.make_key(home), repositories.make_key(home, "Other <other@example.com>")
    (root / "key.asc").write_text(key.public)
    (root / "both.asc").write_text(key.public + "\n" + other.public)
    (root / "page.asc").write_text("<html>Please log in</html>")
    good = repositories.publish(root / "good", ["1.0", "1.2"], key)
    suites = good / "dists"
    index = "main/binary-amd64/Packages"

    def broken(name: str, signer: repositories.Key | None) -> Path:
        copy = shutil.copytree(suites / "stable", suites / name)
        repositories.sign(copy, signer)
        return copy

    broken("foreign", other)
    broken("unsigned", None)
    tampered = broken("tampered", key) / index
    tampered.write_text(tampered.read_text().replace("stub", "STUB"))
    (broken("truncated", key) / index).write_text("")
    half = broken("half", key)
    (half / index).unlink()
    release = broken("edited", key) / "InRelease"
    release.write_text(release.read_text().replace("Origin: Test", "Origin: Toast"))
    stale = broken("stale", None)
    (stale / "Release").write_text("Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC\n" + (stale / "Release").read_text())
    repositories.clearsign(stale, key)
    elsewhere = broken("elsewhere", None)
    (elsewhere / "main/binary-amd64").rename(elsewhere / "main/binary-s390x")
    repositories.sign(elsewhere, key, "s390x")
    yield key
    repositories.end_agent(home)


@pytest.fixture
def world(request: pytest.FixtureRequest, root: Path, key: repositories.Key, prefix: str) -> Iterator[World]:
    """A host of the test's own: Debian 12, with apt 2.6 and gpgv, unless it asks for another."""
    with world_of(f"{prefix}-apt", getattr(request, "param", "debian12"), root, key) as world:
        yield world


# Debian 13 has apt 3.0, and verifies with Sequoia's sqv.
@pytest.mark.parametrize("world", RELEASES, indirect=True)
def test_known_once_and_then_left_alone(world: World) -> None:
    before = world.watched()
    foreseen = world.module(check_mode=True)
    assert (foreseen["changed"], world.watched()) == (True, before)

    first = world.done()
    assert (first["changed"], first["path"], first["refreshed"]) == (True, PATH, True)
    assert first["fingerprints"] == foreseen["fingerprints"] == [world.key.fingerprint]
    assert first["diff"] == foreseen["diff"]
    assert [entry["after_header"] for entry in first["diff"]] == [KEY_PATH, PATH]
    assert "URIs: file:///srv/test/good\nSuites: stable\n" in first["diff"][1]["after"]
    assert world.versions() == {"installed": None, "candidate": "1.2", "available": ["1.2", "1.0"]}
    world.host.run("apt-get", "install", "-y", repositories.PACKAGE)
    assert world.versions()["installed"] == "1.2"

    after = world.watched()
    second = world.done()
    assert (second["changed"], second["refreshed"], second["diff"]) == (False, False, [])
    assert world.watched() == after
    # apt itself is content with what was written, to the last warning.
    said = world.host.run("apt-get", "update")
    assert "W:" not in said and "E:" not in said
    assert not world.done()["changed"]

    assert world.done(state="absent")["changed"]
    assert not {PATH, KEY_PATH} & set(world.watched())
    assert not world.done(state="absent")["changed"]


def test_nothing_is_run_nor_asked_when_nothing_differs(world: World) -> None:
    address = world.host.serve("/srv/test", 8080)
    options = {"uri": f"{address}/good", "key": f"{address}/key.asc"}
    world.done(**options)
    world.host.run("sh", "-c", "kill $(pgrep -f [h]ttp.server)")
    world.host.run("mv", "/usr/bin/apt-get", "/usr/bin/apt-gone")
    assert not world.done(**options)["changed"]
    # The lists are part of it: without them nothing can be installed.
    world.host.run("sh", "-c", "rm /var/lib/apt/lists/127*")
    world.host.run("mv", "/usr/bin/apt-gone", "/usr/bin/apt-get")
    world.host.serve("/srv/test", 8080)
    again = world.done(**options)
    assert (again["changed"], again["refreshed"], again["diff"]) == (True, True, [])


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "wrong fingerprint": (
        {"fingerprints": ["A" * 40]},
        "expected only keys of the fingerprints A+ .*, found [0-9A-F]+",
    ),
    "surplus key": ({"key": "/srv/test/both.asc"}, "expected only keys of .*if the vendor has announced that key"),
    "no key": ({"key": "/srv/test/none.asc"}, "expected the repository's key at /srv/test/none.asc, could not read it"),
    "login page": ({"key": "/srv/test/page.asc"}, "found that it is a web page; correct key"),
    "foreign signature": ({"suite": "foreign"}, "it is not signed by the given key .*compare key"),
    "unsigned": ({"suite": "unsigned"}, "it is not signed .*mirror the signatures too"),
    "tampered": ({"suite": "tampered"}, "do not match its signed list of checksums .*synchronise it again"),
    "truncated": ({"suite": "truncated"}, "do not match its signed list of checksums"),
    "half synchronised": ({"suite": "half"}, "there is no index at this address"),
    "edited Release": ({"suite": "edited"}, "it is not signed by the given key"),
    "stale": ({"suite": "stale"}, "the index is out of date or from the future .*check this host's clock"),
    "other architecture": ({"suite": "elsewhere"}, "found none for this architecture"),
    "no such suite": ({"suite": "bookwurm"}, "there is no index at this address .*correct uri and suite"),
    "no such suite over HTTP": ({"uri": "http://127.0.0.1:8080/good", "suite": "bookwurm"}, "there is no index"),
    "component": ({"components": ["mane"]}, "it has no such component .*correct components"),
    "dead server": ({"uri": "http://127.0.0.1:9/x"}, "the server cannot be reached .*check the network"),
    "unknown server": ({"uri": "http://nowhere.invalid/x"}, "the server cannot be reached"),
    "hanging server": ({"uri": "http://127.0.0.1:8081/x", "timeout": 3}, "found no end after 3 s"),
}


@pytest.fixture(scope="module", params=RELEASES)
def sick(request: pytest.FixtureRequest, root: Path, key: repositories.Key) -> Iterator[World]:
    """One host for all broken cases: none may leave a trace. It knows the good repository already."""
    with world_of(f"itest-{os.getpid()}-{secrets.token_hex(3)}", request.param, root, key) as world:
        world.host.serve("/srv/test", 8080)
        world.host.run("python3", "-c", HANGS, detach=True)
        world.done()
        yield world


@pytest.mark.parametrize("case", BROKEN)
def test_refused_with_cause_and_remedy_and_nothing_touched(sick: World, case: str) -> None:
    options, expected = BROKEN[case]
    before = sick.watched()
    result = sick.module(**{"refresh": True, **options})
    assert result.get("failed"), result
    assert re.search(expected, result["msg"]), result["msg"]
    assert sick.watched() == before
    assert sick.versions()["available"] == ["1.2", "1.0"]


def test_a_broken_mirror_is_not_left_on_a_bare_host(world: World) -> None:
    before = world.watched()
    for options in ({"suite": "tampered"}, {"key": "http://127.0.0.1:9/key.asc"}):
        assert world.module(**options)["failed"]
    assert world.watched() == before
    world.done()
    # The key's server is not needed for good.
    away = world.done(key="http://127.0.0.1:9/key.asc", refresh=True)
    assert "check the network, the proxy and the URL" in str(away["warnings"])


def test_one_repository_in_two_files(world: World) -> None:
    line = "deb [signed-by=/srv/test/key.asc] file:///srv/test/good/ stable main\n"
    world.write("/etc/apt/sources.list.d/old.list", line)
    before = world.watched()
    refused = world.module()
    assert refused["failed"]
    assert "/etc/apt/sources.list.d/old.list: apt would read no source at all; add it to replaces" in refused["msg"]
    assert world.watched() == before

    replaced = world.done(replaces=["/etc/apt/sources.list.d/ol*.list"])
    assert [entry["after_header"] for entry in replaced["diff"]][-1] == "/etc/apt/sources.list.d/old.list"
    assert "W:" not in world.host.run("apt-get", "update")
    assert not world.done(replaces=["/etc/apt/sources.list.d/ol*.list"])["changed"]


def test_a_folder_of_packages_without_an_index(world: World) -> None:
    world.host.run("sh", "-c", "mkdir /srv/debs && cp /srv/test/good/pool/*1.0*.deb /srv/debs && chmod 555 /srv/debs")
    options = {"uri": "/srv/debs", "folder": True, "trusted": True, "suite": "/", "components": []}
    first = world.done(**options)
    assert (first["changed"], first["fingerprints"]) == (True, [])
    assert world.versions()["available"] == ["1.0"]
    world.host.run("apt-get", "install", "-y", repositories.PACKAGE)
    assert not world.done(**options)["changed"]
    assert "W:" not in world.host.run("apt-get", "update")

    world.host.run("sh", "-c", "cp /srv/test/good/pool/*1.2*.deb /srv/debs")
    assert world.module(check_mode=True, **options)["changed"]
    assert world.done(**options)["changed"]
    assert world.versions() == {"installed": "1.0", "candidate": "1.2", "available": ["1.2", "1.0"]}

    world.host.run("sh", "-c", "echo broken > /srv/debs/x.deb")
    assert "expected a Debian package in /srv/debs/x.deb" in world.module(**options)["msg"]
    assert world.versions()["available"] == ["1.2", "1.0"]
    world.done(**{**options, "state": "absent"})
    assert not world.host.files("/var/lib/gpt_oss")


def test_an_unsigned_mirror_that_is_vouched_for(world: World) -> None:
    options = {"suite": "unsigned", "trusted": True, "key": None, "fingerprints": []}
    assert world.done(**options)["changed"]
    assert world.versions()["available"] == ["1.2", "1.0"]
    assert not world.done(**options)["changed"]


def test_a_renewed_key_and_a_moved_repository(world: World) -> None:
    world.done()
    address = world.host.serve("/srv/test", 8080)
    moved = world.done(uri=f"{address}/good")
    assert [entry["after_header"] for entry in moved["diff"]] == [PATH]
    # Somebody put another key in the place of ours: it is brought back.
    world.host.run("cp", "/srv/test/both.asc", KEY_PATH)
    mended = world.done(uri=f"{address}/good")
    assert [entry["after_header"] for entry in mended["diff"]] == [KEY_PATH]
    assert "https://" not in world.host.run("cat", PATH)


def test_another_apt_holds_the_lists(world: World) -> None:
    holds = "import fcntl,time; f=open('/var/lib/apt/lists/lock','w'); fcntl.lockf(f,2); print(1, flush=True)"
    world.host.run("sh", "-c", 'python3 -c "$1; time.sleep(60)" > /run/held', "sh", holds, detach=True)
    world.host.run("sh", "-c", "until [ -s /run/held ]; do sleep 0.05; done")
    before = world.watched()
    refused = world.module(timeout=3)
    assert "/var/lib/apt/lists/lock is held by process" in refused["msg"]
    assert "time.sleep(60)" in refused["msg"]
    assert world.watched() == before
    world.host.run("pkill", "-f", "time.sleep")
    assert world.done()["changed"]


def test_check_mode_before_the_key_is_there(world: World) -> None:
    foreseen = world.module(check_mode=True, key="/srv/later.asc")
    assert foreseen["changed"] and not foreseen.get("failed")
    assert "expected the repository's key at /srv/later.asc" in str(foreseen["warnings"])
    assert world.module(check_mode=True, fingerprints=["A" * 40])["failed"]
