# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: output - what a command in a container writes, read from the engine's socket until its end.

The engine sends frames: a byte for the stream (1 output, 2 errors), three zero bytes, the length in four bytes, the
data (https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach).
"""

from __future__ import annotations

import select
import struct
import time
from typing import Any

_HEADER = 8
_READ_SIZE = 65536
# More than any report; a command that does not stop writing must not fill the memory.
_MOST_BYTES = 8 * 1024**2


def read_output(stream: Any, seconds: float) -> tuple[bytes, bool]:
    """Return the frames that come until the end or until `seconds` are over, and whether the end was reached."""
    deadline = time.monotonic() + seconds
    received = b""
    # As the engine's address is, the SDK hands a socket over or a file made of one.
    read = getattr(stream, "read", None) or stream.recv
    while len(received) < _MOST_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not (waiting(stream) or select.select([stream], [], [], left)[0]):
            return received, False
        try:
            chunk = bytes(read(_READ_SIZE) or b"")
        except OSError:
            chunk = b""
        if not chunk:
            return received, True
        received += chunk
    return received, False


def waiting(stream: Any) -> bool:
    """Tell whether bytes were read from the network already and not from the stream yet, as with TLS."""
    pending = getattr(stream, "pending", None)
    return bool(pending and pending())


def split_frames(received: bytes) -> tuple[str, str]:
    """Return output and errors; a torn last frame counts as far as it came."""
    parts: dict[int, list[bytes]] = {1: [], 2: []}
    position = 0
    while position + _HEADER <= len(received):
        kind, length = struct.unpack(">BxxxL", received[position : position + _HEADER])
        position += _HEADER
        parts.setdefault(kind, []).append(received[position : position + length])
        position += length
    output, errors = (b"".join(parts[kind]).decode("utf-8", "replace") for kind in (1, 2))
    return output, errors


class Lines:
    """Makes lines of what comes in, however the frames are torn; a progress bar's rewritten line counts as lines."""

    def __init__(self) -> None:
        self._received = b""
        self._rest: dict[int, str] = {}

    def feed(self, chunk: bytes) -> list[str]:
        """Take the next bytes of the stream; return the lines that they complete."""
        self._received += chunk
        lines: list[str] = []
        while len(self._received) >= _HEADER:
            kind, length = struct.unpack(">BxxxL", self._received[:_HEADER])
            if len(self._received) < _HEADER + length:
                break
            text = self._received[_HEADER : _HEADER + length].decode("utf-8", "replace")
            self._received = self._received[_HEADER + length :]
            *whole, self._rest[kind] = (self._rest.get(kind, "") + text).replace("\r", "\n").split("\n")
            lines += whole
        return lines


def close(stream: Any) -> None:
    """Let go of the socket; the container does not notice."""
    # The SDK hangs the reply on its socket; closed in the other order the reply complains.
    getattr(stream, "_response", stream).close()
