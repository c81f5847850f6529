# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: staging - files that come to a host piece by piece, and count once their sha256 is right.

Until then a file is `.part-SHA256` in its folder. What is in that file is the beginning of the right one, so that the
next run goes on where the last one was cut off.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_space import existing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import SHA256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel

_BLOCK = 1 << 20
# What stays free beside: folders, and what others write meanwhile.
_RESERVE = 16 * 2**20


class StagingError(Exception):
    """The files cannot be brought. The text says what was wanted, what was found, and what to do."""


@dataclass(frozen=True)
class Wanted:
    """A file: its name below the folder, its size in bytes, and its sha256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Missing:
    """A file that is not there yet, and how many bytes of it are."""

    file: Wanted
    offset: int


def part_of(dest: Path, file: Wanted) -> Path:
    """Return where a file grows."""
    return (dest / file.name).parent / f".part-{file.sha256}"


def look(dest: Path, known: Optional[Path], files: Sequence[Wanted]) -> list[Missing]:
    """Return which files are neither in `dest` nor in `known`, where they may lie too."""
    candidates = [folder for folder in (dest, known) if folder]
    found: set[str] = set()
    for folder in candidates:
        rest = [file for file in files if file.name not in found]
        found |= {file.name for file in whole(folder, rest)}
    return [Missing(file, _size(part_of(dest, file))) for file in files if file.name not in found]


def whole(folder: Path, files: Iterable[Wanted]) -> list[Wanted]:
    """Return the files that are in a folder as they shall be.

    A link to a blob that is named by the sha256, as a cache of models has them, is believed by its size.
    """
    right, unread = [], {}
    for file in files:
        path = folder / file.name
        if _size(path) != file.size:
            continue
        if path.is_symlink() and path.resolve().name == file.sha256:
            right.append(file)
        else:
            unread[path] = file
    for path, read in digests_of(dict.fromkeys(unread, SHA256)):
        if read.sha256 == unread[path].sha256:
            right.append(unread[path])
    return right


def need_space(dest: Path, missing: Sequence[Missing]) -> None:
    """Raise StagingError where the disk has no room for what is missing."""
    n_bytes = sum(item.file.size - item.offset for item in missing)
    folder = existing(str(dest))
    free = shutil.disk_usage(folder).free
    if missing and n_bytes + _RESERVE > free:
        raise StagingError(
            f"wanted {n_bytes:,} bytes of free space for {dest}, found {free:,} on the disk of {folder}; free some, or "
            "choose a larger disk"
        )


def make_ready(dest: Path, known: Optional[Path], files: Sequence[Wanted], missing: Sequence[Missing]) -> None:
    """Make the folders, and take over what lies in `known`, by links where that can be."""
    absent = {item.file.name for item in missing}
    for file in files:
        target = dest / file.name
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if file.name not in absent and _size(target) != file.size and known:
            _link_or_copy((known / file.name).resolve(), target)
    for item in missing:
        if item.offset > item.file.size:
            part_of(dest, item.file).unlink()


def settle(dest: Path, files: Sequence[Wanted]) -> list[Wanted]:
    """Put files that have come into their places; return those that came otherwise than they shall be.

    Of the latter nothing is left.
    """
    parts = {file: part_of(dest, file) for file in files}
    # The same contents may be wanted under two names, and come once.
    read = dict(digests_of(dict.fromkeys(parts.values(), SHA256)))
    damaged = [file for file, part in parts.items() if read[part].sha256 != file.sha256]
    for file, part in parts.items():
        if file not in damaged:
            part.chmod(0o644)
            _link_or_copy(part, dest / file.name)
    for part in parts.values():
        part.unlink(missing_ok=True)
    return damaged


def bring(parcel: Parcel, prefix: str, dest: Path, missing: Sequence[Missing]) -> list[Wanted]:
    """Copy files of a parcel on this host; return those that are damaged in the parcel."""
    damaged = []
    for item in missing:
        file, part = item.file, part_of(dest, item.file)
        digest = hashlib.sha256()
        with parcel.open(prefix + file.name) as origin, part.open("wb") as target:
            for block in iter(lambda: origin.read(_BLOCK), b""):
                digest.update(block)
                target.write(block)
        if digest.hexdigest() != file.sha256:
            damaged.append(file)
            part.unlink()
        else:
            part.chmod(0o644)
            part.replace(dest / file.name)
    return damaged


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _link_or_copy(origin: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.link(origin, fresh)
    except OSError:
        shutil.copyfile(origin, fresh)
    fresh.replace(target)
