from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _model_space
from ansible_collections.gpt_oss.fleet.plugins.module_utils._disk_trouble import disk_trouble
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_space import need_space


@pytest.mark.parametrize(
    ("n_bytes", "n_files", "reserve", "inodes", "said"),
    [
        (1000, 1, {}, (100, 100), None),
        (1001, 1, {}, (100, 100), "expected 1,001 bytes of free space"),
        (900, 1, {"same": 100}, (100, 100), None),
        (900, 1, {"same": 101}, (100, 100), "and 101 for "),
        (900, 1, {"/proc": 10_000}, (100, 100), None),
        (1, 4, {}, (100, 27), "expected 28 free inodes for 4 files"),
        (1, 4, {}, (100, 28), None),
        (1, 4, {}, (0, 0), None),
    ],
)
def test_room(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    n_bytes: int,
    n_files: int,
    reserve: dict[str, int],
    inodes: tuple[int, int],
    said: str | None,
) -> None:
    disk = SimpleNamespace(f_bavail=10, f_frsize=100, f_files=inodes[0], f_favail=inodes[1])
    monkeypatch.setattr(_model_space.os, "statvfs", lambda path: disk)
    others = {name if name.startswith("/") else str(tmp_path / name): size for name, size in reserve.items()}
    if said is None:
        need_space(str(tmp_path / "not/yet/there"), n_bytes, n_files, others)
        return
    with pytest.raises(CacheError, match=said):
        need_space(str(tmp_path / "not/yet/there"), n_bytes, n_files, others)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space and inodes there"),
        (errno.EDQUOT, "raise the quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EACCES, "run as the owner of the cache"),
        (errno.EPERM, "correct owner and mode"),
        (errno.EROFS, "mount it for writing"),
        (errno.EIO, "dmesg"),
        (errno.ENOTDIR, "a file lies where a folder should be"),
        (errno.ESTALE, "mount the network's filesystem anew"),
    ],
)
def test_what_a_disk_refuses(number: int, remedy: str) -> None:
    text = disk_trouble(OSError(number, os.strerror(number)), "x", "/cache")
    assert text and text.startswith(f"x cannot be written to /cache: {os.strerror(number)}; ") and remedy in text
    named = disk_trouble(OSError(number, os.strerror(number), "/cache/blobs"), "x", "/cache")
    assert named and "written to /cache/blobs: " in named


@pytest.mark.parametrize("exc", [OSError("Consistency check"), OSError(errno.ECONNRESET, "reset"), TimeoutError()])
def test_what_is_no_trouble_of_a_disk(exc: OSError) -> None:
    assert disk_trouble(exc, "x", "/cache") is None
