# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model hash - reads many files in parallel and hashes them. Standard library only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import GIT_SHA1, SHA256

# hashlib lets other threads run while it works on more than 2 KB; 1 MB stays in a core's cache.
_BLOCK = 1 << 20
# More streams than this gain nothing on any disk, and a serving host has other work.
_MOST_WORKERS = 32


@dataclass(frozen=True)
class Digests:
    """What was read of a file: its size, time of change, sha256 and git's hash of a blob (None unless asked for).

    `error` tells why it could not be read whole; the hashes are empty then.
    """

    size: int
    mtime_ns: int
    sha256: str
    git_sha1: Optional[str] = None
    error: str = ""

    def by(self, algorithm: str) -> Optional[str]:
        """Return the hash by an algorithm's name."""
        return self.git_sha1 if algorithm == GIT_SHA1 else self.sha256


def digests(path: Path, algorithm: str = SHA256, count: Optional[Callable[[int], None]] = None) -> Digests:
    """Read a file once and hash it; `count` is told of each piece that was read, in bytes."""
    try:
        with path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            hashes: list[Any] = [hashlib.sha256()]
            if algorithm == GIT_SHA1:
                hashes.append(hashlib.sha1(b"blob %d\0" % before.st_size, usedforsecurity=False))
            _read_into(file, hashes, before.st_size, count or (lambda n: None))
            after = os.fstat(file.fileno())
    except OSError as exc:
        return Digests(-1, -1, "", error=f"cannot be read: {exc.strerror or exc}")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return Digests(-1, -1, "", error="changed while it was read")
    sha1 = hashes[1].hexdigest() if len(hashes) > 1 else None
    return Digests(after.st_size, after.st_mtime_ns, hashes[0].hexdigest(), sha1)


def digests_of(
    wanted: Mapping[Path, str], workers: int = 0, count: Optional[Callable[[int], None]] = None
) -> Iterator[tuple[Path, Digests]]:
    """Hash files in parallel, each by its algorithm (see _model_stamp) besides sha256; yield each when it is done.

    `workers` 0 takes a thread for each core. The largest files come first, so that no single one is left to the end.
    """
    order = sorted(wanted, key=lambda path: path.stat().st_size if path.exists() else 0, reverse=True)
    most = workers or min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(max(1, min(most, len(order)))) as pool:
        running = {pool.submit(digests, path, wanted[path], count): path for path in order}
        for future in as_completed(running):
            yield running[future], future.result()


def _read_into(file: Any, hashes: list[Any], size: int, count: Callable[[int], None]) -> None:
    """Hash a file to its end, or as far as it was longer at first: one that grows has no end."""
    left = size
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    block = memoryview(bytearray(_BLOCK))
    while left >= 0:
        n_read = file.readinto(block)
        if not n_read:
            return
        left -= n_read
        for one in hashes:
            one.update(block[:n_read])
        count(n_read)
