#!/bin/sh
# Give a test instance GPUs: lays fakes over parts of /sys and /proc, as /srv/hardware.json asks. See README.md.
"exec" "/usr/bin/python3" "$0" "$@"  # fmt: skip

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kernel
from kernel import BUS, MODULES, PROC, Refusal, bind, is_loaded, load
from machine import STATE, change, configuration, gpus, has_nvlink5

USAGE = """\
usage: hardware.py apply           lay the fakes, and load the driver that is on disk, as at a boot
       hardware.py set JSON        change the hardware until the next boot, such as '{"missing_gpus": 1}'
       hardware.py install         apply, and apply again at each boot of the instance
       hardware.py reset           take all fakes away
"""
HERE = Path("/srv/hardware")
SYS = STATE / "sys"  # The real /sys: links in the fakes lead there.
CLASSES = STATE / "fake" / "class"
FIRMWARE = STATE / "fake" / "firmware"
APPLIED = STATE / "applied"
# What is laid where.
FAKES = {
    BUS: Path("/sys/bus/pci/devices"),
    MODULES: Path("/sys/module"),
    CLASSES: Path("/sys/class"),
    PROC: Path("/proc/driver"),
    FIRMWARE: Path("/sys/firmware"),
}
SECURE_BOOT = "efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
UNIT = Path("/etc/systemd/system/simulated-hardware.service")
UNIT_TEXT = f"""[Unit]
Description=Simulated GPUs
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=true
ExecStart={HERE}/hardware.py apply

[Install]
WantedBy=sysinit.target
"""


def apply() -> None:
    """Make the machine as it is asked for. The first time since the boot, load drivers as a boot does."""
    first = not APPLIED.exists()
    if first:
        lay()
    wanted = configuration()
    fill_bus(wanted)
    fill_classes(wanted)
    fill_firmware(wanted)
    if first:
        boot(wanted)
        APPLIED.touch()


def lay() -> None:
    """Lay empty fakes over the real places, and the stubs over the real commands."""
    for folder in (SYS, *FAKES):
        folder.mkdir(parents=True, exist_ok=True)
    mount(Path("/sys"), SYS)
    for entry in (SYS / "module").iterdir():
        (MODULES / entry.name).symlink_to(entry)
    for entry in (SYS / "class").iterdir():
        (CLASSES / entry.name).symlink_to(entry)
    for fake, place in FAKES.items():
        mount(fake, place)
    lay_command("kmod", Path("/usr/bin/kmod"), ["modprobe", "modinfo", "lsmod", "rmmod"])
    lay_command("dmesg", Path("/usr/bin/dmesg"), ["dmesg"])
    link(HERE / "mokutil", Path("/usr/local/bin/mokutil"))


def lay_command(stub: str, real: Path, names: list[str]) -> None:
    """Lay a stub over a real command, which stays in reach; where there is none, give the stub its names."""
    if real.exists():
        kept = STATE / stub
        kept.touch()
        mount(real, kept)
        mount(HERE / stub, real)
        return
    for name in names:
        link(HERE / stub, Path("/usr/local/sbin", name))


def link(stub: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(stub)


def fill_bus(wanted: dict[str, Any]) -> None:
    """Put the real devices that are not NVIDIA's on the bus, the simulated GPUs and the switches."""
    drivers = {path.parent.name: path.readlink().name for path in BUS.glob("*/driver") if not path.parent.is_symlink()}
    empty(BUS)
    for entry in (SYS / "bus/pci/devices").iterdir():
        if (entry / "vendor").read_text().strip() != "0x10de":
            (BUS / entry.name).symlink_to(entry)
    for gpu in gpus(wanted):
        device(gpu.address, f"0x{gpu.model.device_id}", "0x030200")
        if gpu.address in drivers:
            bind(gpu.address, drivers[gpu.address])
    for number in range(wanted["nvswitches"]):
        device(f"0000:{5 + number:02x}:00.0", "0x22a3", "0x068000")


def device(address: str, number: str, kind: str) -> None:
    folder = BUS / address
    folder.mkdir()
    for name, text in {"vendor": "0x10de", "device": number, "class": kind}.items():
        (folder / name).write_text(f"{text}\n")


def fill_classes(wanted: dict[str, Any]) -> None:
    """Make the network devices: the four that manage NVLink 5 switches, and the ordinary ones."""
    folder = CLASSES / "infiniband"
    shutil.rmtree(folder, ignore_errors=True)
    marks = ["ConnectX-7 adapter"] * wanted["infiniband"] + ["NVSwitch SW_MNG"] * (4 if has_nvlink5(wanted) else 0)
    if "mlx5_ib" in wanted["modules_missing"]:
        return
    for number, mark in enumerate(marks):
        place = folder / f"mlx5_{number}" / "device"
        place.mkdir(parents=True)
        (place / "vpd").write_bytes(b"\x82\x12\x00" + mark.encode() + b"\x00\x78")


def fill_firmware(wanted: dict[str, Any]) -> None:
    """Write the EFI variable of Secure Boot: four bytes of attributes and one of value."""
    empty(FIRMWARE)
    if wanted["secure_boot"] is not None:
        variable = FIRMWARE / SECURE_BOOT
        variable.parent.mkdir(parents=True)
        variable.write_bytes(bytes([6, 0, 0, 0, int(wanted["secure_boot"])]))


def boot(wanted: dict[str, Any]) -> None:
    """Load what a boot loads: nouveau where it is asked for, else the driver on disk, and /etc/modules-load.d."""
    if wanted["nouveau"]:
        kernel.load("nouveau")
        for gpu in gpus(wanted):
            bind(gpu.address, "nouveau")
    listed = [path.read_text() for path in sorted(Path("/etc/modules-load.d").glob("*.conf"))]
    names = [name.strip().replace("-", "_") for text in listed for name in text.splitlines()]
    for name in ["nvidia", *(name for name in names if name in kernel.KNOWN)]:
        with contextlib.suppress(Refusal):
            load(name)


def reset() -> None:
    """Take all fakes away."""
    if is_loaded("nvidia"):
        shutil.rmtree(MODULES / "nvidia")
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    places = [str(place) for place in (*FAKES.values(), SYS, Path("/usr/bin/kmod"), Path("/usr/bin/dmesg"))]
    places += [str(STATE / "kmod"), str(STATE / "dmesg")]
    for place in reversed(mounted):
        # Docker itself lays an empty folder over /sys/firmware; ours lies above it.
        if place in places and not (place == "/sys/firmware" and mounted.count(place) == 1):
            subprocess.run(["umount", place], check=True)
            mounted.remove(place)
    shutil.rmtree(STATE, ignore_errors=True)
    for name in ("sbin/modprobe", "sbin/modinfo", "sbin/lsmod", "sbin/rmmod", "sbin/dmesg", "bin/mokutil"):
        Path("/usr/local", name).unlink(missing_ok=True)


def install() -> None:
    """Apply now and at each boot."""
    UNIT.write_text(UNIT_TEXT)
    subprocess.run(["systemctl", "enable", "--quiet", UNIT.name], check=True)
    apply()


def empty(folder: Path) -> None:
    """Empty a folder; it stays, as it is mounted somewhere."""
    for entry in folder.iterdir():
        entry.unlink() if entry.is_symlink() or entry.is_file() else shutil.rmtree(entry)


def mount(source: Path, place: Path) -> None:
    subprocess.run(["mount", "--bind", str(source), str(place)], check=True)


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "set":
        change(json.loads(sys.argv[2]))
    commands = {"apply": apply, "set": apply, "install": install, "reset": reset}
    if command not in commands:
        sys.exit(USAGE)
    commands[command]()


if __name__ == "__main__":
    main()
