# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: file_lock - the lock of another program, waited for, and who holds it. POSIX record locks, as apt's."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils._wait import wait

# struct flock: type, whence, start, length, pid (fcntl(2), 64-bit).
_FLOCK = "hhqqi4x"


class LockedError(RuntimeError):
    """Another process kept the lock; the text names it."""


@contextlib.contextmanager
def held(path: str, timeout: float) -> Iterator[None]:
    """Hold the lock; wait for it up to `timeout` seconds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        if not wait(lambda: _taken(descriptor), bool, timeout).done:
            raise LockedError(f"{path} is held by {holder(descriptor)} for more than {timeout:g} s")
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def holder(descriptor: int) -> str:
    """Return who holds the lock, as `process 123 (apt-get update)`."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    if kind == fcntl.F_UNLCK or pid <= 0:
        return "a process that has just ended, or one outside this container"
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        command = ""
    return f"process {pid} ({command})" if command else f"process {pid}"
