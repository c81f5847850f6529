# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver release, which driver and which fabric manager of the offered packages belong together.

Everything here is pure. Names are found by what is offered, as they change from branch to branch: suffixed up to
branch 580 (nvidia-open-580; nvidia-fabricmanager-575 for the last time), unsuffixed after it. A driver counts only when
the fabric manager is offered at exactly its release, where one is needed. Sources: NVIDIA driver installation guide,
kernel modules (https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/620/kernel-modules.html), and the
fabric manager user guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_decision import Decision, Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import State, branch_of, release_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import older, version_key
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

# What the module package_versions returns: name -> {"installed", "candidate", "available"}.
Versions = Mapping[str, Mapping[str, Any]]

_DRIVERS = {
    "open": ("nvidia-open-{branch}", "nvidia-open", "nvidia-driver-{branch}-open"),
    "proprietary": ("cuda-drivers-{branch}", "cuda-drivers", "nvidia-driver-{branch}"),
}
_FABRIC_MANAGERS = ("nvidia-fabricmanager-{branch}", "nvidia-fabricmanager", "nvidia-fabric-manager")


@dataclass(frozen=True)
class Package:
    """One package at one version, both as the package manager calls them; "" for whatever version it chooses."""

    name: str
    version: str = ""


@dataclass(frozen=True)
class Pair:
    """A release and its packages; the driver is None where the one that is there stays and came as no package."""

    release: str
    driver: Package | None
    fabric_manager: Package | None


def find_pair(state: State, decision: Decision, versions: Versions) -> tuple[Pair | None, list[Problem]]:
    """Return the packages of the decision's release, or of the newest that fits it; else the problem."""
    if decision.action in ("none", "mend_fabric"):
        kept = _kept(state, versions)
        if kept:
            return kept, []
        decision = replace(decision, action="change", version="")
    drivers = _offers(_DRIVERS[decision.flavour], decision.branch, versions)
    managers = _offers(_FABRIC_MANAGERS, decision.branch, versions) if state.fabric != "none" else []
    releases = {release_of(package.version) for package in drivers if _fits(package, state, decision)}
    if state.fabric != "none":
        releases &= {release_of(package.version) for package in managers}
    if not releases:
        return None, [_not_offered(state, decision, drivers, managers)]
    release = max(releases, key=version_key)
    return Pair(release, _of_release(drivers, release), _of_release(managers, release)), []


def _kept(state: State, versions: Versions) -> Pair | None:
    """Return the driver that is there with the fabric manager of its release; None where that is not to be had."""
    release = state.release or ""
    names = [name for names in _DRIVERS.values() for name in names]
    known = [name.format(branch=branch_of(release)) for name in names]
    name = next((name for name in known if release_of(state.packages.get(name, "")) == release), None)
    driver = Package(name, state.packages[name]) if name else None
    if state.fabric == "none" or (state.fabric_manager == release and not _packaged_manager(state)):
        return Pair(release, driver, None)
    manager = _of_release(_offers(_FABRIC_MANAGERS, branch_of(release), versions), release)
    there = _packaged_manager(state)
    if there and release_of(there.version) == release:
        manager = there
    return Pair(release, driver, manager) if manager else None


def _packaged_manager(state: State) -> Package | None:
    branch = branch_of(state.release or "")
    names = [name.format(branch=branch) for name in _FABRIC_MANAGERS]
    return next((Package(name, state.packages[name]) for name in names if name in state.packages), None)


def _offers(names: Sequence[str], branch: str, versions: Versions) -> list[Package]:
    """Return all packages of a branch under any of these names, the first name first, newest version first."""
    return [
        Package(name, version)
        for name in (name.format(branch=branch) for name in names)
        for version in (versions.get(name) or {}).get("available") or []
        if branch_of(version) == branch
    ]


def _of_release(packages: Sequence[Package], release: str) -> Package | None:
    return next((package for package in packages if release_of(package.version) == release), None)


def _fits(package: Package, state: State, decision: Decision) -> bool:
    release = release_of(package.version)
    if decision.version:
        return release == decision.version
    floor = state.need.hard_floor if state.need else None
    return not (decision.at_least and older(release, decision.at_least)) and not (floor and older(release, floor))


def _not_offered(state: State, decision: Decision, drivers: Sequence[Package], managers: Sequence[Package]) -> Problem:
    wanted = f"driver {decision.version or 'of branch ' + decision.branch} ({decision.flavour} kernel modules)"
    if decision.at_least and not decision.version:
        wanted += f", {decision.at_least} or newer,"
    found = "driver " + (_listing(drivers) or "none of that branch")
    if state.fabric != "none":
        wanted += " and the fabric manager of exactly its version"
        found += "; fabric manager " + (_listing(managers) or "none of that branch")
    return problem(
        "driver_not_offered",
        "error",
        "driver packages",
        f"{wanted} in the host's repositories",
        found,
        "bring the mirror up to date (nvidia_driver_repository_uri), or choose another nvidia_driver_branch or "
        "nvidia_driver_version",
    )


def _listing(packages: Sequence[Package]) -> str:
    return ", ".join(dict.fromkeys(f"{package.name} {release_of(package.version)}" for package in packages))
