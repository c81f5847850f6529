# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: port - whether a TCP port of this host is free, and who holds it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_LISTEN = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def bind_error(address: str, port: int) -> int | None:
    """Return the errno with which listening at address and port would fail; None when it would not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does it: connections that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as exc:
            return exc.errno
    return None


def conflict(address: str, port: int, containers: Iterable[Mapping[str, Any]], own: str | None) -> str:
    """Return why a server cannot have the port, empty when it can. `own` is the id of the container to be replaced."""
    containers = list(containers)
    publisher = publisher_of(address, port, containers)
    if publisher and publisher["Id"] == own:
        return ""
    if publisher:
        return f"the container {str(publisher['Names'][0]).lstrip('/')} publishes it"
    error = bind_error(address, port)
    if error is None:
        return ""
    if error == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this host"
    pids = list(holders(port))
    if own and any(own in _read(Path("/proc") / pid / "cgroup") for pid in pids):
        return ""
    names = sorted({f"{_read(Path('/proc') / pid / 'comm').strip()} (pid {pid})" for pid in pids})
    return f"{', '.join(names) or 'a process that cannot be told'} holds it"


def publisher_of(address: str, port: int, containers: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the container, in the engine's short form, that publishes the port at an overlapping address."""
    for container in containers:
        for published in container.get("Ports") or []:
            if published.get("PublicPort") == port and _overlap(address, published.get("IP") or "0.0.0.0"):
                return container
    return None


def listening_inodes(table: str, port: int) -> set[str]:
    """Return the inodes of the sockets that listen on the port, from the text of /proc/net/tcp or tcp6."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[9] for row in rows if len(row) > 9 and row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}


def holders(port: int) -> Iterator[str]:
    """Yield the ids of the processes that listen on the port; those of other users only as root."""
    sockets = {f"socket:[{inode}]" for table in _TABLES for inode in listening_inodes(_read(Path(table)), port)}
    for folder in Path("/proc").glob("[0-9]*/fd") if sockets else ():
        if any(_target(link) in sockets for link in _entries(folder)):
            yield folder.parent.name


def _overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    return first == second or first.is_unspecified or second.is_unspecified


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
