from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _port

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:1F40 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 20 4 30 10 -1
   2: 00000000:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000 100 0 0 10 0
"""


def published(address: str, port: int = 8000) -> list[dict[str, Any]]:
    return [{"Id": "c1", "Names": ["/other"], "Ports": [{"PrivatePort": 1}, {"IP": address, "PublicPort": port}]}]


def test_only_listening_sockets_of_the_port() -> None:
    assert _port.listening_inodes(TABLE, 8000) == {"4711"}
    assert _port.listening_inodes(TABLE, 8002) == set()
    assert _port.listening_inodes("", 8000) == set()


@pytest.mark.parametrize(
    ("wanted", "there", "overlaps"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "10.0.0.1", True),
        ("127.0.0.1", "::", True),
        ("127.0.0.1", "10.0.0.1", False),
    ],
)
def test_publishers(wanted: str, there: str, overlaps: bool) -> None:
    assert bool(_port.publisher_of(wanted, 8000, published(there))) is overlaps
    assert _port.publisher_of(wanted, 8001, published(there)) is None


def test_a_free_port_then_a_held_one() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        holder.listen()
        taken = _port.conflict("127.0.0.1", port, [], None)
        assert f"(pid {os.getpid()}) holds it" in taken
        assert str(os.getpid()) in set(_port.holders(port))
        assert _port.conflict("0.0.0.0", port, [], None)
    assert _port.conflict("127.0.0.1", port, [], None) == ""


def test_connections_that_are_closing_do_not_count() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _address = server.accept()
            accepted.close()
            client.recv(1)
    assert _port.conflict("127.0.0.1", port, [], None) == ""


def test_another_container_is_named_and_ones_own_does_not_count() -> None:
    assert _port.conflict("127.0.0.1", 8000, published("0.0.0.0"), "c2") == "the container other publishes it"
    assert _port.conflict("127.0.0.1", 8000, published("0.0.0.0"), "c1") == ""


def test_an_address_of_another_host() -> None:
    assert _port.conflict("192.0.2.77", 8000, [], None) == "192.0.2.77 is no address of this host"
