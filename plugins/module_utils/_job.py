# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: job - work of minutes that a module leaves to a process of its own, which outlives module and connection.

Its status file (see _job_status) is what others see: `state`, what it is about, the progress, and at the end either
what came of it or, under `failure`, the result values of a failure.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import detach

Report = Callable[[dict[str, Any]], None]
LOG = "job.log"
# A job about something else that ends soon, such as the watch of a container that is gone, is waited for.
_LOCK_SECONDS = 10.0
_LOCK_PAUSE = 0.05
_HEARTBEAT_SECONDS = 5.0


class JobFailure(Exception):
    """The work failed. `values` are the failure's result values, `msg` among them."""

    def __init__(self, msg: str, **values: Any) -> None:
        super().__init__(msg)
        self.values = {"msg": msg, **values}


class _Status:
    """The status file of one job, rewritten at each report and, so that nobody takes it for dead, now and then."""

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self._folder = folder
        self._head = {**head, "pid": os.getpid()}
        self._told: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def begin(self) -> None:
        """Tell that it runs. Raises OSError where that cannot be told: nobody could watch it."""
        self._write(_job_status.RUNNING)

    def tell(self, told: Mapping[str, Any]) -> None:
        with self._lock:
            self._told = told
            self._try_to_write()

    def beat(self) -> None:
        """Rewrite the status until the end is told."""
        while not self._over.wait(_HEARTBEAT_SECONDS):
            with self._lock:
                if not self._over.is_set():
                    self._try_to_write()

    def end(self, told: Mapping[str, Any], state: str) -> None:
        self._over.set()
        with self._lock:
            self._told = told
            self._write(state)

    def _try_to_write(self) -> None:
        """Tell the progress if that can be done: that it cannot ends no work, and later it may."""
        with contextlib.suppress(OSError):
            self._write(_job_status.RUNNING)

    def _write(self, state: str) -> None:
        now = {"state": state, "updated": round(time.time(), 3)}
        _job_status.write_status(self._folder, {**self._head, **self._told, **now})


def ensure(
    folder: Path, about: Mapping[str, Any], work: Callable[[Report], dict[str, Any]], head: Mapping[str, Any]
) -> str:
    """Have `work` done by a process that may run already; return the path of its status file.

    `about` tells jobs in one folder apart, `head` is told beside. `work` is given a function to report progress to,
    and returns what to tell at the end, or raises JobFailure. Raises DetachError when the process cannot be started.
    """
    path = str(_job_status.status_path(folder))
    lock = _lock(folder, about)
    if lock is None:
        return path
    _Status(folder, {**head, **about}).begin()
    try:
        detach(
            lambda ready: _run(_Status(folder, {**head, **about}), folder, work, ready),
            folder / LOG,
            keep=[lock.descriptor],
        )
    finally:
        lock.release()
    return path


def _lock(folder: Path, about: Mapping[str, Any]) -> Optional[_job_status.RunLock]:
    """Return the right to run the job; None when it runs already."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        lock = _job_status.RunLock.acquire(folder)
        if lock is not None:
            return lock
        status = _job_status.read_status(folder)
        same = all(status.get(name) == value for name, value in about.items())
        if (same and status.get("state") == _job_status.RUNNING) or time.monotonic() >= deadline:
            return None
        time.sleep(_LOCK_PAUSE)


def _run(status: _Status, folder: Path, work: Callable[[Report], dict[str, Any]], ready: Callable[[], None]) -> None:
    status.begin()
    ready()
    threading.Thread(target=status.beat, daemon=True).start()
    try:
        status.end(work(status.tell), _job_status.FINISHED)
    except JobFailure as exc:
        status.end({"failure": exc.values}, _job_status.FAILED)
    except Exception as exc:  # the end of the process: what is not told here is lost
        with open(folder / LOG, "a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        status.end({"failure": {"msg": f"the job broke off: {exc!r}; see {folder / LOG}"}}, _job_status.FAILED)
