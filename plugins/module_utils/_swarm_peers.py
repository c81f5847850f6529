# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm peers - the addresses of those that take part in a swarm, and what is known of each."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# What of many peers is shown.
_SHOWN = 5


def split(peer: str) -> tuple[str, int]:
    """Return host and port of "10.0.0.1:5551", "[fd00::1]:5551" or "host7:5551". Raises ValueError."""
    host, colon, port = peer.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host) or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"expected a peer such as 10.0.0.1:5551 or [fd00::1]:5551, found {peer!r}")
    return bare, int(port)


def endpoint(address: str, port: int) -> str:
    """Return an address and a port as one string."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def resolve(
    peers: Sequence[str], look_up: Callable[..., Any] = socket.getaddrinfo
) -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
    """Return numeric address and port of each peer, and why there is none of the others."""
    found, unknown = {}, {}
    for peer in peers:
        try:
            host, port = split(peer)
            found[peer] = look_up(host, port, type=socket.SOCK_STREAM)[0][4][:2]
        except (OSError, ValueError) as exc:
            unknown[peer] = str(exc)
    return found, unknown


def told(tried: Mapping[str, str]) -> str:
    """Return what became of the peers that were asked, some of them when there are many."""
    if not tried:
        return "no peer was named"
    shown = [f"{peer}: {said}" for peer, said in list(tried.items())[:_SHOWN]]
    more = len(tried) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
