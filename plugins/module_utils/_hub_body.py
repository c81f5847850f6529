# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hub body - writes what arrives of a file, and nothing that cannot be its. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_refusal import Asked, Refused, odd
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Listed


def start_of(status: int, headers: Mapping[str, str], start: int, listed: Listed, asked: Asked) -> int:
    """Return the offset at which an answer's body begins, which need not be the one that was asked for.

    Raises Refused for a body that cannot be the file's, so that it spoils nothing of what has arrived.
    """
    if status == 206:
        told = headers.get("content-range", "")
        if not told.startswith(f"bytes {start}-") or told.rpartition("/")[2] not in (str(listed.size), "*"):
            raise Refused(odd(asked, f"bytes {start}- of {listed.size}", f"Content-Range: {told}", doubt=True))
        return start
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) != listed.size and "content-encoding" not in headers:
        found = f"{int(length):,} bytes of {headers.get('content-type', 'no content type')}"
        raise Refused(odd(asked, f"{listed.size:,} bytes", found, doubt=True))
    return 0


def write(part: Path, start: int, pieces: Iterable[bytes], listed: Listed, asked: Asked) -> None:
    """Write pieces as they come, so that whatever ends this process loses none; on the disk is what is whole."""
    with part.open("r+b" if part.exists() else "wb", buffering=0) as file:
        file.truncate(start)
        file.seek(start)
        for piece in pieces:
            if file.tell() + len(piece) > listed.size:
                file.truncate(start)
                raise Refused(odd(asked, f"{listed.size:,} bytes", "more", doubt=True))
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
        if file.tell() != listed.size:
            raise Refused(odd(asked, f"{listed.size:,} bytes", f"{file.tell():,}", doubt=True))
        os.fsync(file.fileno())
