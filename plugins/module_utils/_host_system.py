# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host system, the operating system, kernel, memory and limits of a host."""

from __future__ import annotations

import os
import pwd
import re
import resource
import shlex
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

# The variable's name and vendor GUID are the UEFI specification's; its value follows four bytes of attributes.
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_FAMILIES = {"debian": "debian", "ubuntu": "debian", "rhel": "redhat", "fedora": "redhat", "centos": "redhat"}


def parse_os_release(text: str) -> dict[str, Any]:
    """Return the distribution from the text of os-release (https://www.freedesktop.org/software/systemd/man/os-release.html)."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            fields[name] = _unquoted(value)
    identity, version = fields.get("ID", "").lower(), fields.get("VERSION_ID", "")
    likes = [identity, *fields.get("ID_LIKE", "").lower().split()]
    major = re.match(r"\d{1,9}", version)
    return {
        "id": identity or None,
        "version": version or None,
        "major": int(major.group()) if major else None,
        "codename": fields.get("VERSION_CODENAME") or None,
        "family": next((_FAMILIES[like] for like in likes if like in _FAMILIES), "other"),
        "name": fields.get("PRETTY_NAME") or identity or None,
    }


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:  # a quotation mark is missing
        return value.strip("\"' ")


def distribution(reader: Reader) -> dict[str, Any]:
    """Return the distribution."""
    return parse_os_release(reader.text("/etc/os-release") or reader.text("/usr/lib/os-release") or "")


def user() -> dict[str, Any]:
    """Return the user as whom the host is looked at."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return {"name": name, "root": uid == 0}


def kernel(reader: Reader) -> dict[str, Any]:
    """Return the running kernel; `headers` tells whether modules can be built for it."""
    release = (reader.text("/proc/sys/kernel/osrelease") or os.uname().release).strip()
    return {
        "release": release,
        "command_line": (reader.text("/proc/cmdline") or "").strip(),
        "headers": reader.exists(f"/lib/modules/{release}/build"),
        "secure_boot": secure_boot(reader),
    }


def secure_boot(reader: Reader) -> Optional[bool]:
    """Tell whether the firmware demands signed kernels and modules; None when that cannot be told."""
    try:
        value = reader.path(_SECURE_BOOT).read_bytes()
    except OSError:
        value = b""
    if len(value) > 4:
        return value[4] == 1
    said = (reader.output("mokutil", "--sb-state") or "").lower()
    if "secureboot enabled" in said:
        return True
    if "secureboot disabled" in said or not reader.exists("/sys/firmware/efi"):
        return False
    return None


def memory(reader: Reader) -> dict[str, Any]:
    """Return the memory in bytes, and how much of it /dev/shm may take."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", reader.text("/proc/meminfo") or "", re.MULTILINE))
    try:
        status = os.statvfs(reader.path("/dev/shm"))
        shm: Optional[int] = status.f_blocks * status.f_frsize
    except OSError:
        shm = None
    return {
        "total_bytes": int(fields["MemTotal"]) * 1024 if "MemTotal" in fields else None,
        "available_bytes": int(fields["MemAvailable"]) * 1024 if "MemAvailable" in fields else None,
        "shm_bytes": shm,
    }


def limits() -> dict[str, int]:
    """Return the limits of this process; -1 is no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"nofile_soft": soft, "nofile_hard": hard}


def cgroup(reader: Reader) -> int:
    """Return the version of the control groups that new containers get."""
    return 2 if reader.exists("/sys/fs/cgroup/cgroup.controllers") else 1


def init(reader: Reader) -> str:
    """Return what runs as PID 1: the folder is what sd_booted(3) looks for."""
    return "systemd" if reader.exists("/run/systemd/system") else "other"


def virtualization(reader: Reader) -> Optional[str]:
    """Return the kind of virtual machine or container, "none" for none; None when that cannot be told."""
    _code, output, _error = reader.run(["systemd-detect-virt"])
    return output.strip() or None


def reboot_required(reader: Reader, family: str) -> dict[str, Any]:
    """Return whether installed updates wait for a reboot, and the packages that do."""
    if family == "redhat":
        code, output, _error = reader.run(["needs-restarting", "-r"])
        reasons = re.findall(r"^\s+\*\s+(\S+)", output, re.MULTILINE)
        return {"required": code == 1, "reasons": reasons}
    packages = (reader.text("/run/reboot-required.pkgs") or "").split()
    return {"required": reader.exists("/run/reboot-required"), "reasons": sorted(set(packages))}


def unattended_upgrades(reader: Reader, family: str) -> bool:
    """Tell whether the distribution installs updates by itself."""
    if family == "redhat":
        timers = reader.names("/etc/systemd/system/timers.target.wants", "dnf-automatic*.timer")
        applied = re.search(r"^\s*apply_updates\s*=\s*(yes|true|1)", reader.text("/etc/dnf/automatic.conf") or "", re.M)
        return bool(timers) and (bool(applied) or any("install" in name for name in timers))
    if not reader.exists("/usr/bin/unattended-upgrade"):
        return False
    said = "".join(reader.text(name) or "" for name in reader.names("/etc/apt/apt.conf.d"))
    values = re.findall(r'^\s*APT::Periodic::Unattended-Upgrade\s+"(\w+)"', said, re.MULTILINE)
    return bool(values) and values[-1] not in ("0", "false", "no")
