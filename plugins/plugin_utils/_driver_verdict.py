# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver verdict, what a host still lacks after its driver was seen to, with the cause where a log names it.

Everything here is pure. The lines of the fabric manager are those of its start script and of itself (fabric manager
user guide; start script of branch 570 and later).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_decision import Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_obstacles import FABRIC_MANAGER
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import State, read_options, read_state
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

Facts = Mapping[str, Any]

# A line of the log -> what it means and what to do. The first that fits counts.
_CAUSES = (
    (
        '"ib_umad" has not been loaded',
        "the kernel module ib_umad was not loaded when it started; run `modprobe ib_umad`",
    ),
    ("does not exist", "the package nvlsm is not installed; install it from NVIDIA's CUDA repository"),
    ("match with driver version", "it is of another version than the loaded driver; install both in one version"),
    ("incompatible with", "it is of another version than the loaded driver; install both in one version"),
)
_PRE_NVL5 = (
    "it took the board for one before NVLink5: nvlsm, ib_umad or mlx5_ib was missing, or this is a virtual machine "
    "without the NVSwitches"
)
_NOTHING_TO_DO = (
    "it found no NVSwitch; in a virtual machine the host must pass them through or set up the fabric itself"
)


def unmet(host: Facts, gpu: Facts, given: Mapping[str, Any], release: str, waited: float = 0.0) -> list[Problem]:
    """Return what is not as it shall be. `release` is the planned driver, `waited` the seconds spent on the fabric."""
    options = read_options(given)
    if options.gpus == 0:
        return []
    state = read_state(host, gpu, options)
    if not state.loaded:
        return [_not_loaded(state)]
    return [*_driver(gpu, state, release), *_census(gpu, options.gpus), *_fabric(host, gpu, state, waited)]


def fabric_pending(gpu: Facts, fabric: str) -> bool:
    """Tell whether a GPU is still on its way into the fabric."""
    return fabric != "none" and any(_fabric_state(device)[0] not in ("Completed", "N/A") for device in gpu["devices"])


def cause(log: Sequence[str], fabric: str) -> str:
    """Return why the fabric is not up by the fabric manager's notable lines; empty when they do not tell."""
    for mark, meaning in _CAUSES:
        if any(mark in line for line in log):
            return meaning
    if fabric == "nvlink5" and any("Detected Pre-NVL5" in line for line in log):
        return _PRE_NVL5
    return _NOTHING_TO_DO if any("NV_WARN_NOTHING_TO_DO" in line for line in log) else ""


def last_start(log: Sequence[str]) -> Sequence[str]:
    """Return the lines of the last start. What earlier ones met may be mended by now."""
    starts = [number for number, line in enumerate(log) if "Detected " in line]
    return log[starts[-1] :] if starts else log


def _not_loaded(state: State) -> Problem:
    installed = (
        f"{state.release} ({state.flavour}) on disk, not loaded" if state.release else "no module for this kernel"
    )
    return problem(
        "driver_not_loaded",
        "error",
        "driver",
        f"the NVIDIA modules in the running kernel {state.kernel}",
        installed,
        "see what `modprobe nvidia`, `dmesg` and `dkms status` say; headers of the running kernel and, with Secure "
        "Boot, an enrolled key are what is usually missing",
    )


def _driver(gpu: Facts, state: State, release: str) -> Iterator[Problem]:
    if release and state.loaded_release != release:
        remedy = "reboot, or run this again when nothing uses the GPUs"
        yield problem(
            "driver_version", "error", "driver", f"driver {release}", f"{state.loaded_release} loaded", remedy
        )
    if state.need and state.need.open_modules == "required" and state.loaded_flavour == "proprietary":
        yield problem(
            "driver_flavour",
            "error",
            "driver",
            f"open kernel modules for {state.gpu_name or state.generation}",
            "the proprietary ones loaded",
            "reboot, or run this again when nothing uses the GPUs",
        )
    if gpu["smi"]["state"] != "ok":
        found = gpu["smi"]["error"] or gpu["smi"]["state"]
        remedy = "run nvidia-smi on the host; `dmesg | grep -i -e nvrm -e xid` tells what the driver meets"
        yield problem("nvidia_smi", "error", "driver", "nvidia-smi able to ask the GPUs", found, remedy)


def _census(gpu: Facts, wanted: int | None) -> Iterator[Problem]:
    expected, found = wanted or gpu["present"], len(gpu["devices"])
    if gpu["smi"]["state"] != "ok" or found == expected:
        return
    seen = {device["pci_address"] for device in gpu["devices"]}
    lost = [card["address"] for card in gpu["pci"] if card["address"] not in seen]
    where = f"; not driven: {', '.join(lost)}" if lost else f"; {gpu['present']} on the PCI bus"
    remedy = "look for Xid lines of it in `dmesg`, reset or power-cycle the machine; or correct gpt_oss_gpus"
    yield problem("gpu_census", "error", "GPUs", f"{expected} GPUs", f"{found} of {expected}{where}", remedy)


def _fabric(host: Facts, gpu: Facts, state: State, waited: float) -> Iterator[Problem]:
    if state.fabric == "none":
        return
    manager, log = gpu["fabric_manager"], last_start(gpu["fabric_manager"]["log"])
    active = (host["services"].get(FABRIC_MANAGER) or {}).get("active", "absent")
    told = cause(log, state.fabric)
    lines = f"; it said: {' | '.join(log[-3:])}" if log else ""
    logs = "see `journalctl -u nvidia-fabricmanager` and /var/log/fabricmanager.log"
    if manager["version"] and manager["version"] != state.loaded_release:
        found = f"{manager['version']} beside driver {state.loaded_release}"
        remedy = "run this role again, which brings both to one version"
        yield problem(
            "fabric_manager_version", "error", "fabric manager", "exactly the driver's version", found, remedy
        )
    if active != "active":
        found = f"{active}{lines}"
        yield problem("fabric_manager", "error", "fabric manager", f"{FABRIC_MANAGER} active", found, told or logs)
    stuck = [device for device in gpu["devices"] if _fabric_state(device) != ("Completed", "Success")]
    if stuck:
        states = sorted({" / ".join(_fabric_state(device)) for device in stuck})
        numbers = ", ".join(str(device["index"]) for device in stuck)
        after = f" after {round(waited)} s" if waited else ""
        yield problem(
            "fabric_state",
            "error",
            "NVLink fabric",
            "Completed / Success on every GPU (else CUDA fails with error 802)",
            f"{', '.join(states)} on GPU {numbers}{after}{lines if active == 'active' else ''}",
            told or f"{logs}; a power cycle of the board is what helps when the fabric manager is fine",
        )


def _fabric_state(device: Facts) -> tuple[str, str]:
    return device["fabric"]["state"], device["fabric"]["status"]
