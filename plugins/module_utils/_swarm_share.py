# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm share - a content that hosts share among themselves: its detached process is started and followed.

One folder on a host is one swarm. `content/` in it is what travels: any tree of regular files. Who fetches goes on
sharing until told to stop, or until nobody has asked for a while.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_folder, _swarm_peers
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError, detach
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job_status import (
    FAILED,
    STOPPED,
    RunLock,
    is_running,
    read_status,
    status_path,
    wait_until_idle,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm import IMPORT_ERROR
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_daemon import Participation, Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_metainfo import ContentError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_state import CHECKING, SEEDING

_LOG = "swarm.log"
_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.5
# A status that is so old is that of a process that hangs.
_SILENCE_SECONDS = 60.0
# What a wish for the same swarm may differ in without a new process.
_FREE = ("info_hash", "peers", "port")
Report = Callable[[dict[str, Any]], None]


class SwarmError(Exception):
    """The content cannot be shared or fetched; the message says what was wanted, what was found, what to do.

    `cause` is `library`, `content`, `port`, `busy`, `no_peer`, `no_progress`, `disk` or `ended`.
    """

    def __init__(self, message: str, cause: str = "content") -> None:
        super().__init__(message)
        self.cause = cause


def running(folder: Path) -> Optional[dict[str, Any]]:
    """Return the status of the process that takes part; None when none does."""
    return read_status(folder) if is_running(folder) else None


def serves(status: Optional[Mapping[str, Any]], wish: Wish, info_hash: str) -> bool:
    """Tell whether what runs is what is wished; a wish for port 0 is content with any.

    `info_hash` is that of the content. Who has fetched it serves those too who wish it shared.
    """
    if status is None or status.get("info_hash") != info_hash:
        return False
    if not wish.info_hash and status.get("state") != SEEDING:
        return False
    same = all(status.get(name) == value for name, value in vars(wish).items() if name not in _FREE)
    return same and wish.port in (0, status.get("port"))


def start(folder: Path, wish: Wish, workers: int = 0) -> dict[str, Any]:
    """Take part as wished, or see that it is so already; return the status (see _swarm_daemon). Raises SwarmError.

    Content that is shared for the first time is hashed before, by so many threads (0: one for each CPU).
    """
    if IMPORT_ERROR:
        raise SwarmError(f"the Python library libtorrent is missing in {sys.executable}: {IMPORT_ERROR}", "library")
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        _swarm_folder.content_of(folder).mkdir(exist_ok=True)
        info_hash = wish.info_hash or _swarm_folder.hold(folder, workers or os.cpu_count() or 1).info_hash
        found = running(folder)
        if serves(found, wish, info_hash):
            _swarm_folder.write_peers(folder, wish.peers)
            return dict(found or {})
        stop(folder)
        _swarm_folder.write_peers(folder, wish.peers)
        return _detached(folder, wish, info_hash)
    except ContentError as exc:
        raise SwarmError(str(exc), "content") from exc
    except OSError as exc:
        raise SwarmError(f"cannot write to {folder}: {exc}; make it writable, or free some space", "disk") from exc


def _detached(folder: Path, wish: Wish, info_hash: str) -> dict[str, Any]:
    lock = RunLock.acquire(folder)
    if lock is None:
        raise SwarmError(f"expected nobody else to use {folder}, another run has just begun there; run again", "busy")
    try:
        detach(lambda ready: Participation(folder, wish, info_hash).take(ready), folder / _LOG, keep=[lock.descriptor])
    except DetachError as exc:
        said = read_status(folder).get("error")
        if not said:
            raise SwarmError(f"expected a process that shares {folder}: {exc}", "ended") from exc
        raise SwarmError(
            f"expected to listen at {wish.bind_address} port {wish.port}: {said}. Choose an address of this host and a "
            "free port (0 takes one)",
            "port",
        ) from exc
    finally:
        lock.release()
    return read_status(folder)


def stop(folder: Path) -> None:
    """Take part no longer; connections are broken off. The content stays. Raises SwarmError."""
    status = read_status(folder)
    if is_running(folder):
        if "pid" not in status:
            raise SwarmError(f"another run is just starting in {folder}; run again", "busy")
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(int(status["pid"]), number)
            if wait_until_idle(folder, _STOP_SECONDS):
                break
        else:
            raise SwarmError(f"the process {status['pid']} has not ended after SIGKILL; look at its state", "ended")
    status_path(folder).unlink(missing_ok=True)
    (folder / _LOG).unlink(missing_ok=True)
    _swarm_folder.forget_peers(folder)


def follow(
    folder: Path,
    report: Report,
    first_byte: float = 60.0,
    progress: float = 120.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait until all of the content is here; return the status then. Raises SwarmError.

    It gives up when no byte came for `first_byte` seconds from the start on, or for `progress` seconds later on.
    """
    last, since, began = None, clock(), False
    while True:
        # In this order: the last word of a process that ends meanwhile is not missed.
        alive, status = is_running(folder), read_status(folder)
        report(status)
        if status.get("state") == SEEDING and alive:
            return status
        if not alive or status.get("state") in (FAILED, STOPPED):
            raise _ended(folder, status)
        if time.time() - status.get("updated", 0) > _SILENCE_SECONDS:
            raise SwarmError(f"the process {status.get('pid')} that fetches to {folder} has hung; stop it", "ended")
        moved = (status.get("received_bytes"), status.get("done_bytes") if status.get("state") == CHECKING else None)
        if moved != last:
            began = began or bool(status.get("received_bytes"))
            last, since = moved, clock()
        if clock() - since >= (progress if began else first_byte):
            raise _silent(status, began, progress if began else first_byte)
        sleep(_LOOK_SECONDS)


def _silent(status: Mapping[str, Any], began: bool, seconds: float) -> SwarmError:
    tried = _swarm_peers.told({peer: said or "no error" for peer, said in status.get("tried", {}).items()})
    if began:
        return SwarmError(
            f"expected the rest of {status.get('total_bytes', 0):,} bytes from the peers, got nothing for {seconds:g} "
            f"s after {status.get('done_bytes', 0):,} ({tried}); see whether somebody who has all is still there",
            "no_progress",
        )
    return SwarmError(
        f"expected the content {status.get('info_hash')} from one of the peers, no byte came for {seconds:g} s "
        f"({tried}); see whether it is shared there, with this info hash, and whether this host reaches the port",
        "no_peer",
    )


def _ended(folder: Path, status: Mapping[str, Any]) -> SwarmError:
    said = status.get("error")
    if not said:
        return SwarmError(f"fetching to {folder} ended: the process was stopped or killed; see its {_LOG}", "ended")
    remedy = "; free some space, or make it writable" if status.get("cause") == "disk" else ""
    return SwarmError(f"fetching to {folder} ended: {said}{remedy}", status.get("cause") or "ended")
