# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: job status, the lock and the status file of a long job on a host; they are all that others see of it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _private_folder

RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"
STOPPED = "stopped"


class RunLock:
    """The right to run a job in its folder: an exclusive flock, gone with the last process that holds it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> Optional[RunLock]:
        """Take the lock; None when a job holds it."""
        _private_folder.make(folder)
        descriptor = _private_folder.open_file(folder / "lock", os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Let go of this process's hold; a forked process that shares the lock keeps it."""
        os.close(self.descriptor)


def is_running(folder: Path) -> bool:
    """Return whether a job holds the lock, without making anything; also where nothing may be written."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def status_path(folder: Path) -> Path:
    """Return where a job tells how it stands."""
    return folder / "status.json"


def read_status(folder: Path) -> dict[str, Any]:
    """Return the last status; empty when there is none."""
    try:
        status = _json_text.loads(status_path(folder).read_text())
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def write_status(folder: Path, status: Mapping[str, Any]) -> None:
    """Replace the status at once, so that a reader never sees half of it.

    On a full disk there is no room for another file, and nobody would hear why a job ended: there it is written over.
    """
    target = status_path(folder)
    fresh = target.with_suffix(".new")
    text = json.dumps(status, separators=(",", ":")) + "\n"
    try:
        fresh.write_text(text)
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT) or not target.exists():
            raise
        _write_over(target, text)
        return
    fresh.replace(target)


def _write_over(path: Path, text: str) -> None:
    """Write a text into the room that a file has already."""
    with open(path, "r+b", buffering=0) as file:
        file.write(text.encode())
        file.truncate()


def wait_until_idle(
    folder: Path,
    timeout: Optional[float],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until no job runs; False when that takes longer than ``timeout`` seconds (None: for ever)."""
    end = None if timeout is None else clock() + timeout
    pause = 0.05
    while is_running(folder):
        if end is not None and clock() >= end:
            return False
        sleep(pause)
        pause = min(1.0, pause * 1.5)
    return True
