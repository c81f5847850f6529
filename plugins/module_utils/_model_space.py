# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model space - whether a disk has room for what will come, before the first byte. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError

# A blob, a link to it, and a folder for it meanwhile; a few more for stamps, locks and status.
_INODES_A_FILE = 3
_INODES_BESIDE = 16


def need_space(cache_dir: str, n_bytes: int, n_files: int, reserve: Mapping[str, int]) -> None:
    """Raise CacheError when the cache's disk has no room for so many bytes and files.

    `reserve` are the bytes that others will come to take, by a folder of theirs; where that is on the same disk, what
    they do not take yet counts.
    """
    folder = existing(cache_dir)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    shared = {path: size for path, size in reserve.items() if _same_disk(folder, existing(path))}
    others = {path: left for path, size in shared.items() if (left := size - _taken(path, size)) > 0}
    if n_bytes + sum(others.values()) > free:
        raise CacheError(_no_room(cache_dir, folder, n_bytes, free, others))
    inodes = _INODES_A_FILE * n_files + _INODES_BESIDE
    # Filesystems that make inodes as they need them, such as btrfs, tell of none.
    if disk.f_files and inodes > disk.f_favail:
        raise CacheError(
            f"expected {inodes} free inodes for {n_files} files of the model in {cache_dir}, found {disk.f_favail} on "
            f"the disk of {folder} (df -i); remove small files there, or set cache_dir to another disk"
        )


def existing(path: str) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    folder = Path(path)
    while not folder.exists():
        folder = folder.parent
    return folder


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _taken(path: str, enough: int) -> int:
    """Return the bytes that a folder takes on its disk; the walk ends when it has found enough."""
    taken = 0
    for folder, _folders, files in os.walk(path):
        for name in files:
            with suppress(OSError):  # it went away meanwhile
                taken += Path(folder, name).lstat().st_blocks * 512
        if taken >= enough:
            break
    return taken


def _no_room(cache_dir: str, folder: Path, n_bytes: int, free: int, others: Mapping[str, int]) -> str:
    beside = "".join(f" and {size:,} for {path} on the same disk" for path, size in others.items())
    remedy = "free some, or set cache_dir to a larger disk" + (", or lower reserve" if others else "")
    return (
        f"expected {n_bytes:,} bytes of free space for the model in {cache_dir}{beside}, found {free:,} on the disk of "
        f"{folder}; {remedy}"
    )
