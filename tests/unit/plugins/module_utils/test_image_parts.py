"""The small parts below vllm_image: pace, space, digests, versions, records, and the token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _image_records as records
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_digests import digests_of, is_expected, mismatch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_pace import Pace, next_turn
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_share import Wish, folder_of, serves
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_space import (
    images_root,
    no_room,
    shown,
    space_problem,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_version import (
    body,
    is_stale,
    labelled_version,
    printed_version,
)


@pytest.mark.parametrize(
    ("now", "free_at", "wanted"),
    [
        (100.0, 0.0, (0.0, 102.0)),  # nobody sends: at once
        (100.0, 101.0, (1.0, 103.0)),  # another thread's bytes go first
        (100.0, 100.0, (0.0, 102.0)),
    ],
)
def test_a_turn(now: float, free_at: float, wanted: tuple[float, float]) -> None:
    assert next_turn(now, free_at, size=20, bytes_per_second=10) == wanted


def test_the_pace_of_many_turns_is_the_rate() -> None:
    clock, slept = [50.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    pace = Pace(1000, lambda: clock[0], sleep)
    for _unused in range(11):
        pace.wait(500)
    assert clock[0] == pytest.approx(55.0) and len(slept) == 10
    clock[0] += 1000
    pace.wait(500)
    pace.wait(500)
    assert slept[10:] == [0.5], "time that went by unused is not made up for"
    Pace(0, sleep=sleep).wait(10**12)
    assert len(slept) == 11


@pytest.mark.parametrize(("size", "free", "fits"), [(10, 20, True), (10, 19, False), (0, 0, True)])
def test_room(size: int, free: int, fits: bool) -> None:
    assert (space_problem(size, "/var/lib/docker", free) == "") is fits


def test_a_problem_names_folder_and_sizes() -> None:
    told = space_problem(20 << 30, "/var/lib/docker", 5 << 30)
    assert "40.0 GiB free in /var/lib/docker" in told and "found 5.0 GiB" in told and "docker image prune" in told


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 40, "3.0 TiB")])
def test_sizes_for_a_reader(size: int, text: str) -> None:
    assert shown(size) == text


CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/data/docker"}


@pytest.mark.parametrize(
    ("info", "root"),
    [({"DockerRootDir": "/data/docker"}, "/data/docker"), (CONTAINERD, "/var/lib/containerd"), ({}, "")],
)
def test_where_images_lie(info: dict[str, Any], root: str, tmp_path: Path) -> None:
    assert images_root(info, Reader(lambda _argv: (127, "", ""), str(tmp_path))) == root


def test_room_is_looked_for_on_this_host_only(tmp_path: Path) -> None:
    reader = Reader(lambda _argv: (127, "", ""))
    info = {"DockerRootDir": str(tmp_path)}
    assert no_room(1 << 60, info, "unix:///x", reader)
    assert no_room(1 << 60, info, "tcp://elsewhere:2375", reader) == ""
    assert no_room(1 << 60, {"DockerRootDir": str(tmp_path / "away")}, "unix:///x", reader) == ""
    assert no_room(1, info, "unix:///x", reader) == no_room(0, info, "unix:///x", reader) == ""


IMAGE = {"Id": "sha256:1", "RepoDigests": ["a/b@sha256:2", "m:5000/a/b@sha256:3"]}


def test_an_image_has_many_digests() -> None:
    known = digests_of(IMAGE, {"digests": ["sha256:4", "sha256:2"]})
    assert known == ["sha256:1", "sha256:2", "sha256:3", "sha256:4"]
    assert is_expected("", known) and is_expected("sha256:4", known) and not is_expected("sha256:5", known)
    assert "to be sha256:5, found sha256:1, sha256:2" in mismatch("x", "sha256:5", known)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.33.0\n", "0.33.0"),
        ("INFO 11-26 [x.py:1] noise\nvllm 0.10.1+gptoss\n", "0.10.1+gptoss"),
        ("v0.32.0", "0.32.0"),
        ("0.33.0rc1.dev5+gabc", "0.33.0rc1.dev5+gabc"),
        ("error: no such option", ""),
        ("listening on 127.0.0.1 now", ""),
        ("", ""),
    ],
)
def test_a_printed_version(text: str, version: str) -> None:
    assert printed_version(text) == version


TITLE, VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"


@pytest.mark.parametrize(
    ("labels", "version"),
    [
        ({}, ""),
        ({VERSION: "22.04"}, ""),  # that of Ubuntu, under CUDA's image, under vLLM's
        ({VERSION: "0.33.0", TITLE: "vLLM OpenAI server"}, "0.33.0"),
        ({VERSION: "0.33.0", "gpt_oss.fleet.vllm_version": "0.32.1"}, "0.32.1"),
    ],
)
def test_labels(labels: dict[str, str], version: str) -> None:
    assert labelled_version(labels) == version


def test_the_container_that_is_asked_can_do_nothing() -> None:
    host = body("sha256:1", ["python3", "-c", "x"])["HostConfig"]
    assert (host["AutoRemove"], host["NetworkMode"], host["ReadonlyRootfs"]) == (True, "none", True)
    assert "DeviceRequests" not in host and "Binds" not in host and host["CapDrop"] == ["ALL"]


@pytest.mark.parametrize(
    ("state", "age", "stale"), [("created", 1000, True), ("created", 5, False), ("running", 1000, False)]
)
def test_what_a_broken_run_left(state: str, age: float, stale: bool) -> None:
    assert is_stale({"State": state, "Created": 5000 - age}, 5000.0) is stale


def test_records(tmp_path: Path) -> None:
    state = str(tmp_path / "servers")
    assert records.read_record(state, "sha256:1") == {}
    records.write_record(state, "sha256:1", {"vllm_version": "0.33.0"})
    records.write_record(state, "sha256:1", records.with_digests(records.read_record(state, "sha256:1"), ["b", "a"]))
    assert records.read_record(state, "sha256:1") == {"vllm_version": "0.33.0", "digests": ["a", "b"]}
    for number in range(60):
        records.write_record(state, f"sha256:n{number}", {"vllm_version": ""})
    assert records.read_record(state, "sha256:1") == {} and records.read_record(state, "sha256:n59")
    (tmp_path / "servers" / records.FILE).write_text("torn {")
    assert records.read_record(state, "sha256:n59") == {}


WISH = Wish("a/b:1", "sha256:1", ("sha256:2",), 10, "10.0.0.1", 0, 0, 4, 600.0, "unix:///x")
RUNS = {**WISH.__dict__, "digests": ["sha256:2"], "port": 40000, "pid": 1}


@pytest.mark.parametrize(
    ("status", "same"),
    [
        (None, False),
        (RUNS, True),
        ({**RUNS, "image_id": "sha256:9"}, False),
        ({**RUNS, "bind_address": "127.0.0.1"}, False),
        ({**RUNS, "rate": 5}, False),
    ],
)
def test_a_share_that_is_as_wished(status: dict[str, Any] | None, same: bool) -> None:
    assert serves(status, WISH) is same


def test_a_share_has_a_folder_of_its_own() -> None:
    assert folder_of("/s", "r:5000/a/b:1").name == "r_5000_a_b_1"
