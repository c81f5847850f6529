# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver obstacles, why a host's driver must not be touched now, each with what to do about it.

Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_decision import Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import Options, State
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

FABRIC_MANAGER = "nvidia-fabricmanager.service"

# Which key DKMS signs with: Ubuntu's own one, elsewhere that of DKMS itself.
_MOK = {"ubuntu": "/var/lib/shim-signed/mok/MOK.der"}


def hardware_problems(gpu: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what no driver helps against."""
    if not gpu["present"]:
        yield problem(
            "no_gpu",
            "error",
            "GPUs",
            "at least one NVIDIA GPU on the PCI bus",
            "none",
            "seat or power the GPUs, pass them through to this machine, or set gpt_oss_gpus: 0 for a host without",
        )
    given_away = [card["address"] for card in gpu["pci"] if card.get("kernel_driver") == "vfio-pci"]
    if given_away:
        yield problem(
            "gpu_passed_through",
            "error",
            "GPUs",
            "GPUs that the host itself drives",
            f"vfio-pci on {', '.join(given_away)}",
            "take them out of the configuration of vfio-pci, or run this role in the virtual machine that has them",
        )


def change_problems(host: Mapping[str, Any], state: State, options: Options) -> Iterator[Problem]:
    """Yield what forbids a change of the driver's packages on this host."""
    if state.family == "other":
        yield problem(
            "system_unsupported",
            "error",
            "operating system",
            "Debian, Ubuntu, or one of RHEL's family, for the packages of the driver",
            host["distribution"]["name"],
            "install the driver by hand; the role leaves one that works alone",
        )
    if host["kernel"]["secure_boot"] and not options.modules_signed:
        yield problem(
            "secure_boot",
            "error",
            "Secure Boot",
            "it off, or the key that DKMS signs the modules with enrolled",
            "it on, so the kernel would refuse the new modules",
            "enrol the key: `mokutil --import " + _MOK.get(state.distribution, "/var/lib/dkms/mok.pub") + "`, reboot, "
            "confirm at the console; then set nvidia_driver_modules_signed: true. Or switch Secure Boot off",
        )


def unit_problems(host: Mapping[str, Any], state: State) -> Iterator[Problem]:
    """Yield what forbids the fabric manager to start."""
    unit = host["services"].get(FABRIC_MANAGER) or {}
    if state.fabric != "none" and unit.get("enabled") == "masked":
        yield problem(
            "fabric_manager_masked",
            "error",
            "fabric manager",
            f"{FABRIC_MANAGER} able to start",
            "it masked",
            f"systemctl unmask {FABRIC_MANAGER}",
        )


def held_problems(host: Mapping[str, Any], state: State, names: Sequence[str]) -> Iterator[Problem]:
    """Yield the packages to change that somebody has put on hold; dnf's locks are the role's own affair."""
    held = sorted(set(names) & set(host["held"])) if state.family == "debian" else []
    if held:
        yield problem(
            "driver_packages_held",
            "error",
            "driver packages",
            "packages that may be changed",
            f"{', '.join(held)} on hold",
            f"apt-mark unhold {' '.join(held)} (the role pins versions, which must not be mixed with holds)",
        )


def process_problems(gpu: Mapping[str, Any], own: Sequence[str]) -> Iterator[Problem]:
    """Yield the processes on the GPUs that are not in one of the containers of this collection (`own`, full ids)."""
    for process in foreign_processes(gpu, own):
        memory = f" with {process['memory_mib']} MiB" if process["memory_mib"] is not None else ""
        container = f" in container {process['container'][:12]}" if process["container"] else ""
        stop = f"docker stop {process['container'][:12]}" if process["container"] else f"kill {process['pid']}"
        yield problem(
            "foreign_gpu_process",
            "error",
            "GPUs",
            "no process but those of this collection's servers on the GPUs, as the driver must be changed",
            f"process {process['pid']} ({process['name']}){memory}{container}",
            f"end it ({stop}) or wait for it, and run this again",
        )


def foreign_processes(gpu: Mapping[str, Any], own: Sequence[str]) -> list[dict[str, Any]]:
    """Return processes on the GPUs that are not in own containers, each once with its memory on all GPUs."""
    found: dict[int, dict[str, Any]] = {}
    for process in (process for device in gpu["devices"] for process in device["processes"]):
        if process["container"] and process["container"] in own:
            continue
        known = found.setdefault(process["pid"], {**process, "memory_mib": None})
        if process["memory_mib"] is not None:
            known["memory_mib"] = (known["memory_mib"] or 0) + process["memory_mib"]
    return list(found.values())
