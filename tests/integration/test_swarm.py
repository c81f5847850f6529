"""Swarms of real processes on loopback: a content goes from host to host, whole or not at all."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_share import SwarmError
from swarm_harness import SIZES, Host, fleet, holder, make, place, rubbish, tree, until

pytestmark = pytest.mark.slow

__all__ = ["fleet", "holder"]
TOTAL = sum(SIZES.values())
MIB = 1 << 20


def test_from_host_to_host(holder: Host, fleet: Callable[[], Host]) -> None:
    held = holder.share()
    assert (held["state"], held["done_bytes"], held["total_bytes"]) == ("seeding", TOTAL, TOTAL), held
    assert holder.share()["pid"] == held["pid"]
    first, second, third = fleet(), fleet(), fleet()
    one = first.fetch(held)
    second.fetch(held, place(one))
    seen = []
    for host in (first, second):
        whole = host.follow(report=seen.append)
        assert (whole["state"], whole["done_bytes"], tree(host.content)) == ("seeding", TOTAL, tree(holder.content))
    assert all(status["info_hash"] == held["info_hash"] for status in seen)

    # Who has fetched it shares it, when those it came from are gone, and without hashing it again.
    holder.stop()
    assert tree(holder.content) and not holder.status()
    again = first.share()
    assert (again["pid"], again["info_hash"]) == (one["pid"], held["info_hash"])
    third.fetch(again)
    third.follow()
    assert tree(third.content) == tree(first.content)
    third.stop()
    assert third.share()["info_hash"] == held["info_hash"]


def test_changed_content_is_another(holder: Host) -> None:
    held = holder.share()
    make(holder.content, {"blobs/a": SIZES["blobs/a"]})
    again = holder.share()
    assert again["info_hash"] != held["info_hash"] and again["pid"] != held["pid"]


def test_killed_and_resumed(holder: Host, fleet: Callable[[], Host]) -> None:
    held = holder.share()
    host = fleet()
    host.fetch(held, download_rate=2 * MIB)
    until(lambda: host.status().get("done_bytes", 0) > TOTAL / 3)
    host.kill()
    with pytest.raises(SwarmError) as raised:
        host.follow()
    assert raised.value.cause == "ended"
    # What came is compared with its hashes, not believed.
    with (host.content / "blobs/a").open("r+b") as file:
        file.write(b"not what was sent")
    host.fetch(held)
    assert 0 < host.follow()["received_bytes"] < TOTAL * 0.8
    assert tree(host.content) == tree(holder.content)


def test_what_is_there_stays_as_it_is(holder: Host, fleet: Callable[[], Host], tmp_path: Path) -> None:
    held = holder.share()
    host = fleet()
    cached = tmp_path / "cached"
    cached.write_bytes((holder.content / "blobs/a").read_bytes())
    before = cached.stat()
    (host.content / "blobs").mkdir(parents=True)
    (host.content / "blobs/a").hardlink_to(cached)
    host.fetch(held)
    assert host.follow()["received_bytes"] < TOTAL - SIZES["blobs/a"] + MIB
    after = cached.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert tree(host.content) == tree(holder.content)


def test_rubbish_is_thrown_away(holder: Host, fleet: Callable[[], Host], tmp_path: Path) -> None:
    held = holder.share(upload_rate=3 * MIB)
    with rubbish(holder, tmp_path / "rubbish", "127.0.0.99") as liar:
        host = fleet()
        host.fetch(held, liar)
        whole = host.follow()
        assert whole["failed_bytes"] > 0, whole
        assert tree(host.content) == tree(holder.content)

        misled = fleet()
        misled.share(info_hash=held["info_hash"], peers=(liar,))
        with pytest.raises(SwarmError) as raised:
            misled.follow(first_byte=3, progress=3)
        assert raised.value.cause == "no_progress" and misled.status()["state"] != "seeding"
        assert misled.status()["banned"], misled.status()


def test_only_holder_dies(holder: Host, fleet: Callable[[], Host]) -> None:
    held = holder.share(upload_rate=2 * MIB)
    host = fleet()
    running = host.fetch(held)
    until(lambda: host.status().get("done_bytes", 0) > TOTAL / 3)
    holder.kill()
    with pytest.raises(SwarmError) as raised:
        host.follow(progress=2)
    assert raised.value.cause == "no_progress" and place(held) in str(raised.value)
    # Another one that has it is named, and the process that waits goes on with what it has.
    other = fleet()
    other.content.parent.mkdir()
    holder.content.rename(other.content)
    assert host.fetch(other.share(), place(held))["pid"] == running["pid"]
    host.follow()
    assert tree(host.content) == tree(other.content)


def test_one_of_two_freezes(holder: Host, fleet: Callable[[], Host]) -> None:
    """Its connections stay, and nothing comes: the other one is asked for what it was asked for."""
    other, host = fleet(), fleet()
    shutil.copytree(holder.content, other.content)
    frozen, alive = holder.share(upload_rate=2 * MIB), other.share(upload_rate=2 * MIB)
    assert frozen["info_hash"] == alive["info_hash"]
    host.fetch(frozen, place(alive))
    until(lambda: host.status().get("done_bytes", 0) > TOTAL / 4)
    os.kill(frozen["pid"], signal.SIGSTOP)
    try:
        host.follow()
    finally:
        os.kill(frozen["pid"], signal.SIGCONT)
    assert tree(host.content) == tree(other.content)


def test_rate_limit(holder: Host, fleet: Callable[[], Host]) -> None:
    held = holder.share(upload_rate=2 * MIB)
    hosts = [fleet(), fleet()]
    began = time.monotonic()
    for host in hosts:
        host.fetch(held)
    until(lambda: all(host.status().get("done_bytes", 0) > TOTAL / 4 for host in hosts), 60)
    sent, seconds = sum(host.status()["received_bytes"] for host in hosts), time.monotonic() - began
    # A bucket is full at the start; what is told is up to a second old.
    assert sent < 2 * MIB * (seconds + 2) * 1.1
    for host in hosts:
        host.stop()
    lone = fleet()
    began = time.monotonic()
    lone.fetch(held)
    lone.follow()
    assert TOTAL / (2 * MIB) * 0.6 < time.monotonic() - began < TOTAL / (2 * MIB) * 3


def test_nobody_has_it(holder: Host, fleet: Callable[[], Host]) -> None:
    held = holder.share()
    for peers, info_hash in (((place(held),), "3" * 40), (("127.0.0.77:9",), held["info_hash"]), ((), "1" * 40)):
        host = fleet()
        host.share(info_hash=info_hash, peers=peers)
        with pytest.raises(SwarmError) as raised:
            host.follow(first_byte=3)
        assert raised.value.cause == "no_peer"
        assert all(text in str(raised.value) for text in (info_hash, *(peers or ("no peer was named",))))
    assert holder.status()["sent_bytes"] == 0


def test_nothing_for_who_does_not_know_the_hash(holder: Host) -> None:
    """A handshake in the clear is not answered, even with the right hash; the encrypted one needs it."""
    held = holder.share()
    with socket.create_connection((held["bind_address"], held["port"]), timeout=15) as connection:
        connection.sendall(b"\x13BitTorrent protocol" + bytes(8) + bytes.fromhex(held["info_hash"]) + b"x" * 20)
        try:
            received = connection.recv(1000)
        except ConnectionResetError:
            received = b""
    assert b"BitTorrent" not in received
    assert holder.status()["sent_bytes"] == 0


def test_ends_when_nobody_asks(holder: Host, fleet: Callable[[], Host]) -> None:
    holder.share(idle_timeout=1)
    until(lambda: not holder.status(), 10)
    host = fleet()
    host.share(info_hash="2" * 40, peers=("127.0.0.77:9",), idle_timeout=1)
    with pytest.raises(SwarmError) as raised:
        host.follow()
    assert "nothing came for 1 s" in str(raised.value)


def test_port_is_taken(holder: Host) -> None:
    with socket.socket() as other:
        other.bind((holder.bind_address, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SwarmError) as raised:
            holder.share(port=port)
    assert raised.value.cause == "port" and f"port {port}" in str(raised.value) and "in use" in str(raised.value)
    assert holder.share(port=port)["port"] == port


def test_disk_refuses(holder: Host, fleet: Callable[[], Host]) -> None:
    held = holder.share()
    host = fleet()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Inherited by the process that fetches.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))
    try:
        host.fetch(held)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(SwarmError) as raised:
        host.follow()
    assert raised.value.cause == "disk" and "/content/blobs/" in str(raised.value)


def test_nothing_to_share(fleet: Callable[[], Host]) -> None:
    host = fleet()
    with pytest.raises(SwarmError) as raised:
        host.share()
    assert raised.value.cause == "content"
    make(host.content)
    (host.content / "link").symlink_to("manifest.json")
    with pytest.raises(SwarmError, match="expected regular files"):
        host.share()
