# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host ports, which TCP ports are listened on, where, and by whom."""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import Any, Iterable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader
from ansible_collections.gpt_oss.fleet.plugins.module_utils._port import holders

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"


def ports(reader: Reader, wanted: Iterable[int]) -> dict[str, dict[str, Any]]:
    """Return {port: {used, addresses, by, container}}; who it is can be told of other users' processes only by root."""
    # A busy host's connections are tens of thousands of rows.
    tables = "".join(line for table in _TABLES for line in reader.lines_with(table, f" {_LISTEN} "))
    return {str(port): _port(reader, port, listening(tables, port)) for port in wanted}


def listening(tables: str, port: int) -> list[str]:
    """Return the addresses at which the port is listened on, from the text of /proc/net/tcp and tcp6 (proc(5))."""
    rows = [line.split() for line in tables.splitlines()]
    places = (row[1].split(":") for row in rows if len(row) > 9 and row[3] == _LISTEN and ":" in row[1])
    return sorted({_address(address) for address, number in places if int(number, 16) == port})


def _address(digits: str) -> str:
    """Return an address that the kernel wrote as 32-bit words of the machine's byte order, in hexadecimal digits."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _port(reader: Reader, port: int, addresses: list[str]) -> dict[str, Any]:
    pids = sorted(holders(port), key=int) if addresses else []
    names = [f"{(reader.text(f'/proc/{pid}/comm') or '?').strip()}[{pid}]" for pid in pids]
    cgroups = "".join(reader.text(f"/proc/{pid}/cgroup") or "" for pid in pids)
    container = re.search(r"[0-9a-f]{64}", cgroups)
    return {
        "used": bool(addresses),
        "addresses": addresses,
        "by": ", ".join(names) or None,
        "container": container.group() if container else None,
    }
