# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight host, what may be wrong with the operating system, the kernel, memory and clock of a host."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import older
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem, binary_size
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import Severity, problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

# Where the roles of this collection were made to run; elsewhere a host may serve, but somebody else prepares it.
_SYSTEMS = {"debian": {12, 13}, "ubuntu": {22, 24}, "redhat": {9, 10}}
_SYSTEMS_TEXT = "Debian 12 or 13, Ubuntu 22.04 or 24.04, RHEL or a rebuild 9 or 10"
# The kernel of RHEL 9, the oldest of those.
_KERNEL = "5.14"
_OPEN_FILES = 8192
_SHM = 1 << 30
_SKEW_WARNING, _SKEW_ERROR = 30, 300
# The weights on disk, of which the page cache must hold most while they are loaded: the root folders of the
# repositories on the Hub.
_WEIGHTS = {"openai/gpt-oss-20b": 13_800_000_000, "openai/gpt-oss-120b": 65_300_000_000}


def operating_system(case: Case) -> Iterator[Problem]:
    """Is it one that the roles know?"""
    found = case.host.get("distribution") or {}
    family = "redhat" if found.get("family") == "redhat" else found.get("id")
    if found.get("major") not in _SYSTEMS.get(str(family), ()):
        name = found.get("name") or "unknown"
        remedy = "install one of them, or prepare driver, Docker and toolkit by other means"
        yield problem("os_unsupported", "warning", "operating system", _SYSTEMS_TEXT, str(name), remedy)


def architecture(case: Case) -> Iterator[Problem]:
    """Are there images for it?"""
    found = str(case.host.get("architecture"))
    if found != "x86_64":
        severity: Severity = "warning" if found == "aarch64" else "error"
        remedy = "take another host, or an image made for this one"
        yield problem("architecture_unsupported", severity, "architecture", "x86_64", found, remedy)


def kernel(case: Case) -> Iterator[Problem]:
    """Is it new enough, and can a driver be built for it?"""
    found = case.host.get("kernel") or {}
    release = str(found.get("release") or "")
    if release and older(release.partition("-")[0], _KERNEL):
        yield problem("kernel_old", "warning", "kernel", f"{_KERNEL} or newer", release, "update the kernel, reboot")
    if not found.get("headers") and not case.driver.get("loaded"):
        remedy = (
            "install the headers of the running kernel (linux-headers-… or kernel-devel-…), or reboot into a new one"
        )
        wanted = f"those of {release or 'the kernel'}"
        yield problem("kernel_headers_missing", "warning", "kernel headers", wanted, "none", remedy, "nvidia_driver")


def reboot(case: Case) -> Iterator[Problem]:
    """Do updates wait for a reboot?"""
    found = case.host.get("reboot_required") or {}
    if found.get("required"):
        reasons = listed([str(reason) for reason in found.get("reasons") or []]) or "updates"
        yield problem(
            "reboot_required", "warning", "reboot", "none due", f"due for {reasons}", "reboot before the host serves"
        )


def cgroup(case: Case) -> Iterator[Problem]:
    """Do new containers get the control groups of today?"""
    if case.host.get("cgroup") == 1:
        remedy = "boot with version 2, the default of today's systems; Docker 29 calls version 1 deprecated"
        yield problem("cgroup_v1", "warning", "control groups", "version 2", "version 1", remedy)


def memory(case: Case) -> Iterator[Problem]:
    """Does the host's memory hold the weights while they are loaded?"""
    available = (case.host.get("memory") or {}).get("available_bytes")
    needed = max([_WEIGHTS.get(str(server.get("model")), 0) for server in case.gpu_servers], default=0)
    if available is not None and not list(case.own_containers()) and available < needed:
        remedy = "stop what else runs here, or bear a slow start: the weights are read through the page cache"
        wanted = f"{binary_size(needed)} available"
        yield problem("memory_small", "warning", "memory", wanted, binary_size(available), remedy)


def shared_memory(case: Case) -> Iterator[Problem]:
    """Does /dev/shm, which servers share by default, hold what their workers exchange?"""
    found = (case.host.get("memory") or {}).get("shm_bytes")
    shared = any(server.get("ipc_mode") in (None, "host") for server in case.gpu_servers)
    if found is not None and shared and found < _SHM:
        remedy = "mount -o remount,size=16G /dev/shm, or give the servers ipc_mode: private and shm_size: 16g"
        yield problem("shm_small", "error", "/dev/shm", binary_size(_SHM), binary_size(found), remedy)


def open_files(case: Case) -> Iterator[Problem]:
    """May a process open a file for each request?"""
    found = (case.host.get("limits") or {}).get("nofile_hard")
    if found is not None and 0 <= found < _OPEN_FILES:
        remedy = "raise the hard limit of nofile in /etc/security/limits.conf"
        yield problem("nofile_low", "warning", "open files", f"{_OPEN_FILES:,}", f"{found:,}", remedy)


def clock(case: Case) -> Iterator[Problem]:
    """Is the clock right, and kept right?"""
    found = case.host.get("clock") or {}
    skew = found.get("skew_seconds")
    if skew is not None and abs(skew) > _SKEW_WARNING:
        severity: Severity = "error" if abs(skew) > _SKEW_ERROR else "warning"
        text = f"{abs(skew):,.0f} s {'ahead' if skew > 0 else 'behind'}"
        wanted, remedy = f"within {_SKEW_WARNING} s of the controller's", "set the clock, and keep it so (chronyd)"
        yield problem("clock_skew", severity, "clock", wanted, text, remedy)
    if found.get("synchronized") is False:
        remedy = "run a time service (chronyd, systemd-timesyncd)"
        yield problem("clock_unsynchronized", "warning", "clock", "synchronized", "not synchronized", remedy)


def python(case: Case) -> Iterator[Problem]:
    """Can the managed environment be made?"""
    if not (case.host.get("python") or {}).get("command"):
        remedy = "install one (Debian, Ubuntu: apt-get install python3-venv; RHEL 9: dnf install python3.12)"
        wanted = "CPython 3.10 or newer with venv and ensurepip for the managed environment"
        found = f"{case.wanted.python}, which is not that" if case.wanted.python else "none"
        yield problem("python_missing", "error", "Python", wanted, found, remedy, "hf_cache")
