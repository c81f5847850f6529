"""The simulated kernel: which modules are loaded, and what the kernel's log says."""

from __future__ import annotations

import os
import shutil
from typing import Any

from machine import FABRIC_MANAGER, LOADED, ON_DISK, STATE, configuration, driver, gpus, is_persistenced_running, serves

MODULES = STATE / "fake" / "module"
PROC = STATE / "fake" / "driver"
BUS = STATE / "fake" / "devices"
NVIDIA = ("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem")
KNOWN = (*NVIDIA, "nouveau", "ib_umad", "ib_core", "ib_uverbs", "mlx5_core", "mlx5_ib")
VERSIONS = {
    "open": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build  (builder@stub)\n",
    "proprietary": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Wed Jan  1 00:00:00 UTC 2025\n",
}


class Refusal(Exception):
    """The kernel refuses; the text is what modprobe says."""


def is_loaded(name: str) -> bool:
    return (MODULES / name).is_dir() and not (MODULES / name).is_symlink()


def load(name: str) -> None:
    """Load a module. Raises Refusal for the reasons for which a real kernel refuses."""
    wanted = configuration()
    if is_loaded(name):
        return
    if name in wanted["modules_missing"] or (name in NVIDIA and driver(ON_DISK) is None):
        raise Refusal(f"modprobe: FATAL: Module {name} not found in directory /lib/modules/{os.uname().release}")
    if name in NVIDIA:
        if wanted["secure_boot"] and not wanted["modules_signed"]:
            raise Refusal(f"modprobe: ERROR: could not insert '{name}': Key was rejected by service")
        if is_loaded("nouveau") or not gpus(wanted):
            raise Refusal(f"modprobe: ERROR: could not insert '{name}': No such device")
        if name != "nvidia":
            load("nvidia")
        else:
            _start_driver(wanted)
    _enter(name, LOADED.read_text().split()[0].partition("=")[2] if name in NVIDIA else "")


def unload(name: str) -> None:
    """Unload a module. Raises Refusal while it is in use."""
    if not is_loaded(name):
        raise Refusal(f"modprobe: FATAL: Module {name} is not currently loaded.")
    if name == "nvidia":
        others = [other for other in NVIDIA[1:] if is_loaded(other)]
        if others or FABRIC_MANAGER.exists() or is_persistenced_running() or configuration()["processes"]:
            raise Refusal(f"modprobe: FATAL: Module {name} is in use.")
        _stop_driver()
    shutil.rmtree(MODULES / name)


def log_lines(wanted: dict[str, Any]) -> list[str]:
    """Return the kernel's log since the boot."""
    lines = ["[    0.000000] Linux version " + os.uname().release, "[    0.171234] PCI: Using configuration type 1"]
    loaded = driver(LOADED)
    if loaded:
        text = VERSIONS[loaded.flavour].format(version=loaded.version).partition(": NVIDIA UNIX")[2].strip()
        lines.append(f"[    4.537766] NVRM: loading NVIDIA UNIX {text}")
        lines += [_not_served(gpu.address, gpu.model.device_id) for gpu in gpus(wanted) if not serves(loaded, gpu)]
    places = [gpu.address.rpartition(".")[0] for gpu in gpus(wanted)]
    for at, one in enumerate(wanted["xids"]):
        event = one if isinstance(one, dict) else {"xid": one}
        text = event.get("text", "pid='<unknown>', name=<unknown>, simulated")
        place = places[event.get("gpu", 0)] if places else "0000:1b:00"
        lines.append(f"[{3600 + at:5}.000000] NVRM: Xid (PCI:{place}): {event['xid']}, {text}")
    return [*lines, *wanted["kernel_log"]]


def _not_served(address: str, device_id: str) -> str:
    return (
        f"[    4.600000] NVRM: The NVIDIA GPU {address} (PCI ID: 10de:{device_id}) installed in this system requires "
        "use of the NVIDIA open kernel modules."
    )


def _enter(name: str, version: str) -> None:
    folder = MODULES / name
    folder.mkdir(parents=True)
    (folder / "initstate").write_text("live\n")
    (folder / "refcnt").write_text("0\n")
    if version:
        (folder / "version").write_text(f"{version}\n")


def _start_driver(wanted: dict[str, Any]) -> None:
    """Enter the driver on disk into /proc, and give it its GPUs."""
    found = driver(ON_DISK)
    assert found is not None
    LOADED.write_text(ON_DISK.read_text())
    folder = PROC / "nvidia"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "version").write_text(
        VERSIONS[found.flavour].format(version=found.version) + "GCC version:  gcc (stub)\n"
    )
    for gpu in gpus(wanted):
        if serves(found, gpu):
            bind(gpu.address, "nvidia")
            place = folder / "gpus" / gpu.address
            place.mkdir(parents=True)
            (place / "information").write_text(f"Model: \t\t {gpu.model.name}\nGPU UUID: \t {gpu.uuid}\n")


def _stop_driver() -> None:
    shutil.rmtree(PROC / "nvidia", ignore_errors=True)
    LOADED.unlink(missing_ok=True)
    for link in BUS.glob("*/driver"):
        if link.is_symlink() and link.readlink().name == "nvidia":
            link.unlink()


def bind(address: str, name: str) -> None:
    """Give a device of the bus to a driver."""
    link = BUS / address / "driver"
    link.unlink(missing_ok=True)
    link.symlink_to(f"../../../bus/pci/drivers/{name}")
