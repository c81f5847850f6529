# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight fabric, what may be wrong with the NVLink fabric of an HGX board and with those who manage it.

Sources: NVIDIA fabric manager user guide; the start script nvidia-fabricmanager-start.sh of branch 570 and later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

ROLE = "nvidia_driver"
SERVICE = "nvidia-fabricmanager.service"
_RUN = "run the role nvidia_driver"
_NVLINK5_BOARDS = ("B100", "B200", "B300")
_HEALTHY = {"summary": ("Healthy", "N/A", "Not Supported"), "bandwidth": ("Full", "N/A", "Not Supported")}


def state(case: Case) -> Iterator[Problem]:
    """Is each GPU in the fabric? nvidia-smi works without, but CUDA fails with error 802."""
    waiting = [device for device in case.devices if not _completed(device, case.has_fabric)]
    if waiting:
        said = sorted({_said(device) for device in waiting})
        hint = next((f"; its log: {line}" for line in _log(case)[:1]), "")
        found = f"{'; '.join(said)} on {_indexes(waiting, case)}{hint}"
        remedy = f"{_RUN}, or restart nvidia-fabricmanager and look at its log"
        yield problem("fabric_not_ready", "error", "NVLink fabric", "Completed, Success", found, remedy, ROLE)


def health(case: Case) -> Iterator[Problem]:
    """Is the fabric whole?"""
    for name, good in _HEALTHY.items():
        sick = [device for device in case.devices if _health(device, name) not in (None, "", *good)]
        if sick:
            said = listed(sorted({str(_health(device, name)) for device in sick}))
            remedy = "look at nvidia-smi nvlink --status and the kernel log; reset the GPUs or have the board looked at"
            found = f"{name} {said} on {_indexes(sick, case)}"
            yield problem("fabric_unhealthy", "error", "NVLink fabric", f"{name} {good[0]}", found, remedy)
            return


def management(case: Case) -> Iterator[Problem]:
    """Is there what NVLink 5 is managed by?"""
    if case.nvlink5:
        for there, identity, subject, what in (
            (case.gpu.get("ib_umad"), "ib_umad_missing", "ib_umad", "loaded"),
            ((case.gpu.get("fabric_manager") or {}).get("nvlsm"), "nvlsm_missing", "nvlsm", "installed"),
            (case.gpu.get("ibstat"), "ibstat_missing", "ibstat", "installed"),
        ):
            if not there:
                wanted = f"{what}: NVLink 5 is managed through it"
                package = {"ib_umad": "load the kernel module ib_umad", "ibstat": "install infiniband-diags"}
                remedy = f"{_RUN}, or {package.get(subject, f'install {subject}')}"
                yield problem(identity, "error", subject, wanted, f"not {what}", remedy, ROLE)
    elif _should_have_nvlink5(case):
        remedy = "load mlx5_ib; Ubuntu's cloud kernels have it in linux-modules-extra-$(uname -r)"
        wanted = "devices in /sys/class/infiniband that manage NVLink 5"
        found = "none" if case.gpu.get("nvlink5") is None else "none of NVLink"
        yield problem("nvlink5_devices_missing", "error", "NVLink 5", wanted, found, remedy, ROLE)


def manager(case: Case) -> Iterator[Problem]:
    """Does the fabric manager run, and is it of the driver's version?"""
    if not case.has_fabric:
        return
    found, driver = case.gpu.get("fabric_manager") or {}, case.driver.get("version")
    if not found.get("binary"):
        remedy = f"{_RUN}, or install nvidia-fabricmanager of the driver's version"
        wanted = str(driver or "the driver's version")
        yield problem("fabric_manager_missing", "error", "fabric manager", wanted, "none", remedy, ROLE)
        return
    version = found.get("version")
    if driver and version and version != driver:
        remedy = f"{_RUN}, or install version {driver}: it works with no other"
        yield problem(
            "fabric_manager_version", "error", "fabric manager", f"{driver}, as the driver", version, remedy, ROLE
        )
    active = case.service(SERVICE).get("active")
    if active not in (None, "active", "unknown"):
        remedy = f"{_RUN}, or systemctl enable --now nvidia-fabricmanager"
        yield problem("fabric_manager_stopped", "error", "fabric manager", "active", str(active), remedy, ROLE)


def _completed(device: Mapping[str, Any], has_fabric: bool) -> bool:
    fabric = device.get("fabric") or {}
    if fabric.get("state") in (None, "N/A", "Not Supported"):
        return not has_fabric
    return fabric.get("state") == "Completed" and fabric.get("status") in (None, "Success")


def _said(device: Mapping[str, Any]) -> str:
    fabric = device.get("fabric") or {}
    status = fabric.get("status")
    return ", ".join(str(word) for word in (fabric.get("state"), status) if word and word != "N/A") or "N/A"


def _health(device: Mapping[str, Any], name: str) -> Any:
    return ((device.get("fabric") or {}).get("health") or {}).get(name)


def _indexes(devices: list[Mapping[str, Any]], case: Case) -> str:
    if len(devices) == len(case.devices) > 1:
        return f"all {len(devices)} GPUs"
    return "GPU " + listed([str(device.get("index")) for device in devices], most=8)


def _log(case: Case) -> list[str]:
    lines = (case.gpu.get("fabric_manager") or {}).get("log") or []
    return [line for line in lines if "Detected NVL5+" not in line]


def _should_have_nvlink5(case: Case) -> bool:
    board = any(name in (case.model or "") for name in _NVLINK5_BOARDS)
    return board and case.present > 1 and not (case.devices and all(_completed(d, True) for d in case.devices))
