from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log import (
    KernelLog,
    find_xids,
    normal_address,
    read_kernel_log,
)
from gpu_host import FakeCommands, fixture

FALLEN = "[ 3600.000000] NVRM: Xid (PCI:0000:1b:00): 79, pid=1234, name=python3, GPU has fallen off the bus."

# A line, and the address, number, severity and text that it holds.
LINES = [
    (FALLEN, "0000:1b:00.0", 79, "host", "pid=1234, name=python3, GPU has fallen off the bus."),
    ("NVRM: Xid (0000:01:00): 31, Ch 0000000b, engmask 00000120", "0000:01:00.0", 31, "application", "Ch 0000000b, "),
    (
        "kernel: NVRM: Xid (PCI:0000:CB:00): 13, pid='<unknown>', name=<unknown>, Graphics SM Warp Exception",
        "0000:cb:00.0",
        13,
        "application",
        "pid='<unknown>'",
    ),
    ("NVRM: Xid (PCI:0000:10:1c): 63, pid=1896, Row Remapper: New row", "0000:10:1c.0", 63, "information", "pid=1896"),
    ("NVRM: Xid (PCI:0000:1b:00 GPU-I:05): 95, Uncontained: SM (0x1)", "0000:1b:00.0", 95, "gpu", "Uncontained"),
    ("NVRM: Xid (PCI:0000:1b:00): 149", "0000:1b:00.0", 149, "gpu", ""),
    ("NVRM: Xid (PCI:0000:1b:00): 4711, something new", "0000:1b:00.0", 4711, "unknown", "something new"),
]


@pytest.mark.parametrize(("line", "address", "number", "severity", "text"), LINES)
def test_xid_lines(line: str, address: str, number: int, severity: str, text: str) -> None:
    (found,) = find_xids(KernelLog("read", ("nothing", line)))
    assert (found["pci_address"], found["xid"], found["severity"], found["line"]) == (address, number, severity, line)
    assert found["text"].startswith(text)
    assert found["meaning"]


def test_a_flood_becomes_one_entry_for_each_gpu_and_xid() -> None:
    lines = [f"NVRM: Xid (PCI:0000:1b:00): 31, number {n}" for n in range(500)]
    lines.insert(3, FALLEN)
    found = find_xids(KernelLog("read", tuple(lines)))
    assert [(one["xid"], one["count"]) for one in found] == [(79, 1), (31, 500)]
    assert found[1]["text"] == "number 499"


def test_a_healthy_log_holds_none() -> None:
    assert find_xids(KernelLog("read", tuple(fixture("h200-dmesg.txt").splitlines()))) == []


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("00000000:1B:00.0", "0000:1b:00.0"),
        ("0000:1b:00", "0000:1b:00.0"),
        ("00010000:0A:00.0", "10000:0a:00.0"),
        ("", ""),
        ("zz:00:00", "zz:00:00"),
    ],
)
def test_addresses(address: str, normal: str) -> None:
    assert normal_address(address) == normal


DENIED = Answer(1, "", "dmesg: read kernel buffer failed: Operation not permitted\n")
WHOLE, LATE = "[    0.100000] first\n", "[90000.000000] late\n"

# What dmesg, the journal and /dev/kmsg say, and which of them is taken.
SOURCES = [
    ({"dmesg": WHOLE}, KernelLog("absent"), KernelLog("read", (WHOLE.strip(),))),
    ({"dmesg": LATE, "journalctl": WHOLE}, KernelLog("absent"), KernelLog("read", (WHOLE.strip(),))),
    ({"dmesg": LATE, "journalctl": ""}, KernelLog("absent"), KernelLog("read", (LATE.strip(),))),
    ({"dmesg": "no stamps"}, KernelLog("absent"), KernelLog("read", ("no stamps",))),
    ({"dmesg": DENIED, "journalctl": WHOLE}, KernelLog("denied"), KernelLog("read", (WHOLE.strip(),))),
    ({"dmesg": DENIED}, KernelLog("read", ("record",)), KernelLog("read", ("record",))),
    ({"dmesg": DENIED, "journalctl": ""}, KernelLog("denied"), KernelLog("denied")),
    ({"dmesg": DENIED}, KernelLog("absent"), KernelLog("denied")),
    ({"journalctl": Answer(1, "", "no journal")}, KernelLog("absent"), KernelLog("absent")),
    ({}, KernelLog("absent"), KernelLog("absent")),
]


@pytest.mark.parametrize(("commands", "kmsg", "expected"), SOURCES)
def test_sources(commands: dict[str, str | Answer], kmsg: KernelLog, expected: KernelLog) -> None:
    assert read_kernel_log(FakeCommands(commands), lambda: kmsg) == expected
