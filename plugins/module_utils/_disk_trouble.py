# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: disk trouble - what the system's refusal to read or write means, and what to do. Standard library only."""

from __future__ import annotations

import errno
from typing import Optional

_OWNER = "run as the owner of the cache (become), or correct owner and mode there"
_REMEDIES = {
    errno.ENOSPC: "free space and inodes there (df, df -i), or set cache_dir to a larger disk; what has arrived stays",
    errno.EDQUOT: "raise the quota there, or set cache_dir to another disk; what has arrived stays",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f), or set cache_dir to a disk that takes larger ones",
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: "mount it for writing (dmesg tells why it is not), or set cache_dir to another disk",
    errno.EIO: "see to that disk (dmesg tells more), or set cache_dir to another",
    errno.ENOTDIR: "a file lies where a folder should be; remove it, or correct cache_dir",
    errno.EEXIST: "a file lies where a folder should be; remove it, or correct cache_dir",
    errno.EISDIR: "a folder lies where a file should be; remove it",
    errno.ESTALE: "mount the network's filesystem anew",
}


def disk_trouble(exc: OSError, what: str, folder: str) -> Optional[str]:
    """Return what could not be written to a folder, why, and the remedy; None for an error that is no disk's."""
    remedy = _REMEDIES.get(exc.errno or 0)
    if remedy is None:
        return None
    return f"{what} cannot be written to {exc.filename or folder}: {exc.strerror}; {remedy}"
