from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_driver import (
    is_persistenced_running,
    notable_lines,
    read_driver,
    read_fabric_manager,
)
from gpu_host import FakeCommands, fixture, write

PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12\n"
)
LOADED = {"sys/module/nvidia/version": "580.159.04\n"}
VERSION = "proc/driver/nvidia/version"

# The files, what modinfo says, and what becomes of it.
DRIVERS: list[tuple[dict[str, str], Any, dict[str, Any]]] = [
    ({}, None, {"loaded": False, "version": None, "flavour": None, "nouveau_loaded": False}),
    (
        {"sys/module/nvidia/refcnt": "0", VERSION: fixture("h200-driver-version.txt")},
        None,
        {"loaded": True, "version": "580.159.04", "flavour": "open", "on_disk_version": None},
    ),
    (
        {**LOADED, VERSION: PROPRIETARY},
        "filename: /lib/modules/x.ko\nlicense:        Dual MIT/GPL\nversion:        580.95.05\nvermagic: 6.1:a\n",
        {"version": "550.54.15", "flavour": "proprietary", "on_disk_version": "580.95.05", "on_disk_flavour": "open"},
    ),
    (LOADED, "license: NVIDIA\nversion: 580.95.05\n", {"version": "580.159.04", "flavour": None}),
    (LOADED, "license: NVIDIA\nversion: 580.95.05\n", {"on_disk_flavour": "proprietary"}),
    (
        {"sys/module/nouveau/refcnt": "0"},
        Answer(1, "", "modinfo: ERROR: Module nvidia not found.\n"),
        {"loaded": False, "nouveau_loaded": True, "on_disk_version": None, "on_disk_flavour": None},
    ),
]


@pytest.mark.parametrize(("files", "modinfo", "expected"), DRIVERS)
def test_drivers(tmp_path: Path, files: dict[str, str], modinfo: Any, expected: dict[str, Any]) -> None:
    commands = FakeCommands({} if modinfo is None else {"modinfo nvidia": modinfo})
    found = read_driver(write(tmp_path, files), commands)
    assert {key: found[key] for key in expected} == expected


GOOD = "Detected NVL5+ system\nUsing the first port\nDetected NVL5+ system\n"


def test_a_fabric_manager_with_its_journal(tmp_path: Path) -> None:
    write(tmp_path, {"opt/nvidia/nvlsm/sbin/nvlsm": "", "var/log/fabricmanager.log": "NV_WARN_NOTHING_TO_DO\n"})
    said = {"nv-fabricmanager --version": "Fabric Manager version is : 580.95.05\n", "journalctl --unit": GOOD}
    assert read_fabric_manager(tmp_path, FakeCommands(said)) == {
        "version": "580.95.05",
        "binary": True,
        "nvlsm": True,
        "log": ["Detected NVL5+ system"],
    }


def test_a_fabric_manager_without_a_journal(tmp_path: Path) -> None:
    write(tmp_path, {"var/log/fabricmanager.log": f"{'x' * 100000}\nrc: NV_WARN_NOTHING_TO_DO\n"})
    found = read_fabric_manager(tmp_path, FakeCommands({"nv-fabricmanager": Answer(1, "", "broken")}))
    assert found == {"version": None, "binary": True, "nvlsm": False, "log": ["rc: NV_WARN_NOTHING_TO_DO"]}


def test_no_fabric_manager(tmp_path: Path) -> None:
    found = read_fabric_manager(tmp_path, FakeCommands({"journalctl": GOOD}))
    assert found == {"version": None, "binary": False, "nvlsm": False, "log": []}


@pytest.mark.parametrize(
    "line",
    [
        "Detected Pre-NVL5 system",
        'Kernel module "ib_umad" has not been loaded, fabric manager cannot start',
        "ibstat is not in PATH, fabric manager cannot start",
        "/opt/nvidia/nvlsm/sbin/nvlsm does not exist.",
        "fabric manager NVIDIA GPU driver interface version 580.82.07 don't match with driver version 580.95.05. "
        "Please update with matching NVIDIA driver package.",
    ],
)
def test_notable_lines(line: str) -> None:
    assert notable_lines(f"Starting\n{line}\nDone\n") == [line]


def test_notable_lines_are_the_last_ones() -> None:
    assert notable_lines("\n".join(f"{n} NV_WARN_NOTHING_TO_DO" for n in range(90)))[-1] == "89 NV_WARN_NOTHING_TO_DO"
    assert len(notable_lines("\n".join(f"{n} NV_WARN_NOTHING_TO_DO" for n in range(90)))) == 20


PID = "run/nvidia-persistenced/nvidia-persistenced.pid"


@pytest.mark.parametrize(
    ("files", "running"),
    [
        ({}, False),
        ({"proc/42/comm": "nvidia-persiste\n"}, True),
        ({"proc/42/comm": "python3\n"}, False),
        ({"proc/42/comm": "sh\n", PID: "42\n"}, True),
        ({"proc/42/comm": "sh\n", PID: "43\n"}, False),
        ({"proc/self/comm": "nvidia-persiste\n"}, False),
    ],
)
def test_persistenced(tmp_path: Path, files: dict[str, str], running: bool) -> None:
    assert is_persistenced_running(write(tmp_path, files)) is running
