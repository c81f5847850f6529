"""staged_files from the controller to a host, by a local connection: cut off, damaged, known, and in check mode."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _sums
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests
from conftest import ROOT

ANSIBLE = str(Path(sys.executable).parent / "ansible")


class Stage:
    """A folder on the controller with checksums, and the task that brings it to a folder of the host."""

    def __init__(self, root: Path, size: int = 3_000_000) -> None:
        self.src, self.dest, self.home = root / "bundle", root / "host" / "dest", root / "home"
        (self.src / "m" / "sub").mkdir(parents=True)
        (self.src / "m" / "config.json").write_text("{}")
        (self.src / "m" / "sub" / "weights.bin").write_bytes(os.urandom(size))
        self.list()

    def list(self) -> None:
        names = [
            p.relative_to(self.src).as_posix() for p in self.src.rglob("*") if p.is_file() and p.name != _sums.NAME
        ]
        (self.src / _sums.NAME).write_text(_sums.render({name: digests(self.src / name).sha256 for name in names}))

    def start(self, *options: str, **more: Any) -> subprocess.Popen[str]:
        arguments = {"src": str(self.src), "prefix": "m", "dest": str(self.dest), **more}
        command = [ANSIBLE, "localhost", "-i", "localhost,", "-c", "local", "-m", "gpt_oss.fleet.staged_files"]
        command += ["-e", json.dumps({"ansible_python_interpreter": sys.executable}), "-a", json.dumps(arguments)]
        return subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            start_new_session=True,
            env={**os.environ, "HOME": str(self.home), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        )

    def run(self, *options: str, **more: Any) -> dict[str, Any]:
        output = self.start(*options, **more).communicate(timeout=120)[0]
        said, found, result = output.rpartition("localhost | ")
        assert found, said
        return {**json.loads(result[result.index("{") :]), "failed": result.startswith("FAILED")}

    def arrived(self) -> dict[str, bytes]:
        return {p.relative_to(self.dest).as_posix(): p.read_bytes() for p in self.dest.rglob("*") if p.is_file()}

    def sent(self) -> dict[str, bytes]:
        folder = self.src / "m"
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def part(self, name: str) -> Path:
        return self.dest / Path(name).parent / f".part-{digests(self.src / 'm' / name).sha256}"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def pack(stage: Stage) -> Path:
    archive = stage.src.with_suffix(".tar")
    subprocess.run(["tar", "-cf", archive, "-C", stage.src.parent, stage.src.name], check=True)
    return archive


@pytest.mark.parametrize("form", ["folder", "tar"])
@pytest.mark.parametrize("remote", [False, True])
def test_brought_and_then_left_alone(stage: Stage, form: str, remote: bool) -> None:
    options = {"src": str(pack(stage) if form == "tar" else stage.src), "remote_src": remote}
    planned = stage.run("--check", **options)
    assert (planned["changed"], planned["bytes"], planned["files"]) == (
        True,
        3_000_002,
        ["config.json", "sub/weights.bin"],
    )
    assert not stage.dest.exists()
    first = stage.run(**options)
    assert (first["changed"], first["bytes"], first["path"]) == (True, 3_000_002, str(stage.dest))
    assert stage.arrived() == stage.sent()
    again = stage.run(**options)
    assert (again["changed"], again["bytes"], again["files"]) == (False, 0, [])


def test_cut_off_and_resumed_at_the_byte(stage: Stage) -> None:
    part = stage.part("sub/weights.bin")
    part.parent.mkdir(parents=True)
    part.write_bytes((stage.src / "m/sub/weights.bin").read_bytes()[:2_000_000])
    resumed = stage.run()
    assert (resumed["changed"], resumed["bytes"]) == (True, 1_000_002)
    assert stage.arrived() == stage.sent()


def test_killed_while_it_sends(tmp_path: Path) -> None:
    stage = Stage(tmp_path, size=400_000_000)
    part = stage.part("sub/weights.bin")
    process = stage.start()
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 1_000_000):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    kill_all(process.pid)
    process.communicate()
    assert not (stage.dest / "sub/weights.bin").exists()
    resumed = stage.run()
    assert resumed["changed"]
    assert resumed["bytes"] < 400_000_000
    assert stage.arrived() == stage.sent()


def kill_all(pid: int) -> None:
    """Kill a process with all that it started: Ansible's workers have sessions of their own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(OSError):
            kill_all(int(child))


@pytest.mark.parametrize("form", ["folder", "tar"])
@pytest.mark.parametrize("remote", [False, True])
def test_a_damaged_file_is_refused_and_named(stage: Stage, form: str, remote: bool) -> None:
    weights = stage.src / "m/sub/weights.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"?")
    options = {"src": str(pack(stage) if form == "tar" else stage.src), "remote_src": remote}
    failed = stage.run(**options)
    assert failed["failed"]
    assert (
        f"found m/sub/weights.bin damaged; copy it there again (sha256sum -c {_sums.NAME} checks all)" in failed["msg"]
    )
    assert "sub/weights.bin" not in stage.arrived()
    assert not any(path.name.startswith(".part") for path in stage.dest.rglob("*"))

    weights.write_bytes(whole)
    options["src"] = str(pack(stage) if form == "tar" else stage.src)
    assert stage.run(**options)["changed"]
    assert stage.arrived() == stage.sent()


def test_what_came_damaged_before_comes_anew(stage: Stage) -> None:
    part = stage.part("sub/weights.bin")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 2_000_000)
    failed = stage.run()
    assert failed["failed"]
    assert "wanted sub/weights.bin in" in failed["msg"]
    assert stage.run()["bytes"] == 3_000_000
    assert stage.arrived() == stage.sent()


def test_a_missing_file_is_named(stage: Stage) -> None:
    (stage.src / "m/sub/weights.bin").unlink()
    failed = stage.run()
    assert failed["failed"]
    assert f"wanted m/sub/weights.bin in {stage.src}, found no such file" in failed["msg"]
    assert not stage.dest.exists()


def test_left_in_place_once_it_is_right(stage: Stage) -> None:
    found = stage.run(remote_src=True, in_place=True)
    assert (found["changed"], found["path"]) == (False, f"{stage.src}/m")
    assert not stage.dest.exists()
    (stage.src / "m/config.json").write_text("[]")
    assert "found m/config.json damaged" in stage.run(remote_src=True, in_place=True)["msg"]


def test_what_the_host_knows_is_not_sent(stage: Stage, tmp_path: Path) -> None:
    known = tmp_path / "host" / "known"
    (known / "sub").mkdir(parents=True)
    (known / "sub/weights.bin").write_bytes((stage.src / "m/sub/weights.bin").read_bytes())
    brought = stage.run(known=str(known))
    assert (brought["changed"], brought["files"], brought["bytes"]) == (True, ["config.json"], 2)
    assert stage.arrived() == stage.sent()
    assert (stage.dest / "sub/weights.bin").samefile(known / "sub/weights.bin")

    (known / "config.json").write_text("{}")
    settled = stage.run(known=str(known), dest=f"{stage.dest}-2")
    assert (settled["changed"], settled["is_known"], settled["path"]) == (False, True, str(known))


def test_a_folder_without_checksums_is_believed_as_it_is(stage: Stage) -> None:
    (stage.src / _sums.NAME).unlink()
    assert stage.run()["changed"]
    assert stage.arrived() == stage.sent()
    assert not stage.run()["changed"]
    assert (stage.home / ".cache/gpt_oss.fleet/sums.json").is_file()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=18m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_before_the_first_byte(stage: Stage, small_disk: Path) -> None:
    failed = stage.run(dest=str(small_disk / "dest"))
    assert failed["failed"]
    assert "wanted 3,000,002 bytes of free space" in failed["msg"]
    assert list(small_disk.iterdir()) == []
