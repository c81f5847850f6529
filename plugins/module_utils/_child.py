# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: child, work in a process of its own that can be killed at any moment, and that dies with its parent."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Optional

_PR_SET_PDEATHSIG = 1  # prctl(2)
_READ_SIZE = 1 << 16


class Child:
    """A forked process that does some work and answers with one JSON value, on the descriptor `fd`.

    All that the work needs must have been imported. `answer` is None until the process has ended; if it ended without a
    word, the answer is `{"died": why}`, and if the work raised an exception, `{"broke": its traceback}`.

    Python warns of a fork beside other threads, as one of them may hold a lock that nobody lets go in the child. Here
    that cannot be: a job's one other thread rewrites its status now and then. A fork happens with the interpreter's
    lock held, so that thread is in a system call then, or waits for a lock of the status, which no child uses; and
    whoever waits for a child does so with a limit, after which it is killed.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        parent = os.getpid()
        self.fd, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            _work(work, writer, parent)
        os.close(writer)
        self.answer: Optional[Any] = None
        self.ended = False
        self._received = bytearray()

    def read(self) -> bool:
        """Read what has arrived, which blocks until something has; return whether the process has ended."""
        if self.ended:
            return True
        data = os.read(self.fd, _READ_SIZE)
        self._received += data
        if data:
            return False
        os.close(self.fd)
        _pid, status = os.waitpid(self.pid, 0)
        self.ended, self.answer = True, self._parsed(status)
        return True

    def kill(self) -> None:
        """End the process at once. One that has ended is left alone: its number may be another's by now."""
        if self.ended:
            return
        os.kill(self.pid, signal.SIGKILL)
        while not self.read():
            pass

    def _parsed(self, status: int) -> Any:
        try:
            return json.loads(self._received)
        except ValueError:
            code = os.waitstatus_to_exitcode(status)
            memory = ", as for want of memory" if code == -signal.SIGKILL else ""
            return {"died": f"by signal {-code}{memory}" if code < 0 else f"with status {code}"}


def end_of(answer: Mapping[str, Any]) -> str:
    """Return how a process ended that did not do its work."""
    return str(answer.get("died") or answer.get("broke") or "without a word").strip().splitlines()[-1]


def ask(work: Callable[[], Any], seconds: float) -> Any:
    """Do some work in a process of its own, and wait for its answer so long at most."""
    child = Child(work)
    end = time.monotonic() + seconds
    while True:
        left = max(0.0, end - time.monotonic())
        if not select.select([child.fd], [], [], left)[0]:
            child.kill()
            return {"died": f"without an answer in {seconds:g} s"}
        if child.read():
            return child.answer


def _work(work: Callable[[], Any], writer: int, parent: int) -> NoReturn:
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that took hold
            os._exit(1)
        # What libraries print must not end up in the module's result.
        os.dup2(2, 1)
        try:
            answer = work()
        except BaseException:  # nobody is above in this process
            answer = {"broke": traceback.format_exc()}
        data = json.dumps(answer).encode()
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)  # never back into the module that was forked
