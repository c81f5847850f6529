# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver packages, all packages to bring in or to take away for a driver, and how their versions are kept.

Everything here is pure. dnf is held by versionlock, apt by a preferences file of our own beside the pinning package of
NVIDIA's repository, if it has one. Holding packages with apt-mark beside pins would make the two fight, so nothing is
held. Source: NVIDIA driver installation guide, version locking
(https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/version-locking.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_decision import Decision, Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_release import Package, Versions, find_pair
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import State, branch_of, release_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

# Packages that stand for one driver or fabric manager; another one's must go before the wanted one comes.
_REPLACED = re.compile(
    r"nvidia-open(-\d+)?|nvidia-driver-\d+(-open)?|cuda-drivers(-\d+)?|nvlink5(-\d+)?"
    r"|nvidia-fabric-?manager(-\d+)?|nvidia-driver-pinning-.+"
)
# What lies beside driver and fabric manager on boards with NVLink5; the version of nvlsm is its date.
_NVLINK5 = ("nvlsm", "infiniband-diags")
_LOCK_PLUGIN = "python3-dnf-plugin-versionlock"
# An entry of versionlock.list: name-[epoch:]release-revision. A driver's release begins with three digits; the
# container toolkit's, whose names hold "nvidia" too, does not.
_LOCK = re.compile(r"\S*nvidia\S*?-(?:\d+:)?(?P<release>\d{3}\.\d+(?:\.\d+)?)-\S+")


@dataclass(frozen=True)
class Choice:
    """Packages to bring in and to take away: first `pin`, then `remove`, then `install`. `release` is the driver's."""

    release: str
    pin: list[Package]
    remove: list[str]
    install: list[Package]
    problems: list[Problem]


def query(state: State) -> list[str]:
    """Return the names, with wildcards, whose versions must be known before packages can be chosen."""
    names = ["nvidia-open*", "nvidia-driver-*", "cuda-drivers*", "nvidia-fabric*manager*", "nvidia-persistenced"]
    names += [*_NVLINK5, headers(state).name]
    if state.family == "redhat":
        return [*names, _LOCK_PLUGIN, "dkms"]
    return [*names, f"linux-modules-extra-{state.kernel}"]


def headers(state: State) -> Package:
    """Return the package with the headers of the running kernel, for which DKMS builds the modules."""
    if state.family == "redhat":
        return Package("kernel-devel-matched", state.kernel.rpartition(".")[0])
    return Package(f"linux-headers-{state.kernel}")


def stream(state: State, decision: Decision, modules: Mapping[str, Any] | None) -> str:
    """Return the module stream to enable (RHEL 9; RHEL 10 has no modules), empty when there is none to change."""
    known = ((modules or {}).get("nvidia-driver") or {}) if state.family == "redhat" else {}
    wanted = f"{decision.branch}-{'open' if decision.flavour == 'open' else 'dkms'}"
    if decision.action not in ("install", "change") or wanted not in (known.get("streams") or []):
        return ""
    return "" if known.get("enabled") == wanted else wanted


def choose(state: State, decision: Decision, versions: Versions, headers_there: bool) -> Choice:
    """Return the packages for a decision."""
    pair, problems = find_pair(state, decision, versions)
    if pair is None:
        return Choice("", [], [], [], problems)
    changes = decision.action in ("install", "change") or pair.release != state.release
    pin = _pin(state, decision, pair.release, versions) if pair.driver else None
    wanted = [package for package in (pair.driver, pair.fabric_manager) if package]
    wanted = [*_prerequisites(state, versions, changes and not headers_there), *wanted]
    wanted += _companions(state, pair.release, versions)
    install = [package for package in wanted if not _is_installed(package, state, versions)]
    chosen = {package.name for package in [*wanted, *([pin] if pin else [])]}
    remove = [name for name in sorted(state.packages) if name not in chosen and _is_replaced(name, state, pair.release)]
    pins = [pin] if pin and not _is_installed(pin, state, versions) else []
    missing = list(_missing(state, install, versions, changes))
    return Choice(pair.release, pins, remove, install, missing)


def specs(packages: Sequence[Package], family: str) -> list[str]:
    """Return packages as the package manager is asked for them: name=version for apt, name-version for dnf."""
    joint = "-" if family == "redhat" else "="
    return [f"{package.name}{joint}{package.version}" if package.version else package.name for package in packages]


def locks(state: State, release: str, lock_file: str | None) -> dict[str, list[str]]:
    """Return the entries of dnf's versionlock to delete and the pattern to add for a release (dnf alone)."""
    if state.family != "redhat" or not release:
        return {"delete": [], "add": []}
    entries = [line.strip().lstrip("!") for line in (lock_file or "").splitlines()]
    releases = {entry: match["release"] for entry in entries if (match := _LOCK.fullmatch(entry))}
    delete = [entry for entry, locked in releases.items() if locked != release]
    return {"delete": delete, "add": [] if release in releases.values() else [f"*nvidia*{release}*"]}


def _pin(state: State, decision: Decision, release: str, versions: Versions) -> Package | None:
    """Return the package that keeps apt to the branch. Such packages exclude each other: it is one or none."""
    branch, exact = f"nvidia-driver-pinning-{branch_of(release)}", f"nvidia-driver-pinning-{release}"
    if state.family != "debian":
        return None
    if decision.action in ("none", "mend_fabric"):
        return next((Package(name) for name in (branch, exact) if name in state.packages), None)
    return Package(branch) if _is_offered(versions.get(branch)) else None


def _prerequisites(state: State, versions: Versions, with_headers: bool) -> Iterator[Package]:
    if with_headers:
        yield headers(state)
    extra = f"linux-modules-extra-{state.kernel}"
    if state.fabric == "nvlink5" and _is_offered(versions.get(extra)):
        yield Package(extra)
    if state.family == "redhat":
        yield Package(_LOCK_PLUGIN)


def _companions(state: State, release: str, versions: Versions) -> Iterator[Package]:
    if state.fabric == "nvlink5":
        yield from (Package(name) for name in _NVLINK5)
    for version in (versions.get("nvidia-persistenced") or {}).get("available") or []:
        if release_of(version) == release:
            yield Package("nvidia-persistenced", version)
            return


def _is_offered(row: Mapping[str, Any] | None) -> bool:
    return bool(row and (row.get("available") or row.get("candidate")))


def _is_installed(package: Package, state: State, versions: Versions) -> bool:
    there = state.packages.get(package.name) or (versions.get(package.name) or {}).get("installed")
    return bool(there) and package.version in ("", there)


def _is_replaced(name: str, state: State, release: str) -> bool:
    """Tell whether an installed package stands for another driver or fabric manager than the chosen one."""
    if not _REPLACED.fullmatch(name) or (state.family == "redhat" and name.startswith("nvidia-driver")):
        return False
    return release_of(state.packages[name]) != release or name.startswith(("cuda-drivers", "nvidia-driver-pinning"))


def _missing(state: State, install: Sequence[Package], versions: Versions, changes: bool) -> Iterator[Problem]:
    names = [package.name for package in install if not _is_offered(versions.get(package.name))]
    dkms = versions.get("dkms")
    if state.family == "redhat" and changes and not (_is_offered(dkms) or (dkms or {}).get("installed")):
        names.append("dkms")
    wanted = "it in the host's repositories"
    yield from (problem("package_not_offered", "error", name, wanted, "none", _remedy(name)) for name in names)


def _remedy(name: str) -> str:
    if name == "dkms":
        return "enable EPEL, and CRB beside it, or put dkms into a repository that the host reads"
    if name == "nvlsm":
        return "use NVIDIA's CUDA repository or a mirror of it; the distribution's own has no nvlsm"
    if name.startswith(("linux-", "kernel-")):
        return "boot the distribution's newest kernel, or mirror the packages of the running one"
    return "put it into a repository that the host reads"
