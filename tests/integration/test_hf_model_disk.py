# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model and a disk that is too small, fills up, has no inodes, or must not be written to."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Seen
from hub_harness import COMMIT, FILES, REPO, Hub, bring, ended, module_process, refused, whole

BIG = "model.safetensors"
WEIGHTS = {**FILES, BIG: bytes(range(256)) * 8000}
SIZE = len(WEIGHTS[BIG])
Disk = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub with a model of two megabytes."""
    with Hub() as hub:
        hub.add(REPO).commit(WEIGHTS, commit=COMMIT)
        yield hub


def mount(*arguments: str) -> None:
    """Run mount or umount, as root or by sudo. Without that right these tests fail: skipped, they prove nothing."""
    command = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A maker of small disks, of so many bytes and inodes."""
    made: list[Path] = []

    def make(size: int, inodes: int = 1000) -> Path:
        path = tmp_path / f"disk{len(made)}"
        path.mkdir()
        options = f"size={size},nr_inodes={inodes},mode=0777"
        mount("mount", "-t", "tmpfs", "-o", options, "none", str(path))
        made.append(path)
        return path

    yield make
    for path in made:
        mount("umount", "--lazy", str(path))


def test_a_disk_that_is_too_small_is_found_before_the_first_byte(hub: Hub, disk: Disk) -> None:
    cache = disk(SIZE - 4096) / "hub"
    words = (f"expected {SIZE + 2:,} bytes of free space", "set cache_dir to a larger disk")
    text = refused(bring(hub, cache), cache, *words)
    assert f"on the disk of {cache}" in text
    assert hub.books.requests(phase="resolve") == hub.books.requests(phase="content") == []


def test_what_others_need_on_the_same_disk_counts(hub: Hub, disk: Disk) -> None:
    same, other = disk(SIZE + SIZE // 2), disk(SIZE)
    cache = same / "hub"
    result = bring(hub, cache, reserve={str(same / "docker"): "1500K"})
    refused(result, cache, f"and 1,536,000 for {same / 'docker'} on the same disk", "or lower reserve")
    assert hub.books.requests(phase="content") == []
    whole(bring(hub, cache, reserve={str(other / "docker"): "1500K"}), WEIGHTS)


def test_too_few_inodes_are_found_before_the_first_byte(hub: Hub, disk: Disk) -> None:
    cache = disk(SIZE * 4, inodes=20) / "hub"
    refused(bring(hub, cache), cache, "expected 22 free inodes for 2 files", "df -i")
    assert hub.books.requests(phase="content") == []


@pytest.mark.fault(
    kind="disk full",
    stage="models",
    fault="the cache's disk fills up in mid-download",
    sees=("cannot be written to … No space left on device; free space and inodes there … what has arrived stays"),
    kept="what has arrived; no stamp says whole",
    next_run="goes on where what has arrived ends",
)
def test_a_disk_that_fills_up_meanwhile(hub: Hub, disk: Disk, seen: Seen) -> None:
    root = disk(SIZE * 2)
    cache = root / "hub"
    hub.fault("stall", path=BIG, after=500_000, seconds=2)
    name = f"{hashlib.sha256(WEIGHTS[BIG]).hexdigest()}.part"

    def fill() -> None:
        while not any(path.stat().st_size for path in cache.rglob(name)):
            time.sleep(0.001)
        with contextlib.suppress(OSError), (root / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 100_000)

    filler = threading.Thread(target=fill, daemon=True)
    filler.start()
    result = bring(hub, cache)
    seen(refused(result, cache, f"cannot be written to {cache}", "No space left", "free space"))
    (arrived,) = (path.stat().st_size for path in cache.rglob(name))
    filler.join(10)
    (root / "filler").unlink()
    hub.faults.clear()
    hub.books.clear()
    whole(bring(hub, cache), WEIGHTS)
    # Not what was sent twice: the Hub sends on while the cache finds its disk full.
    (resumed,) = hub.books.requests(file=BIG, phase="content", method="GET")
    assert resumed.start == arrived > 0


def test_a_disk_that_is_full_for_the_last_small_step(hub: Hub, disk: Disk) -> None:
    root = disk(SIZE + 200_000)
    cache = root / "hub"
    whole(bring(hub, cache), WEIGHTS)
    blob = cache / "models--openai--gpt-oss-20b/blobs"
    victim = next(path for path in blob.iterdir() if path.stat().st_size == SIZE)
    victim.write_bytes(b"x" * SIZE)
    text = refused(bring(hub, cache), cache, "bytes of free space")
    assert f"Damaged in the cache: {BIG}: sha256" in text, "a copy must have room beside what is damaged"


def test_a_limit_of_file_sizes(hub: Hub, tmp_path: Path) -> None:
    limit = (SIZE // 2, SIZE // 2)
    result = ended(
        module_process(
            tmp_path, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit), endpoint=hub.endpoint, retries=1
        )
    )
    refused(result, tmp_path, f"{BIG} of {REPO}", "File too large", "ulimit -f")


@pytest.mark.fault(
    kind="read-only file system",
    stage="models",
    fault="the cache's disk is mounted for reading only",
    sees="Read-only file system; mount it for writing",
    kept="a model that is there is found whole, without a write",
    next_run="fetches it once the disk can be written",
)
def test_a_disk_that_is_mounted_for_reading_only(hub: Hub, disk: Disk, seen: Seen) -> None:
    root = disk(SIZE * 2)
    mount("mount", "-o", "remount,ro", str(root))
    seen(refused(bring(hub, root / "hub"), root, "Read-only file system", str(root / "hub")))
    mount("mount", "-o", "remount,rw", str(root))
    whole(bring(hub, root / "hub"), WEIGHTS)
    mount("mount", "-o", "remount,ro", str(root))
    unchanged = bring(hub, root / "hub", revision=COMMIT)
    whole(unchanged, WEIGHTS)
    assert not unchanged["changed"], "what is there needs no writing"


def test_a_file_where_the_cache_should_be(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("")
    refused(bring(hub, tmp_path / "hub"), tmp_path, str(tmp_path / "hub"), "a file lies where a folder should be")


def test_a_cache_of_another_owner(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    cache.mkdir(mode=0o555)
    # Root may write all the same, as long as it has these rights: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
    drop = ctypes.CDLL(None).prctl
    rights = {"before": lambda: [drop(24, right) for right in (1, 2)]} if os.geteuid() == 0 else {}
    result = ended(module_process(cache, endpoint=hub.endpoint, **rights))
    refused(result, cache, "Permission denied", str(cache), "run as the owner of the cache (become)")
    cache.chmod(0o755)
    whole(bring(hub, cache), WEIGHTS)
    snapshot = next(cache.glob("models--*/snapshots/*"))
    shutil.rmtree(snapshot)
    snapshot.parent.chmod(0o555)
    result = ended(module_process(cache, endpoint=hub.endpoint, **rights))
    assert result["failed"] and "Permission denied" in result["msg"] and str(snapshot) in result["msg"]
    snapshot.parent.chmod(0o755)
