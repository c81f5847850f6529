# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver state, what a host has of NVIDIA driver and fabric manager, read from the facts of `look`.

Everything here is pure. "Release" is the version that NVIDIA gives a driver, such as 580.95.05: a package's version
without epoch and packaging revision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import Requirement, requirement

Fabric = Literal["nvlink5", "nvswitch", "none"]

# HGX and GB boards of the Blackwell generation; its workstation cards have no NVLink.
_NVLINK5_MODEL = re.compile(r"\bG?B[23]00\b")
_DRIVER_PACKAGE = re.compile(r"nvidia-open(-\d+)?|nvidia-driver-\d+(-open|-server|-server-open)?|cuda-drivers(-\d+)?")


@dataclass(frozen=True)
class Options:
    """What was asked for; empty branch and version mean: leave a good driver alone."""

    gpus: int | None = None
    branch: str = ""
    version: str = ""
    default_branch: str = "580"
    downgrade: bool = False
    fabric: str = "auto"
    modules_signed: bool = False
    keep_from_upgrades: bool = True
    state_file: str = ""


@dataclass(frozen=True)
class State:
    """What is there. `release` is the driver that is installed, or else loaded; None when there is neither."""

    family: str
    distribution: str
    major: int
    kernel: str
    gpu_name: str | None
    generation: str | None
    need: Requirement | None
    fabric: Fabric
    release: str | None
    flavour: str | None
    loaded: bool
    loaded_release: str | None
    loaded_flavour: str | None
    fabric_manager: str | None
    packages: Mapping[str, str]

    @property
    def stale(self) -> bool:
        """Tell whether another driver is loaded than the one that is installed."""
        if not self.loaded or not self.loaded_release:
            return False
        return (self.loaded_release, self.loaded_flavour or self.flavour) != (self.release, self.flavour)

    @property
    def packaged(self) -> bool:
        """Tell whether the driver came as packages."""
        return any(_DRIVER_PACKAGE.fullmatch(name) for name in self.packages)


def read_options(given: Mapping[str, Any]) -> Options:
    """Return the options in their right types; a branch may come as a number."""
    gpus = given.get("gpus")
    return Options(
        gpus=None if gpus in (None, "") else int(gpus),
        branch=str(given.get("branch") or ""),
        version=str(given.get("version") or ""),
        default_branch=str(given.get("default_branch") or "580"),
        downgrade=bool(given.get("downgrade")),
        fabric=str(given.get("fabric") or "auto"),
        modules_signed=bool(given.get("modules_signed")),
        keep_from_upgrades=bool(given.get("keep_from_upgrades", True)),
        state_file=str(given.get("state_file") or ""),
    )


def read_state(host: Mapping[str, Any], gpu: Mapping[str, Any], options: Options) -> State:
    """Return what is there by the facts gpt_oss_host and gpt_oss_gpu."""
    driver = gpu["driver"]
    name = next((card["name"] for card in gpu["pci"] if card.get("name")), None)
    name = name or next((device["name"] for device in gpu["devices"]), None)
    return State(
        family=host["distribution"]["family"],
        distribution=host["distribution"]["id"],
        major=int(host["distribution"]["major"] or 0),
        kernel=host["kernel"]["release"],
        gpu_name=name,
        generation=gpu["generation"],
        need=requirement(gpu["generation"], name),
        fabric=fabric_of(gpu, name, options.fabric),
        release=driver["on_disk_version"] or driver["version"],
        flavour=(driver["on_disk_flavour"] if driver["on_disk_version"] else None) or driver["flavour"],
        loaded=bool(driver["loaded"]),
        loaded_release=driver["version"],
        loaded_flavour=driver["flavour"],
        fabric_manager=gpu["fabric_manager"]["version"] if gpu["fabric_manager"]["binary"] else None,
        packages=host["packages"],
    )


def fabric_of(gpu: Mapping[str, Any], name: str | None, asked: str) -> Fabric:
    """Return what connects the GPUs. A bare host may not show its NVLink5 yet: then the GPU's name tells."""
    if asked in ("nvlink5", "nvswitch", "none"):
        return asked  # type: ignore[return-value]
    if gpu["nvlink5"]:
        return "nvlink5"
    if gpu["nvswitches"]:
        return "nvswitch"
    if gpu["nvlink5"] is None and name and _NVLINK5_MODEL.search(name) and not _managed_outside(gpu):
        return "nvlink5"
    return "none"


def _managed_outside(gpu: Mapping[str, Any]) -> bool:
    """Tell whether the GPUs are in a fabric that this host does not manage, as those of a virtual machine are."""
    fabrics = [device.get("fabric") or {} for device in gpu["devices"]]
    return bool(fabrics) and all(
        (fabric.get("state"), fabric.get("status")) == ("Completed", "Success") for fabric in fabrics
    )


def release_of(version: str) -> str:
    """Return the release in a package's version: 580.95.05 of 3:580.95.05-1.el9."""
    return version.rpartition(":")[2].partition("-")[0]


def branch_of(version: str) -> str:
    """Return the branch of a release or a package's version: 580 of 580.95.05-1."""
    return release_of(version).partition(".")[0]
