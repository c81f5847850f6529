# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: toolkit plan - from what a host is to what the role nvidia_container_toolkit does. Everything is pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _toolkit_data as data
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_engine import Engine, plan_engine
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_packages import Packages, at_least, plan_packages
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_problems import (
    docker_problems,
    gpu_problems,
    package_problems,
    running_problems,
    trap_problem,
)


@dataclass(frozen=True)
class Wishes:
    """What is asked for; the role's variables of the same names."""

    version: str = ""
    mode: str = "auto"
    cgroupfs: bool = False
    restart: str = "auto"
    gpus: int | None = None
    gpu_access: str = "device_requests"
    repository_managed: bool = True
    earlier_roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Wishes:
        """Read the filter's options. Raises ValueError for an unknown one or a bad value."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise ValueError(f"expected some of {', '.join(sorted(known))}; got {', '.join(unknown)}")
        for name, choices in (("mode", ("auto", "cdi", "legacy")), ("restart", ("auto", "always"))):
            if options.get(name, choices[0]) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {options[name]!r}")
        return cls(**{**options, "earlier_roles": tuple(options.get("earlier_roles") or ())})


def plan_toolkit(
    host: Mapping[str, Any], gpu: Mapping[str, Any], wishes: Wishes, versions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the plan as plain data; the filter toolkit_plan documents its keys."""
    packages = plan_packages(host.get("packages") or {}, wishes.version, versions)
    engine = plan_engine(host, wishes.mode, wishes.cgroupfs)
    problems = [
        *gpu_problems(gpu, wishes.gpus),
        *docker_problems(host, engine.mode, wishes.gpu_access),
        *package_problems(host, packages, wishes.version, wishes.repository_managed),
        *running_problems(host, gpu, packages, engine, wishes.restart),
        *trap_problem(host, engine, wishes.gpu_access),
    ]
    return {
        "mode": engine.mode,
        "gpus_served_by": engine.served_by,
        "gpu_access": "cdi" if engine.mode == "cdi" else "device_requests",
        "packages": _package_keys(packages),
        "engine": _engine_keys(engine),
        "cdi": plan_cdi(host, gpu, engine.mode, packages.version),
        "expected_gpus": wishes.gpus or int(gpu.get("present") or 0),
        "uuids": [device["uuid"] for device in gpu.get("devices") or [] if device.get("uuid")],
        "problems": [_softened(item, wishes.earlier_roles) for item in problems],
    }


def plan_cdi(host: Mapping[str, Any], gpu: Mapping[str, Any], mode: str, toolkit: str) -> dict[str, Any]:
    """Return which units to enable and whether to write the specification; nothing in legacy mode.

    From 1.18 the refresh units rewrite the specification after a driver change. They are switched on by the package
    only where systemd calls the host `running`, and skip a run where they do not find the kernel module, so the
    specification itself is looked at: it names the driver's version in the names of its libraries.
    """
    refreshed = at_least(toolkit, data.REFRESH_SINCE)
    path = data.SPECIFICATION_REFRESHED if refreshed else data.SPECIFICATION_GENERATED
    if mode != "cdi":
        return {"path": path, "state": "unused", "generate": False, "enable": []}
    state = specification_state(host, (gpu.get("driver") or {}).get("version"))
    services = host.get("services") or {}
    units = data.REFRESH_UNITS if refreshed and host.get("init") == "systemd" else ()
    enable = [unit for unit in units if (services.get(unit) or {}).get("enabled") != "enabled"]
    return {"path": path, "state": state, "generate": state != "current", "enable": enable}


def specification_state(host: Mapping[str, Any], driver: str | None) -> str:
    """Return current, stale or missing. The one in /var/run counts before the one in /etc, as it does for Docker."""
    files = host.get("files") or {}
    texts = [files.get(path) for path in (data.SPECIFICATION_REFRESHED, data.SPECIFICATION_GENERATED)]
    text = next((text for text in texts if text), None)
    if text is not None:
        return "current" if not driver or f".so.{driver}" in text else "stale"
    devices = (host.get("toolkit") or {}).get("cdi_devices") or []
    return "current" if "nvidia.com/gpu=all" in devices else "missing"


def _package_keys(packages: Packages) -> dict[str, Any]:
    return {
        "action": "keep" if packages.keep else "install",
        "reason": packages.reason,
        "installed": packages.installed,
        "version": packages.version,
        "apt": [f"{name}={version}" for name, version in packages.install],
        "dnf": [f"{name}-{version}" for name, version in packages.install],
    }


def _engine_keys(engine: Engine) -> dict[str, Any]:
    return {
        "settings": engine.settings,
        "restart": bool(engine.restart_reasons),
        "reasons": list(engine.restart_reasons),
        "reload": engine.reload,
    }


def _softened(item: dict[str, Any], earlier_roles: tuple[str, ...]) -> dict[str, Any]:
    """Return a problem that an earlier role will have mended as a warning: in check mode it has mended nothing yet."""
    return {**item, "severity": "warning"} if item["mended_by"] in earlier_roles else item
