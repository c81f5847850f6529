# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver plan, all that is to be done on a host for its driver, from facts to plain data.

Everything here is pure. It is planned in two steps: by the facts alone, which is all that a host needs where nothing
differs, and once more with the versions that its repositories offer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _driver_files as files
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _driver_obstacles as obstacles
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _driver_packages as packages
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_decision import Decision, decide
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import (
    Options,
    State,
    read_options,
    read_state,
)

Facts = Mapping[str, Any]

PERSISTENCED = "nvidia-persistenced.service"
# Units that keep the modules in use, in the order in which they are stopped.
_HOLDERS = ("nvidia-dcgm.service", "dcgm-exporter.service", obstacles.FABRIC_MANAGER, PERSISTENCED)
_NOTHING = packages.Choice("", [], [], [], [])


def make_plan(
    host: Facts,
    gpu: Facts,
    given: Mapping[str, Any],
    versions: Mapping[str, Any] | None = None,
    modules: Mapping[str, Any] | None = None,
    containers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the plan.

    `versions` and `modules` are what package_versions returned, None as long as it was not asked; `containers` are the
    running containers of this collection, each as its full id and its name.
    """
    options = read_options(given)
    if options.gpus == 0:
        return {"wanted": False, "changes": False, "problems": [], "warnings": []}
    state = read_state(host, gpu, options)
    servers = dict(line.split(" ", 1) for line in containers)
    decision = decide(state, options)
    stream = packages.stream(state, decision, modules)
    asked = versions is not None and not stream
    choice = packages.choose(state, decision, versions or {}, host["kernel"]["headers"]) if asked else _NOTHING
    changes_driver = decision.action in ("install", "change") or choice.release not in ("", state.release)
    plan = {
        "wanted": True,
        **_driver(state, decision, choice, changes_driver),
        "packages": _packages(host, gpu, state, choice, changes_driver, versions is not None),
        "query": packages.query(state),
        "stream": stream,
        **_files(host, gpu, state, options, choice, changes_driver),
        **_interruptions(host, gpu, state, decision, changes_driver, list(servers.values())),
        "services": list(_services(host, state)),
        "drained": _drained(host, options),
        "reboot": list(_reboot_reasons(gpu, state)),
    }
    problems = [
        *_obstacles(host, gpu, state, options, plan, choice, list(servers)),
        *decision.problems,
        *choice.problems,
    ]
    plan["problems"] = [item for item in problems if item["severity"] == "error"]
    plan["warnings"] = [item for item in problems if item["severity"] == "warning"]
    plan["changes"] = _changes(plan)
    return plan


def _driver(state: State, decision: Decision, choice: packages.Choice, changes: bool) -> dict[str, Any]:
    """Return which driver there is to be, and why."""
    return {
        "action": "change" if changes and decision.action != "install" else decision.action,
        "reasons": [*decision.reasons, *_reload_reasons(state)],
        "branch": decision.branch,
        "release": choice.release or (state.release if not changes else "") or "",
        "flavour": decision.flavour,
        "fabric": state.fabric,
    }


def _interruptions(
    host: Facts, gpu: Facts, state: State, decision: Decision, changes_driver: bool, servers: list[str]
) -> dict[str, Any]:
    """Return what has to stop for a while, and the modules to load."""
    reload = state.loaded and (changes_driver or state.stale)
    restart = _restarts_fabric_manager(host, gpu, state, decision)
    return {
        "disruptive": reload or restart,
        "reload": reload,
        "modules": list(_modules(gpu, state, reload)),
        "stop": _units_to_stop(host, reload, restart),
        "containers": servers if reload or restart else [],
    }


def _obstacles(
    host: Facts,
    gpu: Facts,
    state: State,
    options: Options,
    plan: Facts,
    choice: packages.Choice,
    servers: Sequence[str],
) -> Iterator[dict[str, Any]]:
    yield from obstacles.hardware_problems(gpu)
    yield from obstacles.unit_problems(host, state)
    if plan["action"] in ("install", "change") or plan["reload"]:
        yield from obstacles.change_problems(host, state, options)
    names = [*choice.remove, *(package.name for package in [*choice.pin, *choice.install])]
    yield from obstacles.held_problems(host, state, names)
    if plan["disruptive"]:
        yield from obstacles.process_problems(gpu, servers)


def _packages(
    host: Facts, gpu: Facts, state: State, choice: packages.Choice, changes_driver: bool, asked: bool
) -> dict[str, Any]:
    release = choice.release or ("" if changes_driver or not state.packaged else state.release or "")
    locks = packages.locks(state, release, host["files"].get(files.VERSIONLOCK))
    return {
        "needed": not asked and _needs_packages(host, gpu, state, changes_driver or bool(locks["add"])),
        "pin": packages.specs(choice.pin, state.family),
        "remove": choice.remove,
        "install": packages.specs(choice.install, state.family),
        "unlock": locks["delete"],
        "lock": locks["add"],
    }


def _needs_packages(host: Facts, gpu: Facts, state: State, changes: bool) -> bool:
    manager, unit = gpu["fabric_manager"], host["services"].get(PERSISTENCED) or {}
    return (
        changes
        or (state.fabric != "none" and state.fabric_manager != state.release)
        or (state.fabric == "nvlink5" and not (manager["nvlsm"] and gpu["ibstat"]))
        or (state.packaged and not unit.get("exists"))
    )


def _files(
    host: Facts, gpu: Facts, state: State, options: Options, choice: packages.Choice, changes_driver: bool
) -> dict[str, Any]:
    release = choice.release or ("" if changes_driver or not state.packaged else state.release or "")
    nouveau = gpu["driver"]["nouveau_loaded"]
    wanted = files.differing(host, state, nouveau, release, options.keep_from_upgrades)
    blacklisted = any(item["path"] == files.BLACKLIST for item in wanted)
    return {
        "files": wanted,
        "automatic": files.automatic_line(host, options.keep_from_upgrades) if state.family == "redhat" else "",
        "initramfs": blacklisted,
    }


def _restarts_fabric_manager(host: Facts, gpu: Facts, state: State, decision: Decision) -> bool:
    """Tell whether a running fabric manager must start anew: replaced, or started without what it looks for."""
    if (host["services"].get(obstacles.FABRIC_MANAGER) or {}).get("active") != "active" or state.fabric == "none":
        return False
    lacking = state.fabric == "nvlink5" and not (gpu["ib_umad"] and gpu["fabric_manager"]["nvlsm"] and gpu["ibstat"])
    return decision.action == "mend_fabric" or lacking


def _modules(gpu: Facts, state: State, reload: bool) -> Iterator[str]:
    """Yield the modules to load. As long as nouveau has the GPUs, NVIDIA's cannot have them."""
    if state.fabric == "nvlink5" and gpu["nvlink5"] is None:
        yield "mlx5_ib"  # Shows the board's NVLink5 to the fabric manager.
    if state.fabric == "nvlink5" and not gpu["ib_umad"]:
        yield "ib_umad"
    if (reload or not state.loaded) and not gpu["driver"]["nouveau_loaded"]:
        yield from ("nvidia", "nvidia_uvm")


def _units_to_stop(host: Facts, reload: bool, restart: bool) -> list[str]:
    units = _HOLDERS if reload else (obstacles.FABRIC_MANAGER,) if restart else ()
    return [unit for unit in units if (host["services"].get(unit) or {}).get("active") == "active"]


def _services(host: Facts, state: State) -> Iterator[dict[str, Any]]:
    """Yield the units that are not as they shall be. Those that come with packages are seen after these came."""
    units = [PERSISTENCED, *([obstacles.FABRIC_MANAGER] if state.fabric != "none" else [])]
    for unit in units:
        row = host["services"].get(unit) or {}
        if row.get("active") == "unknown":  # PID 1 is not systemd.
            continue
        enable, start = row.get("enabled") not in ("enabled", "static", "masked"), row.get("active") != "active"
        if row.get("exists") and (enable or start):
            yield {"name": unit, "enable": enable, "start": start}


def _reload_reasons(state: State) -> list[str]:
    if not state.stale:
        return []
    loaded = " ".join(part for part in (state.loaded_release, state.loaded_flavour) if part)
    installed = " ".join(part for part in (state.release, state.flavour) if part)
    return [f"driver {loaded} is loaded, {installed} is installed"]


def _reboot_reasons(gpu: Facts, state: State) -> Iterator[str]:
    """Yield what only a reboot ends, when all that can be done without one is done."""
    if gpu["driver"]["nouveau_loaded"]:
        yield "nouveau drives the GPUs until the next boot"
    yield from _reload_reasons(state)


def _drained(host: Facts, options: Options) -> list[str]:
    """Return the containers that an earlier run stopped and could not start again."""
    return (host["files"].get(options.state_file) or "").split()


def _changes(plan: Facts) -> bool:
    chosen = plan["packages"]
    listed = [chosen[key] for key in ("pin", "remove", "install", "unlock", "lock")]
    other = ("stream", "files", "automatic", "reload", "modules", "stop", "services", "drained")
    return plan["action"] != "none" or any(listed) or any(plan[key] for key in other)
