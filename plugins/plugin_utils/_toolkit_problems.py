# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: toolkit problems - why the toolkit cannot be set up on a host as it is, or should not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _toolkit_data as data
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_engine import Engine
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_packages import Packages, at_least

ROLE = "nvidia_container_toolkit"
Problem = dict[str, Any]


def gpu_problems(gpu: Mapping[str, Any], gpus: int | None) -> Iterator[Problem]:
    """Yield what is wrong with GPUs and driver."""
    present, driver = int(gpu.get("present") or 0), gpu.get("driver") or {}
    if present < (gpus or 1):
        remedy = "set gpt_oss_gpus to what the host has (0 for none), or look for the missing ones (lspci -d 10de:)"
        yield problem("gpus_missing", "error", "GPUs", f"{gpus or 'at least one'}", f"{present} on the bus", remedy)
    elif not driver.get("loaded"):
        remedy = "run the role nvidia_driver first, and reboot if it asks for it"
        yield problem("driver_missing", "error", "driver", "loaded", "not loaded", remedy, "nvidia_driver")
    elif (gpu.get("smi") or {}).get("state") == "mismatch":
        found = str((gpu.get("smi") or {}).get("error") or "kernel module and libraries of different versions")
        remedy = "reboot, so that the kernel module of the installed driver is loaded"
        yield problem("driver_mismatch", "error", "driver", "one version", found, remedy, "nvidia_driver")


def docker_problems(host: Mapping[str, Any], mode: str, access: str) -> Iterator[Problem]:
    """Yield what is wrong with the Docker Engine."""
    docker = host.get("docker")
    if not docker:
        found = host.get("docker_problem") or "none"
        remedy = "run the role docker first, or start the engine (systemctl start docker)"
        yield problem("docker_missing", "error", "Docker Engine", "a running one", found, remedy, "docker")
        return
    version = str(docker.get("version") or "unknown")
    if not at_least(version, data.DOCKER_GPUS_SINCE):
        remedy = "install a newer engine (role docker)"
        yield problem("docker_too_old", "error", "Docker Engine", f">= {data.DOCKER_GPUS_SINCE}", version, remedy)
    elif mode == "cdi" and not at_least(version, data.DOCKER_CDI_SINCE):
        remedy = f"set {ROLE}_mode to auto or legacy, or install a newer engine (role docker)"
        wanted = f">= {data.DOCKER_CDI_SINCE} for CDI"
        yield problem("docker_too_old_for_cdi", "error", "Docker Engine", wanted, version, remedy)
    if access == "cdi" and mode != "cdi":
        remedy = f"set gpu_access to device_requests, or {ROLE}_mode to cdi (Docker {data.DOCKER_CDI_SINCE} or newer)"
        yield problem("access_without_cdi", "error", "gpu_access", "CDI in the engine", f"mode {mode}", remedy)
    if str(host.get("docker_binary") or "").startswith("/snap/"):
        remedy = "remove the snap and install Docker's packages (role docker)"
        yield problem("docker_is_snap", "error", "Docker Engine", "packages", "a snap, which sees no hook", remedy)
    if (host.get("daemon_json") or {}).get("error"):
        written = host["daemon_json"]
        path, remedy = str(written.get("path") or "daemon.json"), "mend the file by hand; it is not overwritten"
        yield problem("daemon_json_broken", "error", path, "a JSON object", str(written["error"]), remedy)


def package_problems(host: Mapping[str, Any], packages: Packages, wish: str, managed: bool) -> Iterator[Problem]:
    """Yield what stands against the packages."""
    if wish and wish.count(".") >= 1 and not _may_be_at_least(wish, data.MINIMUM):
        remedy = f"set {ROLE}_version to {data.MINIMUM} or newer: {data.MINIMUM_REASON}"
        yield problem("toolkit_too_old", "error", "toolkit", f">= {data.MINIMUM}", wish, remedy)
    if packages.keep:
        return
    if packages.problem:
        remedy = f"set {ROLE}_version to a version that the repository has, or mend the repository"
        yield problem("toolkit_unavailable", "error", "toolkit packages", "one version", packages.problem, remedy)
    held = sorted(set(host.get("held") or []) & set(data.PACKAGES))
    if held:
        remedy = "release them (apt-mark unhold, dnf versionlock delete), or set the version that is held"
        yield problem("toolkit_held", "error", "toolkit packages", packages.reason, f"held: {', '.join(held)}", remedy)
    family = (host.get("distribution") or {}).get("family")
    if managed and family not in ("debian", "redhat"):
        found = str((host.get("distribution") or {}).get("name") or family or "unknown")
        remedy = f"install the toolkit by other means, or set {ROLE}_repository_managed to false"
        yield problem("distribution_unknown", "error", "operating system", "Debian's or Red Hat's", found, remedy)


def running_problems(
    host: Mapping[str, Any], gpu: Mapping[str, Any], packages: Packages, engine: Engine, restart: str
) -> Iterator[Problem]:
    """Yield what would hurt running containers."""
    docker = host.get("docker") or {}
    running = int(docker.get("running_containers") or 0)
    systemd = docker.get("cgroup_driver") == "systemd"
    reasons = "; ".join(engine.restart_reasons)
    survive = docker.get("live_restore") and data.RESTART_FOR_CGROUPS not in engine.restart_reasons
    if reasons and running and not survive and restart != "always":
        remedy = f"stop them, or set live-restore in the engine (role docker), or {ROLE}_restart to always"
        found = f"{running} running containers that a restart would stop ({reasons})"
        yield problem("restart_would_stop", "error", "Docker Engine", "a restart", found, remedy)
    using = sorted(gpu_containers(gpu))
    if not packages.keep and using and systemd and restart != "always":
        remedy = f"stop them (docker stop), or set {ROLE}_restart to always and start them again afterwards"
        found = f"{len(using)} containers with GPUs, which the packages' daemon-reload would take from them"
        yield problem("gpu_containers_running", "error", "toolkit packages", packages.reason, found, remedy)


def trap_problem(host: Mapping[str, Any], engine: Engine, access: str) -> Iterator[Problem]:
    """Yield a warning where any `systemctl daemon-reload` takes the GPUs from running containers.

    Source: NVIDIA's cloud-native documentation, container-toolkit/troubleshooting.md.
    """
    docker = host.get("docker") or {}
    by_hook = access != "cdi" and engine.served_by == "hook"
    if docker.get("cgroup_driver") != "systemd" or not by_hook or "exec-opts" in engine.settings:
        return
    remedy = f"set {ROLE}_cgroupfs to true (restarts all containers once)"
    if engine.mode == "cdi":
        remedy = f"set the servers' gpu_access to cdi, or {remedy}"
    found = "the hook with systemd's cgroups: any systemctl daemon-reload takes the GPUs from running containers"
    yield problem("daemon_reload_trap", "warning", "GPU access", "one that lasts", found, remedy)


def gpu_containers(gpu: Mapping[str, Any]) -> set[str]:
    """Return the ids of the containers that use a GPU now."""
    processes = (process for device in gpu.get("devices") or [] for process in device.get("processes") or [])
    return {process["container"] for process in processes if process.get("container")}


def _may_be_at_least(wish: str, minimum: str) -> bool:
    """Tell whether a version, or some version that begins so, is new enough: 1.17 may be."""
    return at_least(wish, minimum) or minimum.startswith(f"{wish}.")
