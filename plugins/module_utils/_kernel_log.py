# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: kernel_log, the kernel's messages since the boot, and the XID errors in them."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._xid_catalog import explain

# Such as "NVRM: Xid (PCI:0000:1b:00): 79, pid=1234, name=python3, GPU has fallen off the bus.", in older drivers
# without "PCI:".
XID_LINE = re.compile(
    r"NVRM: Xid \((?:PCI:)?(?P<address>[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2})[^)]*\): "
    r"(?P<xid>\d{1,9})(?:, *(?P<text>.*))?",
    re.IGNORECASE,
)
STAMP = re.compile(r"\[ *(\d{1,15})\.\d+\]")
# A log that begins later than this many seconds after the boot has lost its beginning.
COMPLETE = 60
KMSG = "/dev/kmsg"
DENIED = (errno.EPERM, errno.EACCES)


@dataclass(frozen=True)
class KernelLog:
    """The state is `read`, `denied` (root may read it) or `absent` (there is no way to it)."""

    state: str
    lines: tuple[str, ...] = ()


def read_kernel_log(commands: Commands, read_kmsg: Optional[Callable[[], KernelLog]] = None) -> KernelLog:
    """Return the messages since the boot, from dmesg, the journal or /dev/kmsg, whichever can be read.

    The kernel keeps its messages in a ring. When that has lost its beginning, the journal is asked first.
    """
    ring = _of_dmesg(commands)
    if ring.state == "read" and _complete(ring):
        return ring
    journal = _of_journal(commands)
    if journal.state == "read":
        return journal
    if ring.state == "read":
        return ring
    buffer = (read_kmsg or _of_kmsg)()
    if buffer.state == "read":
        return buffer
    denied = "denied" in (ring.state, journal.state, buffer.state)
    return KernelLog("denied" if denied else "absent")


def find_xids(log: KernelLog) -> list[dict[str, Any]]:
    """Return the XID errors: one entry for each GPU and XID, with the last of its lines and their number."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for line in log.lines:
        match = XID_LINE.search(line)
        if not match:
            continue
        address, number = normal_address(match["address"]), int(match["xid"])
        count = found.pop((address, number), {"count": 0})["count"] + 1
        meaning = explain(number)
        found[(address, number)] = {
            "pci_address": address,
            "xid": number,
            "meaning": meaning.meaning,
            "severity": meaning.severity,
            "text": (match["text"] or "").strip(),
            "line": line.strip(),
            "count": count,
        }
    return list(found.values())


def normal_address(address: str) -> str:
    """Return a PCI address as the kernel writes it: `00000000:1B:00.0` and `0000:1b:00` become `0000:1b:00.0`."""
    parts = address.strip().lower().split(":")
    if len(parts) != 3:
        return address.strip().lower()
    try:
        domain = f"{int(parts[0], 16):04x}"
    except ValueError:
        return address.strip().lower()
    device = parts[2] if "." in parts[2] else f"{parts[2]}.0"
    return ":".join((domain, parts[1], device))


def _complete(log: KernelLog) -> bool:
    stamps = (STAMP.search(line) for line in log.lines)
    first = next((stamp for stamp in stamps if stamp), None)
    return first is None or int(first[1]) < COMPLETE


def _of_dmesg(commands: Commands) -> KernelLog:
    answer = commands.run("dmesg")
    if answer is None:
        return KernelLog("absent")
    if answer.code != 0:
        return KernelLog("denied" if "permitted" in answer.error.lower() else "absent")
    return KernelLog("read", tuple(answer.output.splitlines()))


def _of_journal(commands: Commands) -> KernelLog:
    answer = commands.run("journalctl", "--dmesg", "--boot", "--no-pager", "--quiet", "--output=short-monotonic")
    if answer is None or answer.code != 0 or not answer.output.strip():
        return KernelLog("absent")
    return KernelLog("read", tuple(answer.output.splitlines()))


def _of_kmsg() -> KernelLog:
    """Read /dev/kmsg, in which each read gives one record, `6,339,5140900,-;the message`."""
    try:
        descriptor = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        return KernelLog("denied" if exc.errno in DENIED else "absent")
    try:
        return KernelLog("read", tuple(_records(descriptor)))
    except OSError as exc:
        return KernelLog("denied" if exc.errno in DENIED else "absent")
    finally:
        os.close(descriptor)


def _records(descriptor: int) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            record = os.read(descriptor, 8192).decode(errors="replace")
        except BlockingIOError:
            return lines
        except BrokenPipeError:  # A record was overwritten before it was read; the next read goes on after it.
            continue
        if not record:
            return lines
        head, _semicolon, text = record.partition(";")
        microseconds = (head.split(",") + ["", "", ""])[2]
        stamp = f"[{int(microseconds) / 1e6:12.6f}] " if microseconds.isdigit() else ""
        lines.append(stamp + text.partition("\n")[0])
