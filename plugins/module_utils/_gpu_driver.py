# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu_driver, the NVIDIA driver in the kernel and on disk, and the services beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pci import children, read_text

# "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build" was seen on a real host; the
# proprietary module says "NVIDIA UNIX x86_64 Kernel Module  550.54.15".
MODULE_VERSION = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)")
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
# Linux cuts the name of a process after 15 characters.
PERSISTENCED = "nvidia-persistenced"[:15]
# What the fabric manager and its start script say about themselves, as they write it.
NOTABLE = (
    "Detected NVL5+ system",
    "Detected Pre-NVL5 system",
    "fabric manager cannot start",
    "nvlsm does not exist",
    'nvlsm" does not exist',
    "NV_WARN_NOTHING_TO_DO",
    "match with driver version",
    "incompatible with",
)
LOG = "var/log/fabricmanager.log"
LOG_TAIL = 65536
LOG_LINES = 20


def read_driver(root: Path, commands: Commands) -> dict[str, Any]:
    """Return the driver that is loaded and the one that would be loaded next."""
    loaded = (root / "sys/module/nvidia").is_dir()
    said = read_text(root / "proc/driver/nvidia/version") if loaded else ""
    version = MODULE_VERSION.search(said)
    on_disk = _on_disk(commands)
    return {
        "loaded": loaded,
        "version": version[1] if version else (read_text(root / "sys/module/nvidia/version") or None),
        "flavour": ("open" if "Open Kernel Module" in said else "proprietary") if said else None,
        "on_disk_version": on_disk.get("version"),
        "on_disk_flavour": _flavour(on_disk.get("license")),
        "nouveau_loaded": (root / "sys/module/nouveau").is_dir(),
        "cuda_version": None,
    }


def read_fabric_manager(root: Path, commands: Commands) -> dict[str, Any]:
    """Return the fabric manager's version and what its log says of note since the boot."""
    answer = commands.run("nv-fabricmanager", "--version")
    version = VERSION.search(answer.output + answer.error) if answer else None
    return {
        "version": version[0] if version else None,
        "binary": answer is not None,
        "nvlsm": (root / "opt/nvidia/nvlsm/sbin/nvlsm").exists(),
        "log": _fabric_log(root, commands) if answer is not None else [],
    }


def is_persistenced_running(root: Path) -> bool:
    """Tell whether the persistence daemon runs."""
    pid = read_text(root / "run/nvidia-persistenced/nvidia-persistenced.pid")
    if pid.isdigit() and (root / "proc" / pid).is_dir():
        return True
    processes = (child for child in children(root / "proc") if child.name.isdigit())
    return any(read_text(process / "comm") == PERSISTENCED for process in processes)


def notable_lines(text: str) -> list[str]:
    """Return the last notable lines of the fabric manager's log, each once."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        if any(mark in line for mark in NOTABLE):
            found.pop(line.strip(), None)
            found[line.strip()] = None
    return list(found)[-LOG_LINES:]


def _on_disk(commands: Commands) -> dict[str, str]:
    answer = commands.run("modinfo", "nvidia")
    if answer is None or answer.code != 0:
        return {}
    pairs = (line.partition(":") for line in answer.output.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _flavour(license_text: Optional[str]) -> Optional[str]:
    """Return the flavour by the module's licence: `NVIDIA`, or one that names GPL or MIT."""
    if not license_text:
        return None
    return "open" if re.search(r"GPL|MIT", license_text) else "proprietary"


def _fabric_log(root: Path, commands: Commands) -> list[str]:
    """Return the notable lines of the journal since the boot; without a journal, of the end of the log file."""
    unit = ["--unit=nvidia-fabricmanager", "--boot", "--no-pager", "--quiet", "--output=cat", "--lines=500"]
    answer = commands.run("journalctl", *unit)
    journal = notable_lines(answer.output) if answer and answer.code == 0 else []
    if journal:
        return journal
    try:
        with (root / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOG_TAIL))
            return notable_lines(file.read().decode(errors="replace"))
    except OSError:
        return []
