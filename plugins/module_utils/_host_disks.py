# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host disks, the file systems on which paths lie or would lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterable, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader


def filesystems(reader: Reader, paths: Iterable[str]) -> dict[str, Optional[dict[str, Any]]]:
    """Return the file system of each absolute path, None for one that does not answer.

    A file system that counts no inodes has 0 of them.
    """
    mounts = mount_points(reader.text("/proc/self/mountinfo") or "")
    return {path: _filesystem(reader, path, mounts) for path in paths}


def mount_points(mountinfo: str) -> list[str]:
    """Return the mount points in the text of /proc/self/mountinfo (proc(5)); blanks stand in it as octal numbers."""
    points = (line.split()[4] for line in mountinfo.splitlines() if len(line.split()) > 4)
    return [point.encode().decode("unicode_escape") if "\\" in point else point for point in points]


def mount_of(path: str, mounts: Iterable[str]) -> str:
    """Return the longest mount point above a path."""
    above = (mount for mount in mounts if mount == "/" or path == mount or path.startswith(f"{mount}/"))
    return max(above, key=len, default="/")


def _filesystem(reader: Reader, path: str, mounts: Iterable[str]) -> Optional[dict[str, Any]]:
    place = next(str(folder) for folder in (Path(path), *Path(path).parents, Path("/")) if reader.exists(str(folder)))
    try:
        status = os.statvfs(reader.path(place))
    except OSError:
        return None
    return {
        "mount": mount_of(os.path.realpath(place), mounts),
        "total_bytes": status.f_blocks * status.f_frsize,
        "free_bytes": status.f_bavail * status.f_frsize,
        "total_inodes": status.f_files,
        "free_inodes": status.f_favail,
        "read_only": bool(status.f_flag & os.ST_RDONLY),
    }
