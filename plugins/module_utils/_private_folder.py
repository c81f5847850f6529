# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: private folder - where a host keeps replies, logs and what can hold secrets: its owner's alone.

Other users of the host may have been there before: what stands in place of a folder or a file of ours is not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_OF_ITS_OWNER = 0o700
_FOR_ALL_TO_ENTER = 0o755


def make(folder: Path) -> None:
    """Make a folder for its owner alone; those above it that are missing may be entered by all. Raises OSError."""
    missing = [place for place in folder.parents if not place.exists()]
    for place in reversed(missing):
        place.mkdir(_FOR_ALL_TO_ENTER, exist_ok=True)
    folder.mkdir(_OF_ITS_OWNER, exist_ok=True)
    if stat.S_ISLNK(os.lstat(folder).st_mode):
        raise OSError(errno.ELOOP, "expected a folder, found a link, which somebody may have put there; remove it")


def close(folder: Path) -> None:
    """Make a folder, or close one of ours that others may enter. Raises OSError."""
    make(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != _OF_ITS_OWNER:
            os.fchmod(descriptor, _OF_ITS_OWNER)
    finally:
        os.close(descriptor)


def open_file(path: Path, flags: int, mode: int = 0o600) -> int:
    """Return the descriptor of a file, made with this mode if need be; a link is refused. Raises OSError."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


def keep_others_from_writing() -> None:
    """Let nobody but the owner write to what this process makes, whatever umask it was started with."""
    os.umask(os.umask(0o022) | 0o022)
