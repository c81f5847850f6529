# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: pci, the NVIDIA devices on the PCI bus, and what the InfiniBand class tells about their NVLink."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_models import model_of

NVIDIA = 0x10DE
# PCI class codes, less their programming interface: display controllers that are GPUs, and the bridge that NVSwitch is.
GPU_CLASSES = (0x0300, 0x0302)
BRIDGE_CLASS = 0x0680
# The start script of the fabric manager knows an NVLink 5 system by this mark in the vital product data of the network
# devices that manage the switches.
SWITCH_MARK = b"SW_MNG"


@dataclass(frozen=True)
class Bus:
    """The GPUs, one dictionary each in the order of their addresses, and the number of NVSwitches."""

    gpus: tuple[dict[str, Any], ...]
    nvswitches: int


def read_bus(root: Path) -> Bus:
    """Return what the bus holds; no driver is needed for it."""
    gpus, switches = [], 0
    for device in children(root / "sys/bus/pci/devices"):
        if _number(device / "vendor") != NVIDIA:
            continue
        kind = (_number(device / "class") or 0) >> 8
        if kind in GPU_CLASSES:
            gpus.append(_gpu(device))
        elif kind == BRIDGE_CLASS:
            switches += 1
    return Bus(tuple(gpus), switches)


def has_nvlink5(root: Path) -> Optional[bool]:
    """Tell whether a network device manages NVLink switches; None where this cannot be known.

    It cannot be known without the InfiniBand class, and where no device may be read, as without root.
    """
    folder = root / "sys/class/infiniband"
    if not folder.is_dir():
        return None
    devices = children(folder)
    contents = [read_bytes(device / "device/vpd") for device in devices]
    if any(SWITCH_MARK in content for content in contents if content):
        return True
    refused = [device for device, content in zip(devices, contents) if content is None and _exists(device)]
    return None if refused else False


def children(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted; nothing when it is not there."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def read_bytes(path: Path) -> Optional[bytes]:
    """Return a small file's content; None when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def read_text(path: Path) -> str:
    """Return a small file's text without its last line end; empty when it cannot be read."""
    return (read_bytes(path) or b"").decode(errors="replace").strip()


def _exists(device: Path) -> bool:
    return (device / "device/vpd").exists()


def _gpu(device: Path) -> dict[str, Any]:
    device_id = f"{_number(device / 'device') or 0:04x}"
    model = model_of(device_id)
    return {
        "address": device.name.lower(),
        "device_id": device_id,
        "name": model.name,
        "generation": model.generation,
        "kernel_driver": _driver(device / "driver"),
    }


def _driver(link: Path) -> Optional[str]:
    return link.readlink().name if link.is_symlink() else None


def _number(path: Path) -> Optional[int]:
    """Return the hexadecimal number that a file of sysfs holds, such as `0x10de`."""
    try:
        return int(read_text(path), 16)
    except ValueError:
        return None
