# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm daemon - the detached process of a swarm: it takes part, tells how it stands, and ends by itself.

Its status file (see _job_status) is what others see of it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_folder, _swarm_peers
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job_status import FAILED, STOPPED, write_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm import Swarm, SwarmPortError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_metainfo import parts_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_settings import Way
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_state import (
    FETCHING,
    METADATA,
    SEEDING,
    Notes,
    Observation,
)

_LOOK_SECONDS = 0.2
_TELL_SECONDS = 1.0
_ASK_SECONDS = 10.0
_BEGIN_SECONDS = 30.0


@dataclass(frozen=True)
class Wish:
    """How a host shall take part.

    `info_hash`: what to fetch first; empty: the content is all here. `peers`: whom to ask, as address:port. Rates are
    in bytes a second over all connections; 0: no limit. `idle_timeout`: seconds without a byte after which it ends.
    """

    info_hash: str = ""
    peers: tuple[str, ...] = ()
    bind_address: str = "127.0.0.1"
    port: int = 0
    upload_rate: int = 0
    download_rate: int = 0
    most_connections: int = 100
    idle_timeout: float = 600.0


def way_of(wish: Wish) -> Way:
    """Return what the engine is told."""
    return Way(
        bind_address=wish.bind_address,
        port=wish.port,
        upload_rate=wish.upload_rate,
        download_rate=wish.download_rate,
        most_connections=wish.most_connections,
        hashing_threads=max(1, (os.cpu_count() or 1) // 2),
    )


class Asked:
    """The peers that are asked; which those are may change meanwhile, and names get addresses late."""

    def __init__(self) -> None:
        self._peers: tuple[str, ...] = ()
        self._addresses: dict[str, tuple[str, int]] = {}
        self._unknown: dict[str, str] = {}
        self._look_at = 0.0

    def look(self, folder: Path, connect: Callable[[Iterable[tuple[str, int]]], None]) -> None:
        """Look, not too often, whether somebody is to be asked who was not."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _ASK_SECONDS
        self._peers = _swarm_folder.read_peers(folder)
        found, self._unknown = _swarm_peers.resolve([peer for peer in self._peers if peer not in self._addresses])
        self._addresses.update(found)
        connect(found.values())

    def told(self, errors: Mapping[str, str]) -> dict[str, str]:
        """Return the last error of each; empty for those without."""
        by_peer = {
            peer: errors.get(_swarm_peers.endpoint(*self._addresses[peer]), "")
            if peer in self._addresses
            else "no address yet"
            for peer in self._peers
        }
        return {**by_peer, **self._unknown}


class Idleness:
    """For how long nothing has moved."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[Any, ...] = ()
        self._since = clock()

    def seconds(self, now: Observation) -> float:
        """Return the seconds since an observation differed from the one before it."""
        moved = (now.state, now.done, now.sent, now.received)
        if moved != self._last:
            self._last, self._since = moved, self._clock()
        return self._clock() - self._since


class Participation:
    """One host's part in a swarm, from start to end."""

    def __init__(self, folder: Path, wish: Wish, info_hash: str) -> None:
        self._folder = folder
        self._wish = wish
        self._info_hash = info_hash
        self._metainfo = _swarm_folder.kept(folder, info_hash)
        self._whole = not wish.info_hash
        self._settling = False
        self._head = {**asdict(wish), "info_hash": info_hash, "pid": os.getpid(), "started": round(time.time(), 3)}
        self._over = threading.Event()
        self._idleness = Idleness()
        self._asked = Asked()
        self._tell_at = 0.0
        self._told_state = ""

    def take(self, ready: Callable[[], None]) -> None:
        """Take part until told to stop, idle, or failed; `ready` is called when others can connect."""
        signal.signal(signal.SIGTERM, lambda *_: self._over.set())
        try:
            self._swarm = Swarm(self._folder, self._info_hash, self._metainfo, way_of(self._wish), self._whole)
        except SwarmPortError as exc:
            self._tell(FAILED, Observation(FAILED), str(exc), "port")
            return
        self._head["port"] = self._swarm.port
        begun = time.monotonic()
        # Who has all of it is asked no earlier than it says so.
        while self._step().state != SEEDING and self._whole and time.monotonic() < begun + _BEGIN_SECONDS:
            time.sleep(_LOOK_SECONDS / 10)
        ready()
        error, cause = self._go_on()
        last = self._swarm.observe()
        self._swarm.close()
        self._tell(FAILED if error else STOPPED, last, error, cause)

    def _go_on(self) -> tuple[str, str]:
        """Return why it failed, and which sort of cause that is; empty when it ended as it should."""
        while not self._over.wait(_LOOK_SECONDS):
            seen = self._step()
            if self._swarm.notes.disk:
                return self._swarm.notes.disk, "disk"
            if self._whole and seen.state != SEEDING:
                return "the content is not what its hashes say; make it whole, and share it anew", "content"
            if self._idleness.seconds(seen) >= self._wish.idle_timeout:
                return ("", "") if self._whole else (f"nothing came for {self._wish.idle_timeout:g} s", "no_progress")
        return "", ""

    def _step(self) -> Observation:
        self._asked.look(self._folder, self._swarm.connect)
        seen = self._swarm.observe()
        if self._metainfo is None and seen.state != METADATA:
            self._metainfo = self._swarm.metainfo()
            if self._metainfo:
                _swarm_folder.keep(self._folder, self._metainfo)
        if not self._whole and seen.state == SEEDING:
            seen = self._settled(seen)
        if time.monotonic() >= self._tell_at or seen.state != self._told_state:
            self._tell(seen.state, seen)
        return seen

    def _settled(self, seen: Observation) -> Observation:
        """Keep what was fetched as what can be shared; until it is written, nobody is told that it is here."""
        if not self._settling:
            self._settling = True
            self._swarm.settle()
        elif self._swarm.notes.flushed:
            parts = parts_of(_swarm_folder.content_of(self._folder))
            if sum(part.size for part in parts) == seen.total:
                _swarm_folder.sign(self._folder, self._info_hash, parts)
            self._whole = True
            return seen
        return replace(seen, state=FETCHING)

    def _tell(self, state: str, seen: Observation, error: str = "", cause: str = "") -> None:
        self._told_state, self._tell_at = state, time.monotonic() + _TELL_SECONDS
        numbers = {
            "done_bytes": seen.done,
            "total_bytes": seen.total,
            "sent_bytes": seen.sent,
            "received_bytes": seen.received,
            "failed_bytes": seen.failed,
            "rate": seen.rate,
            "connected": seen.peers,
        }
        notes = self._swarm.notes if hasattr(self, "_swarm") else Notes()
        told = {"tried": self._asked.told(notes.peers), "banned": notes.banned, "error": error, "cause": cause}
        now = {"state": state, "updated": round(time.time(), 3)}
        write_status(self._folder, {**self._head, **numbers, **told, **now})
