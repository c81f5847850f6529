# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: open files - which files the host's processes have open, those in containers too. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

_PROC = Path("/proc")
# Device and inode.
Identity = tuple[int, int]


@dataclass(frozen=True)
class OpenFiles:
    """The processes that have a file open, as `process 12 (python3)`, by the file.

    `complete`: all processes could be looked at; only root can.
    """

    holders: dict[Path, list[str]] = field(default_factory=dict)
    complete: bool = True


def open_files(paths: Iterable[Path], proc: Path = _PROC) -> OpenFiles:
    """Return which of these files are open. What a file is called inside a container does not matter."""
    wanted: dict[Identity, list[Path]] = {}
    for path in paths:
        identity = _identity(path)
        if identity:
            wanted.setdefault(identity, []).append(path)
    holders: dict[Path, list[str]] = {}
    complete = True
    for process in sorted(proc.glob("[0-9]*")) if wanted else []:
        try:
            found = {_identity(entry) for entry in (process / "fd").iterdir()}
        except FileNotFoundError:  # it has ended
            continue
        except PermissionError:
            complete = False
            continue
        for path in [path for identity in found if identity for path in wanted.get(identity, [])]:
            holders.setdefault(path, []).append(_named(process))
    return OpenFiles(holders, complete)


def _identity(path: Path) -> Optional[Identity]:
    try:
        status = os.stat(path)  # noqa: PTH116 - this is called for each open file of the host
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _named(process: Path) -> str:
    try:
        return f"process {process.name} ({(process / 'comm').read_text(encoding='utf-8').strip()})"
    except OSError:
        return f"process {process.name}"
