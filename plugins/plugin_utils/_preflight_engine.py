# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight engine, what may be wrong with Docker and with the GPUs' way into containers."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import older
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_data import MINIMUM, MINIMUM_REASON

# The oldest engine that this collection is tested with; its API has all that the modules use.
_DOCKER = "20.10"
# From 29.0 (containerd 2.1.5) on containers get systemd's default: https://docs.docker.com/engine/release-notes/29/
_DOCKER_FEW_FILES = "29"
_TOOLKIT_ROLE = "nvidia_container_toolkit"
# How the engine's problem begins → the problem's id, and the role that mends it.
_KINDS = (
    ("there is no Docker Engine", "docker_missing", "docker"),
    ("no Docker Engine listens", "docker_stopped", "docker"),
    ("user ", "docker_denied", None),
)


def docker(case: Case) -> Iterator[Problem]:
    """Is there an engine that can be used, and is it new enough?"""
    said = str(case.host.get("docker_problem") or "")
    if said:
        found, _semicolon, remedy = said.partition("; ")
        for start, identity, role in _KINDS:
            if found.startswith(start):
                yield problem(identity, "error", "Docker", "a running engine", found, remedy, role)
                return
        yield problem("docker_unusable", "error", "Docker", "an engine that answers", found, remedy)
    version = str(case.docker.get("version") or "")
    if version and older(version, _DOCKER):
        remedy = "install a newer engine"
        yield problem("docker_too_old", "error", "Docker", f"{_DOCKER} or newer", version, remedy, "docker")


def daemon_settings(case: Case) -> Iterator[Problem]:
    """Can daemon.json be read?"""
    found = case.host.get("daemon_json") or {}
    if found.get("error"):
        subject = str(found.get("path") or "daemon.json")
        remedy = "mend it by hand: nobody overwrites what others wrote there"
        yield problem("daemon_json_broken", "error", subject, "a JSON object", str(found["error"]), remedy)


def container_files(case: Case) -> Iterator[Problem]:
    """Do containers get enough open files?"""
    version = str(case.docker.get("version") or "")
    ulimits = ((case.host.get("daemon_json") or {}).get("settings") or {}).get("default-ulimits") or {}
    bare = [server for server in case.gpu_servers if "nofile" not in (server.get("ulimits") or {})]
    if version and not older(version, _DOCKER_FEW_FILES) and "nofile" not in ulimits and bare:
        remedy = 'set default-ulimits in daemon.json, or ulimits: {nofile: "1048576:1048576"} for the servers'
        found = f"Docker {version} gives 1,024"
        yield problem("docker_nofile", "warning", "open files", "1,048,576 in containers", found, remedy, "docker")


def toolkit(case: Case) -> Iterator[Problem]:
    """Is the NVIDIA Container Toolkit there, and new enough?"""
    if _by_device_nodes(case):
        return
    version = (case.host.get("toolkit") or {}).get("version")
    if version is None:
        remedy = "run the role nvidia_container_toolkit, or install the package of that name"
        wanted = f"{MINIMUM} or newer"
        yield problem("toolkit_missing", "error", "container toolkit", wanted, "none", remedy, _TOOLKIT_ROLE)
    elif older(str(version), MINIMUM):
        remedy = f"upgrade its four packages to one version: {MINIMUM_REASON}"
        wanted = f"{MINIMUM} or newer"
        yield problem("toolkit_too_old", "error", "container toolkit", wanted, str(version), remedy, _TOOLKIT_ROLE)


def gpu_path(case: Case) -> Iterator[Problem]:
    """Does the engine know how to give GPUs to containers: by the toolkit's runtime, or by CDI?"""
    tool = case.host.get("toolkit") or {}
    if not case.docker or tool.get("version") is None or _by_device_nodes(case):
        return
    devices = [name for name in tool.get("cdi_devices") or [] if str(name).startswith("nvidia.com/gpu")]
    if "nvidia" in (case.docker.get("runtimes") or []) or (case.docker.get("cdi_spec_dirs") and devices):
        return
    remedy = (
        "run the role nvidia_container_toolkit, or nvidia-ctk runtime configure --runtime=docker and restart Docker"
    )
    found = f"runtimes {', '.join(case.docker.get('runtimes') or []) or 'none'}, CDI devices of NVIDIA: {len(devices)}"
    wanted = "runtime nvidia, or CDI"
    yield problem("gpu_path_missing", "error", "GPUs in Docker", wanted, found, remedy, _TOOLKIT_ROLE)


def _by_device_nodes(case: Case) -> bool:
    """Tell whether all servers get their GPUs by device nodes, for which no toolkit is needed."""
    accesses = {server.get("gpu_access") for server in case.gpu_servers}
    return accesses == {"device_nodes"}
