"""Runs a module's main() in a child process that cannot reach anything but one folder.

As root the child has namespaces of its own: no network, all file systems read-only but its folder, no engine's socket,
and whatever it starts ends with it. Elsewhere modules only run in check mode.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ansible.module_utils.testing import patch_module_args

_UNSHARE = getattr(os, "unshare", None)  # of CPython 3.12
SEALED = _UNSHARE is not None and os.geteuid() == 0
_LIMIT = 4.0  # seconds; a module that waits for longer is ended, which is no finding
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWPID, _CLONE_NEWNET = 0x20000, 0x8000000, 0x20000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_SYS_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _RDONLY = 442, -100, 0x8000, 1


class Ended(NamedTuple):
    """How a module ended: its result, or the traceback of what it did not catch; neither where it had to be killed."""

    result: dict[str, Any]
    trace: str


def run(module: ModuleType, parameters: Mapping[str, Any], folder: Path) -> Ended:
    """Run a module with these parameters; `folder` is its current folder, its home, and all that it can write to."""
    output = folder.parent / f"{folder.name}.output"
    output.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            _isolated(module, parameters, folder, output)
        finally:
            os._exit(3)
    if not _ended(child):
        return Ended({}, "")
    return _read(output.read_text(errors="replace") if output.exists() else "")


def _ended(child: int) -> bool:
    until = time.monotonic() + _LIMIT
    pause = 0.001
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(pause)
        pause = min(0.02, pause * 1.5)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _read(text: str) -> Ended:
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return Ended(json.loads(line), "")
    return Ended({}, text or "the process ended without a word")


def _isolated(module: ModuleType, parameters: Mapping[str, Any], folder: Path, output: Path) -> None:
    os.setpgid(0, 0)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if SEALED and _UNSHARE is not None:
        _UNSHARE(_CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC)
        inner = os.fork()
        if inner:
            # Those that are left in the namespace are killed with its first process.
            _LIBC.prctl(1, signal.SIGKILL)
            os.waitpid(inner, 0)
            os._exit(0)
        _LIBC.prctl(1, signal.SIGKILL)
        _seal(folder)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(folder)
    os.environ["HOME"] = tempfile.tempdir = str(folder)
    try:
        with patch_module_args(dict(parameters)):
            module.main()
    except SystemExit:
        pass
    except BaseException:  # what a module lets through is what is looked for
        traceback.print_exc(file=sys.stdout)
    sys.stdout.flush()
    os._exit(0)


def _seal(folder: Path) -> None:
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("proc", "/proc", "proc", 0)
    attributes = (ctypes.c_uint64 * 4)(_RDONLY, 0, 0, 0)
    _mount(str(folder), str(folder), None, _MS_BIND)
    if _LIBC.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, attributes, ctypes.sizeof(attributes)):
        raise OSError(ctypes.get_errno(), "cannot make the file systems read-only")
    writable = (ctypes.c_uint64 * 4)(0, _RDONLY, 0, 0)
    path = os.fsencode(folder)
    if _LIBC.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path, 0, writable, ctypes.sizeof(writable)):
        raise OSError(ctypes.get_errno(), "cannot make the folder writable")
    _mount("tmpfs", str(Path("/var/run").resolve()), "tmpfs", 0)


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    names = (source.encode(), target.encode(), kind.encode() if kind else None)
    if _LIBC.mount(*names, flags, None):
        raise OSError(ctypes.get_errno(), f"cannot mount {target}")
