# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: toolkit engine - how Docker shall give GPUs to containers, and what must change for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _toolkit_data as data
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_packages import at_least


@dataclass(frozen=True)
class Engine:
    """How GPUs come into containers, and what to merge into daemon.json for it.

    `served_by` is what serves `--gpus`: the hook, or CDI. A reload does when `restart_reasons` is empty.
    """

    mode: str
    served_by: str
    settings: dict[str, Any]
    restart_reasons: tuple[str, ...]

    @property
    def reload(self) -> bool:
        """Whether the engine must read its settings again."""
        return bool(self.settings) and not self.restart_reasons


def plan_engine(host: Mapping[str, Any], asked_mode: str, cgroupfs: bool) -> Engine:
    """Return what the engine needs. `host` is the fact gpt_oss_host; it may have no engine yet."""
    docker = host.get("docker") or {}
    written = (host.get("daemon_json") or {}).get("settings") or {}
    mode = decide_mode(asked_mode, docker.get("version"), written)
    settings: dict[str, Any] = {}
    if not is_registered(written):
        settings["runtimes"] = {data.RUNTIME: dict(data.RUNTIME_SETTING)}
    if mode == "cdi" and _must_enable_cdi(docker.get("version"), written):
        settings["features"] = {"cdi": True}
    if cgroupfs and docker.get("cgroup_driver") != "cgroupfs":
        settings["exec-opts"] = _with_cgroupfs(written.get("exec-opts") or [])
    return Engine(mode, served_by(mode, docker.get("version")), settings, _restart_reasons(host, settings))


def decide_mode(asked: str, version: str | None, written: Mapping[str, Any]) -> str:
    """Return cdi or legacy. `auto` takes CDI where Docker knows it well, and respects that somebody switched it off."""
    if asked != "auto":
        return asked
    switched_off = (written.get("features") or {}).get("cdi") is False
    return "cdi" if at_least(version, data.DOCKER_CDI_SINCE) and not switched_off else "legacy"


def served_by(mode: str, version: str | None) -> str:
    """Return what serves `--gpus`: before 29.2 always the hook, whatever else the engine can do."""
    return "cdi" if mode == "cdi" and at_least(version, data.DOCKER_GPUS_BY_CDI_SINCE) else "hook"


def is_registered(written: Mapping[str, Any]) -> bool:
    """Tell whether daemon.json registers the runtime, under whatever path.

    What the running engine knows does not count: until it restarts, it keeps a runtime that was taken out again.
    """
    runtimes = written.get("runtimes") or {}
    return PurePosixPath(str(_path(runtimes.get(data.RUNTIME)))).name.startswith(data.RUNTIME_PROGRAM)


def _path(runtime: Any) -> Any:
    return runtime.get("path") if isinstance(runtime, Mapping) else runtime


def _must_enable_cdi(version: str | None, written: Mapping[str, Any]) -> bool:
    feature = (written.get("features") or {}).get("cdi")
    return feature is not True and (feature is False or not at_least(version, data.DOCKER_CDI_DEFAULT_SINCE))


def _with_cgroupfs(options: list[str]) -> list[str]:
    others = [option for option in options if not str(option).startswith(f"{data.CGROUP_OPTION}=")]
    return [*others, f"{data.CGROUP_OPTION}=cgroupfs"]


def _restart_reasons(host: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[str, ...]:
    docker = host.get("docker")
    if not docker:
        return ()
    written = ((host.get("daemon_json") or {}).get("settings") or {}).get("runtimes") or {}
    reasons = {
        data.RESTART_FOR_HOOK: not (host.get("toolkit") or {}).get("version"),
        data.RESTART_FOR_CDI: "features" in settings,
        data.RESTART_FOR_CGROUPS: "exec-opts" in settings,
        data.RESTART_FOR_RUNTIME: data.RUNTIME in written and data.RUNTIME not in (docker.get("runtimes") or []),
    }
    return tuple(reason for reason, holds in reasons.items() if holds)
