"""What tests of swarms share: hosts on loopback, each with a folder and an address, and one that sends rubbish.

usage: swarm_harness.py METAINFO FOLDER ADDRESS        (the one that sends rubbish)
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import libtorrent
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_share
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job_status import wait_until_idle
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_daemon import Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_settings import Way, settings

Status = dict[str, Any]
# Larger than the few pieces a swarm begins with, small enough for a busy machine.
SIZES = {"manifest.json": 1000, "blobs/a": 6_000_000, "blobs/b": 3_000_001, "blobs/deeper/c": 5, "blobs/empty": 0}


def make(content: Path, sizes: Optional[dict[str, int]] = None) -> Path:
    """Make a content of random bytes."""
    for name, size in (sizes or SIZES).items():
        path = content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return content


def tree(content: Path) -> dict[str, str]:
    """Return the sha256 of each file."""
    files = [path for path in content.rglob("*") if path.is_file()]
    return {str(path.relative_to(content)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Host:
    """A host of a fleet: a folder and a loopback address."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.content = folder / "content"
        self.bind_address = address

    def share(self, **wish: Any) -> Status:
        """Take part; see Wish."""
        return _swarm_share.start(self.folder, Wish(bind_address=self.bind_address, **wish))

    def fetch(self, holder: Status, *others: str, **wish: Any) -> Status:
        """Fetch what a host holds, from it and from others."""
        return self.share(info_hash=holder["info_hash"], peers=(place(holder), *others), **wish)

    def follow(self, first_byte: float = 30, progress: float = 30, **options: Any) -> Status:
        """Wait until all is here."""
        return _swarm_share.follow(self.folder, options.pop("report", lambda status: None), first_byte, progress)

    def status(self) -> Status:
        """Return what runs."""
        return _swarm_share.running(self.folder) or {}

    def kill(self) -> None:
        """End the process as the kernel does when memory is short."""
        os.kill(self.status()["pid"], signal.SIGKILL)
        assert wait_until_idle(self.folder, 10)

    def stop(self) -> None:
        """Take part no longer."""
        _swarm_share.stop(self.folder)


def place(status: Status) -> str:
    """Return where others find who tells this status."""
    return f"{status['bind_address']}:{status['port']}"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Callable[[], Host]]:
    """A maker of hosts; none of their processes outlives the test."""
    hosts: list[Host] = []

    def make_host() -> Host:
        hosts.append(Host(tmp_path / f"host{len(hosts)}", f"127.0.0.{len(hosts) + 2}"))
        return hosts[-1]

    yield make_host
    for host in hosts:
        host.stop()


@pytest.fixture
def holder(fleet: Callable[[], Host]) -> Host:
    """A host with the content."""
    host = fleet()
    make(host.content)
    return host


@contextmanager
def rubbish(holder: Host, folder: Path, address: str) -> Iterator[str]:
    """A peer that says it has what the holder has, and sends other bytes; its address."""
    make(folder / "content")
    command = [sys.executable, __file__, str(holder.folder / "metainfo"), str(folder), address]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdin and process.stdout
        yield f"{address}:{int(process.stdout.readline())}"
        process.stdin.close()


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send_rubbish(metainfo: str, folder: str, address: str) -> None:
    """Take part with the wrong content; tell the port, and go on until nobody listens."""
    session = libtorrent.session({**settings(Way(address, 0)), "disable_hash_checks": True}, 0)
    session.add_extension("ut_metadata")
    parameters = libtorrent.load_torrent_file(metainfo)
    parameters.save_path = folder
    parameters.flags |= libtorrent.torrent_flags.seed_mode
    parameters.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    torrent = session.add_torrent(parameters)
    until(lambda: torrent.status().is_seeding)
    print(session.listen_port(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    send_rubbish(*sys.argv[1:])
