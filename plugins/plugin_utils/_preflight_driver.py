# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight driver, what may be wrong with the NVIDIA driver and with what stands in its way."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import load_drivers, older
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

ROLE = "nvidia_driver"
_RUN = "run the role nvidia_driver"


def present(case: Case) -> Iterator[Problem]:
    """Is there a driver, and is it loaded?"""
    if case.driver.get("loaded"):
        return
    floor = case.requirement.recommended_floor if case.requirement else load_drivers()["recommended_floor"]
    disk = case.driver.get("on_disk_version")
    if disk:
        remedy = "modprobe nvidia, and look at the kernel log (dmesg) when it refuses"
        yield problem("driver_not_loaded", "error", "driver", "loaded", f"{disk}, not loaded", remedy, ROLE)
    else:
        yield problem("driver_missing", "error", "driver", f"{floor} or newer", "none", f"{_RUN}, or install one", ROLE)


def version(case: Case) -> Iterator[Problem]:
    """Is it new enough for the GPU, and for today's images?"""
    found, needs = case.driver.get("version"), case.requirement
    if not found or needs is None:
        return
    if needs.hard_floor and older(found, needs.hard_floor):
        wanted = f"{needs.hard_floor} or newer for {case.model or case.gpu.get('generation')}"
        remedy = f"{_RUN}, or upgrade it to branch {needs.recommended_floor} or newer"
        yield problem("driver_too_old", "error", "driver", wanted, found, remedy, ROLE)
    elif older(found, needs.recommended_floor):
        wanted = f"{needs.recommended_floor} or newer (CUDA 13)"
        branch = needs.recommended_floor
        remedy = f"set nvidia_driver_branch to {branch} or newer, or serve with images made for CUDA 12 (tags -cu129)"
        yield problem("driver_old", "warning", "driver", wanted, found, remedy)


def flavour(case: Case) -> Iterator[Problem]:
    """Is the kernel module of the flavour that drives this generation?"""
    found, needs = case.driver.get("flavour") or case.driver.get("on_disk_flavour"), case.requirement
    wanted = {"required": "open", "unsupported": "proprietary"}.get(needs.open_modules if needs else "")
    if found and wanted and found != wanted:
        subject, text = "kernel modules", f"{wanted} ({case.gpu.get('generation')} has no other)"
        remedy = f"{_RUN}, or install the {wanted} flavour and reboot"
        yield problem("driver_flavour", "error", subject, text, found, remedy, ROLE)


def library(case: Case) -> Iterator[Problem]:
    """Does nvidia-smi work, and is it of the module's version?"""
    smi = case.gpu.get("smi") or {}
    state, said = smi.get("state"), str(smi.get("error") or "").strip().partition("\n")[0]
    if state == "mismatch":
        found = f"module {case.driver.get('version')}, other libraries"
        remedy = "reboot, so that the module of the installed driver is loaded"
        yield problem("driver_mismatch", "error", "driver", "module and libraries of one version", found, remedy, ROLE)
    elif case.driver.get("loaded") and state != "ok":
        found = said or ("no nvidia-smi" if state == "absent" else f"exit code {smi.get('exit_code')}")
        absent = "install the package of the driver's release that brings nvidia-smi"
        remedy = absent if state == "absent" else "look at the kernel log, reboot"
        yield problem("smi_failed", "error", "nvidia-smi", "an answer", found, remedy)


def nouveau(case: Case) -> Iterator[Problem]:
    """Has nouveau taken the GPUs?"""
    if case.driver.get("nouveau_loaded"):
        remedy = f"{_RUN}, or blacklist nouveau, rebuild the initramfs and reboot"
        yield problem("nouveau_loaded", "error", "nouveau", "not loaded", "loaded", remedy, ROLE)


def secure_boot(case: Case) -> Iterator[Problem]:
    """Will the firmware let a module in that was built here?"""
    if (case.host.get("kernel") or {}).get("secure_boot") and not case.driver.get("loaded"):
        remedy = (
            "switch it off in the firmware, or enrol the key that signs the modules (mokutil --import KEY; confirm it "
            "at the console while the host boots)"
        )
        yield problem("secure_boot", "error", "Secure Boot", "off, or a signed driver loaded", "on, no driver", remedy)


def persistence(case: Case) -> Iterator[Problem]:
    """Does the driver keep the GPUs initialized?"""
    off = [device for device in case.devices if device.get("persistence") is False]
    if off and not case.gpu.get("persistenced"):
        found = f"off on {len(off)} of {len(case.devices)} GPUs"
        remedy = f"{_RUN}, or start nvidia-persistenced"
        yield problem("persistence_off", "warning", "persistence", "on", found, remedy, ROLE)
