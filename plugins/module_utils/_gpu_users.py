# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: GPU users - who holds the GPUs' memory, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHOWN = 4
# What an idle driver keeps for itself, in MiB.
_IDLE_MIB = 1024


def describe_users(devices: Iterable[Mapping[str, Any]], names: Mapping[str, str], own: str) -> str:
    """Return who holds memory of which GPU; empty when nobody does.

    `devices` are those of _gpu_census, `names` maps the ids of running containers to their names. The processes of the
    container that did not start, whose id is `own`, do not count.
    """
    users = [text for device in devices for text in _of_device(device, names, own)]
    more = f", and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
    return ", ".join(users[:_SHOWN]) + more


def container_names(containers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return id → name of containers in the engine's short form."""
    return {str(entry["Id"]): str(entry["Names"][0]).lstrip("/") for entry in containers if entry.get("Names")}


def _of_device(device: Mapping[str, Any], names: Mapping[str, str], own: str) -> list[str]:
    processes = device["processes"]
    told = [_process(device, process, names) for process in _others(processes, own)]
    used = device["memory_used_mib"] or 0
    if not processes and used > _IDLE_MIB:
        return [f"GPU {device['index']}: {used} MiB by a process that nvidia-smi cannot see"]
    return told


def _others(processes: Sequence[Mapping[str, Any]], own: str) -> list[Mapping[str, Any]]:
    return [process for process in processes if process["memory_mib"] and process["container"] != own]


def _process(device: Mapping[str, Any], process: Mapping[str, Any], names: Mapping[str, str]) -> str:
    container = process["container"]
    place = f", container {names.get(container, container[:12])}" if container else ""
    return f"GPU {device['index']}: {process['name']} (pid {process['pid']}, {process['memory_mib']} MiB{place})"
