# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image share - the detached process that shares one image with other hosts: started, found, stopped."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError, detach
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_pace import Pace
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_server import ImageServer, Shared
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job_status import (
    RunLock,
    is_running,
    read_status,
    wait_until_idle,
    write_status,
)

_TOKEN = "token"
_LOG = "share.log"
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.2


class ShareError(Exception):
    """The image cannot be shared; the message says what to do."""


@dataclass(frozen=True)
class Wish:
    """How an image shall be shared. `rate` is in bytes a second over all transfers; 0: no limit."""

    image: str
    image_id: str
    digests: tuple[str, ...]
    size: int
    bind_address: str
    port: int
    rate: int
    most_transfers: int
    idle_timeout: float
    docker_host: str


def folder_of(state_path: str, image: str) -> Path:
    """Return where the share of an image keeps what it needs: one share for each name."""
    return Path(state_path) / "shares" / "".join(char if char.isalnum() or char in "._-" else "_" for char in image)


def running(folder: Path) -> Optional[dict[str, Any]]:
    """Return how the share that runs was started (see Wish), with port, pid and started; None when none runs."""
    return read_status(folder) if is_running(folder) else None


def serves(status: Optional[Mapping[str, Any]], wish: Wish) -> bool:
    """Tell whether what runs is what is wished; a wish for port 0 is content with any."""
    wanted = asdict(wish)
    if status is None:
        return False
    wanted["digests"] = list(wish.digests)
    return all(status.get(key) == value for key, value in wanted.items() if key != "port" or value)


def read_token(folder: Path) -> str:
    """Return the token that peers present. Raises ShareError."""
    try:
        return (folder / _TOKEN).read_text(encoding="ascii").strip()
    except OSError as exc:
        raise ShareError(
            f"expected the share's token in {folder / _TOKEN}: {exc}; stop the share, start it anew"
        ) from exc


def start(folder: Path, wish: Wish) -> dict[str, Any]:
    """Share an image, with a new token; return the status. Raises ShareError."""
    try:
        _private_folder.close(folder)
        lock = RunLock.acquire(folder)
        if lock is None:
            raise ShareError(f"expected no share of {wish.image}, another one was just started; run again")
        token = secrets.token_urlsafe(32)
        descriptor = _private_folder.open_file(folder / _TOKEN, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except OSError as exc:
        raise ShareError(f"cannot write to {folder}: {exc}; correct state_path, or make it writable") from exc
    try:
        detach(lambda ready: _serve(folder, wish, token, ready), folder / _LOG, keep=[lock.descriptor])
    except DetachError as exc:
        raise ShareError(
            f"expected to share {wish.image} at {wish.bind_address} port {wish.port}: {exc}. Choose an address of this "
            "host and a free port (0 takes one)"
        ) from exc
    finally:
        lock.release()
    return read_status(folder)


def stop(folder: Path) -> None:
    """End a share; transfers under way are broken off. Raises ShareError."""
    status = read_status(folder)
    if is_running(folder):
        if "pid" not in status:
            raise ShareError(f"another run is just starting a share in {folder}; run again")
        os.kill(int(status["pid"]), signal.SIGTERM)
        if not wait_until_idle(folder, _STOP_SECONDS):
            raise ShareError(f"the share's process {status['pid']} has not ended {_STOP_SECONDS:g} s after SIGTERM")
    for path in sorted(folder.glob("*")):
        path.unlink()
    if folder.exists():
        folder.rmdir()


def _serve(folder: Path, wish: Wish, token: str, ready: Callable[[], None]) -> None:
    """Serve until nobody has asked for `idle_timeout` seconds."""

    # The module's own may lead elsewhere; the log is where this process's words shall go.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")

    def save() -> Any:
        return connect(wish.docker_host).saving(wish.image_id)

    class Server(ImageServer):
        address_family = socket.AF_INET6 if ":" in wish.bind_address else socket.AF_INET

    shared = Shared(wish.image_id, wish.digests, wish.size, save, wish.most_transfers, Pace(wish.rate))
    server = Server((wish.bind_address, wish.port), shared, token)
    status = {**asdict(wish), "port": server.server_address[1], "pid": os.getpid(), "started": time.time()}
    write_status(folder, status)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _LOOK_SECONDS}, daemon=True).start()
    ready()
    while server.idle_seconds() < wish.idle_timeout:
        time.sleep(_LOOK_SECONDS)
    server.shutdown()
    # Nobody can use it any more.
    (folder / _TOKEN).unlink(missing_ok=True)
