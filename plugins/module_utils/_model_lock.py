# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model lock - the right to change one model of a cache. Readers need none. Standard library only."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import folder_of

_PAUSE = 0.2


@contextmanager
def alone(model_folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the right, and wait while another run has it; `waiting` is called again and again meanwhile.

    It may raise an exception to wait no longer.
    """
    path = folder_of(model_folder) / "lock"
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("w")
        except FileNotFoundError:  # a removal took the folder away in between
            continue
        with file:
            while not _locked(file):
                waiting()
                time.sleep(_PAUSE)
            # Who had the right may have removed the model, and the lock with it: then it is worth nothing.
            if _is_there(file, path):
                yield
                return


def is_held(path: Path) -> bool:
    """Tell whether somebody holds a lock, without making anything."""
    try:
        with path.open("r+") as file:
            return not _locked(file)
    except OSError:  # there is none, or none that this user could hold
        return False


def _is_there(file: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _locked(file: Any) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a filesystem without locks: each host stages for itself, and what it does is one rename each
        return True
    return True
