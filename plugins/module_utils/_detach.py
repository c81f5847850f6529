# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: detach, run a function in a process of its own that outlives the module, the login and the connection."""

from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path
from typing import Callable, Collection, NoReturn

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder

_READY = b"ready"


class DetachError(Exception):
    """The detached process ended before it was ready."""


def detach(job: Callable[[Callable[[], None]], None], log: Path, keep: Collection[int]) -> None:
    """Run ``job(ready)`` in a daemon whose output goes to ``log``; return once it has called ``ready()``.

    All modules the job uses must have been imported: the module's archive is deleted when the module ends.
    ``keep`` are the descriptors it inherits.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _become_daemon(job, log, {*keep, writer}, writer)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        first = pipe.read(len(_READY))
        if first != _READY:
            cause = (first + pipe.read()).decode(errors="replace") or "no cause is known"
            raise DetachError(f"the detached job ended at once: {cause}; the end of {log}:\n{_tail(log)}")


def _become_daemon(job: Callable[[Callable[[], None]], None], log: Path, keep: set[int], writer: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir("/")
        _redirect(log, keep)
        job(lambda: _tell_ready(writer))
        status = 0
    except BaseException as exc:  # nobody is above: it can be told to who waits, and to the log
        _tell_cause(writer, exc)
        with log.open("a") as file:
            file.write(traceback.format_exc())
    finally:
        os._exit(status)  # never back into the module that was forked


def _tell_ready(writer: int) -> None:
    os.write(writer, _READY)
    os.close(writer)


def _tell_cause(writer: int, exc: BaseException) -> None:
    """Tell who waits, if somebody still does: the log's disk may be full."""
    try:
        os.write(writer, f"{type(exc).__name__}: {exc}".encode()[:2000])
    except OSError:
        return


def _redirect(log: Path, keep: set[int]) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    out = _private_folder.open_file(log, os.O_WRONLY | os.O_APPEND, 0o644)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:  # the listing's own descriptor is closed already
                continue


def _tail(log: Path, size: int = 2000) -> str:
    try:
        return log.read_text(errors="replace")[-size:]
    except OSError:
        return "(no log)"
