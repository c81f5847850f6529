# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight gpus, how many there are, of what kind, who uses them, and whether they are sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem, binary_size, gpu_name
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import Severity, problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

# Of the memory of a GPU this much may be taken by others: monitoring needs some.
_MEMORY_MIB = 1024
# A GPU that is held back by its cooling or its power supply; a full load alone gives sw_power_cap.
_GRAVE_THROTTLE = ("hw_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")
_MILD_THROTTLE = ("sw_thermal_slowdown",)
# What gpu_info says of an XID → how preflight takes it. "information" is none.
_XID_SEVERITIES = {"host": "error", "gpu": "error", "application": "warning", "unknown": "warning"}
_RECOVERY = {
    "Reset": "stop what uses it, then nvidia-smi --gpu-reset -i {index}",
    "GPU Reset": "stop what uses it, then nvidia-smi --gpu-reset -i {index}",
    "Drain P2P": "stop what uses the GPUs that it talks to",
    "Drain and Reset": "stop what uses it and its peers, then nvidia-smi --gpu-reset -i {index}",
}


def census(case: Case) -> Iterator[Problem]:
    """Are all GPUs there, on the bus and for the driver?"""
    wanted, present = case.gpus_wanted, case.present
    if present < wanted:
        remedy = "power the host off and on; if it stays away, have it reseated or replaced, or correct gpt_oss_gpus"
        yield problem("gpus_missing", "error", "GPUs", str(wanted), f"{present} of {wanted} on the PCI bus", remedy)
    elif case.wanted.gpus is not None and present > wanted:
        yield problem("gpus_surplus", "warning", "GPUs", str(wanted), str(present), "correct gpt_oss_gpus")
    known = {device.get("pci_address") for device in case.devices}
    lost = [row for row in case.gpu.get("pci") or [] if row.get("address") not in known]
    if lost and case.devices:
        found = (
            f"{present - len(lost)} of {present} answer the driver, missing {listed([_lost(row) for row in lost], 8)}"
        )
        remedy = "look for its address in the kernel log; reboot, and have it looked at when it stays away"
        yield problem("gpus_lost", "error", "GPUs", str(present), found, remedy)


def generation(case: Case) -> Iterator[Problem]:
    """Is it known, one, and one for which vLLM has code?"""
    kinds = sorted({str(row.get("generation")) for row in case.gpu.get("pci") or []})
    if len(kinds) > 1:
        remedy = "give each server GPUs of one generation (gpus), or take the odd ones out"
        yield problem("gpus_mixed", "warning", "GPUs", "one generation", listed(kinds), remedy)
    if case.present and case.requirement is None:
        ids = listed(sorted({str(row.get("device_id")) for row in case.gpu.get("pci") or []}))
        remedy = "nothing, if the driver serves it: its floor and flavour were not judged"
        yield problem("generation_unknown", "warning", "GPUs", "a known generation", f"device id {ids}", remedy)
    elif case.requirement and not case.requirement.vllm:
        found = f"{case.model or 'GPUs'} ({case.gpu.get('generation')})"
        remedy = "take another host: CUDA 13 has no code for it"
        yield problem("generation_unsupported", "error", "GPUs", "Turing or newer", found, remedy)


def memory(case: Case) -> Iterator[Problem]:
    """Does somebody else use the memory that the servers need?"""
    names = {row["id"]: row.get("name") for row in case.docker.get("containers") or []}
    own = {row["id"] for row in case.own_containers()}
    for device in case.used_devices:
        processes = [row for row in device.get("processes") or [] if row.get("container") not in own]
        taken = sum(row.get("memory_mib") or 0 for row in processes)
        if taken <= _MEMORY_MIB:
            continue
        users = listed([_user(row, names) for row in sorted(processes, key=_taken, reverse=True)])
        remedy = "stop it, or give the servers other GPUs (gpus)"
        yield problem(
            "gpu_memory_in_use", "error", gpu_name(device), "memory free",
            f"{binary_size(taken << 20)} taken by {users}", remedy,
        )  # fmt: skip


def partitions(case: Case) -> Iterator[Problem]:
    """Is a GPU cut into pieces?"""
    cut = [device for device in case.used_devices if device.get("mig")]
    if cut:
        found = f"on for GPU {listed([str(device.get('index')) for device in cut], 8)}"
        yield problem(
            "mig_on", "warning", "MIG", "off", found, "nvidia-smi -i INDEX -mig 0, or name the instances in gpus"
        )


def memory_errors(case: Case) -> Iterator[Problem]:
    """Is the memory of each GPU sound?"""
    for device in case.devices:
        ecc, subject = device.get("ecc") or {}, gpu_name(device)
        if ecc.get("remapped_rows_failure") or ecc.get("unrepairable_memory"):
            found = "a row could not be remapped" if ecc.get("remapped_rows_failure") else "unrepairable memory"
            yield problem("memory_unrepairable", "error", subject, "sound memory", found, "have the GPU replaced")
        elif ecc.get("volatile_uncorrectable"):
            found = f"{ecc['volatile_uncorrectable']} uncorrectable ECC errors since the driver was loaded"
            remedy = f"stop what uses it, nvidia-smi --gpu-reset -i {device.get('index')}; replace it when they return"
            yield problem("ecc_errors", "error", subject, "no uncorrectable ECC error", found, remedy)
        elif ecc.get("remapped_rows_pending"):
            remedy = f"when nothing uses it: nvidia-smi --gpu-reset -i {device.get('index')}, or reboot"
            yield problem("row_remap_pending", "warning", subject, "rows remapped", "rows wait for a reset", remedy)
        if ecc.get("enabled") is False:
            remedy = f"nvidia-smi -i {device.get('index')} --ecc-config=1, then reboot"
            yield problem("ecc_off", "warning", subject, "ECC on", "off", remedy)


def recovery(case: Case) -> Iterator[Problem]:
    """Does a GPU ask to be recovered?"""
    for device in case.devices:
        action = device.get("recovery_action")
        if action and action not in ("None", "N/A"):
            remedy = _RECOVERY.get(action, "drain and reboot the host").format(index=device.get("index"))
            yield problem(
                "gpu_recovery", "error", gpu_name(device), "nothing to recover", f"it asks for {action}", remedy
            )


def throttling(case: Case) -> Iterator[Problem]:
    """Is a GPU held back?"""
    for device in case.devices:
        reasons = [name for name in device.get("throttle") or [] if name in (*_GRAVE_THROTTLE, *_MILD_THROTTLE)]
        if reasons:
            severity: Severity = "error" if set(reasons) & set(_GRAVE_THROTTLE) else "warning"
            found = f"{listed(reasons)} at {device.get('temperature_c')} °C, {device.get('power_draw_w')} W"
            remedy = "look at cooling and power supply: a slow GPU slows all that work with it"
            yield problem("gpu_throttled", severity, gpu_name(device), "full clocks", found, remedy)


def xids(case: Case) -> Iterator[Problem]:
    """Has the driver logged errors since the boot?"""
    for row in case.gpu.get("xids") or []:
        severity = _XID_SEVERITIES.get(str(row.get("severity")), "")
        if severity == "error":
            remedy = "reboot; have the GPU looked at when it returns" if row["severity"] == "host" else (
                "reset the GPU or reboot; have it looked at when it returns"
            )  # fmt: skip
            yield problem("xid_grave", "error", _xid_subject(row), "no XID error since the boot", _xid(row), remedy)
        elif severity == "warning":
            remedy = "start the program again that it hit; look further only when it returns"
            yield problem("xid_mild", "warning", _xid_subject(row), "no XID error since the boot", _xid(row), remedy)
    if case.gpu.get("kernel_log") == "denied":
        remedy = "look as root (ansible_become), or allow it (sysctl kernel.dmesg_restrict=0)"
        yield problem("kernel_log_denied", "warning", "kernel log", "read for XID errors", "not readable", remedy)


def _lost(row: Mapping[str, Any]) -> str:
    driver = row.get("kernel_driver")
    held = f", held by {driver}" if driver not in (None, "nvidia") else ""
    return f"{row.get('address')} ({row.get('name') or row.get('device_id')}{held})"


def _taken(row: Mapping[str, Any]) -> int:
    return int(row.get("memory_mib") or 0)


def _user(row: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    container = row.get("container")
    place = f" in container {names.get(container) or str(container)[:12]}" if container else ""
    return f"{row.get('name')}[{row.get('pid')}]{place}"


def _xid_subject(row: Mapping[str, Any]) -> str:
    return f"GPU {row.get('pci_address')}"


def _xid(row: Mapping[str, Any]) -> str:
    times = f" ({row['count']} times)" if (row.get("count") or 1) > 1 else ""
    return f"XID {row.get('xid')}: {row.get('meaning') or row.get('text') or 'unknown'}{times}"
