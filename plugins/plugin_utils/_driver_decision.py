# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver decision, what shall happen to a host's driver and why: nothing, an installation, a change, a mend.

Everything here is pure. The rule for a driver that works: it is left alone, unless a branch or a version was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import Options, State, branch_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import older, version_key
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

Action = Literal["none", "install", "change", "mend_fabric"]
Problem = dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """What shall happen. `version` is exact when set; else the newest of `branch` that is not older than `at_least`."""

    action: Action
    branch: str
    version: str = ""
    at_least: str = ""
    flavour: str = "open"
    reasons: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)


def decide(state: State, options: Options) -> Decision:
    """Return what shall happen to the driver by what is there and what was asked for."""
    flavour = "proprietary" if state.need and state.need.open_modules == "unsupported" else "open"
    asked = _asked(options)
    if state.release is None:
        reasons = ("no NVIDIA driver is installed",)
        problems = list(_floor_problems(state, asked.version or asked.branch, asked))
        return Decision("install", asked.branch, asked.version, "", flavour, reasons, problems)
    explicit = tuple(_wished(state, options))
    faults = tuple(_faults(state))
    problems = list(_downgrade_problems(state, options)) + list(_warnings(state, options))
    if explicit:
        problems += _floor_problems(state, asked.version or asked.branch, asked)
        least = "" if options.downgrade else state.release
        return Decision("change", asked.branch, asked.version, least, flavour, explicit + faults, problems)
    if faults:
        branch = options.branch or _branch_for_mend(state, options)
        return Decision("change", branch, options.version, state.release, flavour, faults, problems)
    kept = state.flavour or flavour
    mismatch = tuple(_fabric_faults(state))
    action: Action = "mend_fabric" if mismatch else "none"
    return Decision(action, branch_of(state.release), state.release, state.release, kept, mismatch, problems)


@dataclass(frozen=True)
class _Asked:
    branch: str
    version: str


def _asked(options: Options) -> _Asked:
    branch = options.branch or (branch_of(options.version) if options.version else options.default_branch)
    return _Asked(branch, options.version)


def _wished(state: State, options: Options) -> Iterator[str]:
    """Yield why the driver is not the one that was asked for."""
    release = state.release or ""
    if options.version and release != options.version:
        yield f"version {options.version} was asked for, {release} is installed"
    elif options.branch and branch_of(release) != options.branch:
        yield f"branch {options.branch} was asked for, {release} is installed"


def _faults(state: State) -> Iterator[str]:
    """Yield why the installed driver cannot drive these GPUs."""
    release, need = state.release or "", state.need
    gpus = state.gpu_name or state.generation or "these GPUs"
    if need and need.hard_floor and older(release, need.hard_floor):
        yield f"{gpus} needs {need.hard_floor} or newer, {release} is installed"
    if need and need.open_modules == "required" and state.flavour == "proprietary":
        yield f"{gpus} needs the open kernel modules, the proprietary ones are installed"
    if need and need.open_modules == "unsupported" and state.flavour == "open":
        yield f"{gpus} needs the proprietary kernel modules, the open ones are installed"


def _fabric_faults(state: State) -> Iterator[str]:
    if state.fabric != "none" and state.fabric_manager and state.fabric_manager != state.release:
        yield f"the fabric manager is {state.fabric_manager}, the driver is {state.release}"


def _branch_for_mend(state: State, options: Options) -> str:
    """Return the branch that mends: the present one where it is good enough, so that no more changes than must."""
    release = state.release or ""
    floor = state.need.recommended_floor if state.need else options.default_branch
    newest = max(branch_of(release), options.default_branch, key=version_key)
    return newest if older(release, floor) else branch_of(release)


def _downgrade_problems(state: State, options: Options) -> Iterator[Problem]:
    release = state.release or ""
    wanted = options.version or options.branch
    if not wanted or options.downgrade:
        return
    lower = older(release, wanted) is False and (
        release != options.version if options.version else branch_of(release) != options.branch
    )
    if lower:
        yield problem(
            "driver_downgrade",
            "error",
            "driver",
            f"driver {wanted}",
            f"the newer {release}",
            "set nvidia_driver_downgrade: true to go back on purpose, or take nvidia_driver_branch and "
            "nvidia_driver_version out of the inventory",
        )


def _floor_problems(state: State, wanted: str, asked: _Asked) -> Iterator[Problem]:
    need = state.need
    floor = need.hard_floor if need else None
    if not floor:
        return
    too_old = older(wanted, floor) if asked.version else older(wanted, branch_of(floor))
    if too_old:
        yield problem(
            "driver_wish_too_old",
            "error",
            "driver",
            f"driver {floor} or newer for {state.gpu_name or state.generation}",
            f"{wanted} in nvidia_driver_version or nvidia_driver_branch",
            f"ask for branch {need.recommended_floor if need else ''}",
        )


def _warnings(state: State, options: Options) -> Iterator[Problem]:
    release, need = state.release or "", state.need
    if options.branch or options.version or need is None or not older(release, need.recommended_floor):
        return
    if need.hard_floor and older(release, need.hard_floor):
        return
    yield problem(
        "driver_below_recommended",
        "warning",
        "driver",
        f"branch {need.recommended_floor} or newer, which today's vLLM images need",
        release,
        f'it works and is left alone; set nvidia_driver_branch: "{options.default_branch}" to have it updated',
    )
