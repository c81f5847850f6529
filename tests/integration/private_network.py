"""A network of a test's own: there is nothing in it but loopback, and a host that swallows all that is sent to it."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
# Of the addresses that are kept for examples (RFC 5737): what is sent there comes to nobody, and nothing comes back.
BLACK_HOLE = "192.0.2.1"


@dataclass(frozen=True)
class Network:
    """Programs run in it by the command `prefix`."""

    name: str

    @property
    def prefix(self) -> list[str]:
        # Not `ip netns exec`: that hides the control groups, which an engine wants.
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def run(self, *command: str) -> None:
        subprocess.run([*self.prefix, *command], check=True, capture_output=True, env={**os.environ, "PATH": PATH})


@contextlib.contextmanager
def private_network() -> Iterator[Network]:
    """Make the network, for the length of a test."""
    if os.geteuid() != 0:
        pytest.skip("a network of its own is made by root only")
    network = Network(f"gof-{secrets.token_hex(4)}")
    environment = {**os.environ, "PATH": PATH}
    subprocess.run(["ip", "netns", "add", network.name], check=True, capture_output=True, env=environment)
    try:
        network.run("ip", "link", "set", "lo", "up")
        # Packets into a pair of which nobody listens at the other end: no answer, and no refusal either.
        network.run("ip", "link", "add", "hole", "type", "veth", "peer", "name", "end")
        for link in ("hole", "end"):
            network.run("ip", "link", "set", link, "up")
        network.run("ip", "address", "add", "192.0.2.2/24", "dev", "hole")
        network.run("ip", "neighbour", "add", BLACK_HOLE, "lladdr", "02:00:00:00:00:01", "dev", "hole")
        yield network
    finally:
        subprocess.run(["ip", "netns", "delete", network.name], check=True, capture_output=True, env=environment)
