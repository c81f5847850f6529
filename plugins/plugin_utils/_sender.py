# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: sender - files of a parcel go to a host in pieces, each written at its place in the file."""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_space import shown
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._staging import Wanted, part_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._progress import Shower
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import duration

# Runs a command on the host with data on its standard input; returns its status and what it complained of.
Command = Callable[[str, bytes], "tuple[int, str]"]

# Each piece costs one command, of some 30 ms on a shared ssh connection, and its size in memory for each fork.
PIECE = 64 * 2**20
# Where the controller remembers the checksums of files that bring none along.
MEMORY = str(Path("~/.cache/gpt_oss.fleet/sums.json").expanduser())


class SendError(Exception):
    """A file cannot be sent. The text says what was wanted, what was found, and what to do."""


@dataclass
class Progress:
    """Shows how far a host's files have come."""

    host: str
    n_bytes: int
    shower: Shower
    interval: float
    _sent: int = 0
    _begin: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def count(self, name: str, n_bytes: int) -> None:
        """Count bytes of a file that were sent, and show it now and then."""
        self._sent += n_bytes
        now = time.monotonic()
        if now - self._told >= self.interval:
            self._told = now
            self.shower.show(name, self.line(name, now - self._begin))

    def line(self, name: str, seconds: float) -> str:
        """Return a line of progress."""
        rate = self._sent / max(seconds, 0.001)
        left = (self.n_bytes - self._sent) / max(rate, 1)
        return (
            f"[{self.host}] {name}: {shown(self._sent)} of {shown(self.n_bytes)} sent, {shown(rate)}/s, "
            f"{duration(left)} left"
        )


@dataclass
class Sender:
    """Sends the files of a parcel to one folder of one host."""

    command: Command
    parcel: Parcel
    prefix: str
    dest: str
    progress: Progress

    def send(self, file: Wanted, offset: int) -> bool:
        """Send a file from a byte on; return whether what was read of it is as its sha256 says. Raises SendError."""
        part = str(part_of(Path(self.dest), file))
        digest = hashlib.sha256()
        done = 0
        if not file.size:
            self._write(part, b"", 0)
        with self.parcel.open(self.prefix + file.name) as origin:
            while piece := _read(origin, min(PIECE, offset - done) if done < offset else PIECE):
                digest.update(piece)
                if done >= offset:
                    self._write(part, piece, done)
                    self.progress.count(file.name, len(piece))
                done += len(piece)
        return digest.hexdigest() == file.sha256

    def _write(self, part: str, piece: bytes, position: int) -> None:
        """Write a piece at its place: a command that is tried twice does no harm."""
        command = f"dd of={shlex.quote(part)} bs=1M oflag=seek_bytes seek={position} conv=notrunc"
        code, said = self.command(command, piece)
        if code != 0:
            last = said.splitlines()[-1] if said else "nothing was said"
            raise SendError(
                f"wanted {PurePosixPath(part).parent} to take {len(piece):,} bytes on {self.progress.host}, found: "
                f"{last}; see to that, and run again: it goes on where it was cut off"
            )


def _read(origin: IO[bytes], size: int) -> bytes:
    """Read so many bytes, fewer at the end alone."""
    pieces, wanted = [], size
    while wanted > 0:
        piece = origin.read(wanted)
        if not piece:
            break
        pieces.append(piece)
        wanted -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
