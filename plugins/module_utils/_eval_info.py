# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval information, how each eval below a host's folder of runs stands; nothing is asked or changed."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status

# Where the runs of gpt_oss.evals lie, in a server's folder.
REFERENCE = "reference"


class InfoError(Exception):
    """The folder of runs cannot be read."""


def evals(run_path: str, now: Optional[float] = None) -> list[dict[str, Any]]:
    """Return an entry for each server that has a status, by name; none where nothing was ever run. Raises InfoError."""
    root = Path(run_path)
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise InfoError(f"cannot read the evals in {run_path}: {exc}; run this as the user who runs the evals") from exc
    now = time.time() if now is None else now
    places = [(folder.name, place) for folder in folders for place in (folder, folder / REFERENCE)]
    found = [_entry(server, place, now) for server, place in places]
    return [entry for entry in found if entry["status"]]


def _entry(server: str, folder: Path, now: float) -> dict[str, Any]:
    status = _job_status.read_status(folder)
    updated = status.get("updated")
    return {
        "server": server,
        "engine": "reference" if folder.name == REFERENCE else None,
        "status_path": str(_job_status.status_path(folder)),
        "running": is_held(folder / "lock"),
        "silent_seconds": round(max(0.0, now - updated), 1) if isinstance(updated, (int, float)) else None,
        "status": status,
    }


def is_held(lock: Path) -> Optional[bool]:
    """Return whether a job holds its lock; None where that cannot be seen.

    The lock is asked for shared, and given back at once: several who look do not see each other.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as exc:
        return True if exc.errno in (errno.EAGAIN, errno.EACCES) else None
    finally:
        os.close(descriptor)
    return False
