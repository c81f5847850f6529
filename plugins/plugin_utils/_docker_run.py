# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker run - the command that a description of a container amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def render_docker_run(description: Mapping[str, Any]) -> list[str]:
    """Return the tokens of the `docker run` that starts a described server in the foreground.

    `description` is one of those that _recipes.resolve returns. What this collection adds around the command is left
    out: the container's name, its labels, the restart policy and the wrapping that reads the key's file.
    """
    tokens = ["docker", "run", *_gpu_tokens(description), *_network_tokens(description)]
    if description.get("ipc_mode"):
        tokens.append(f"--ipc={description['ipc_mode']}")
    if description.get("shm_size"):
        tokens.append(f"--shm-size={description['shm_size']}")
    if description.get("user"):
        tokens.append(f"--user={description['user']}")
    for flag, key in (
        ("--cap-drop", "drop_capabilities"),
        ("--cap-add", "add_capabilities"),
        ("--security-opt", "security_options"),
        ("--tmpfs", "tmpfs"),
    ):
        tokens += [f"{flag}={value}" for value in description.get(key) or []]
    if description.get("read_only"):
        tokens.append("--read-only")
    if description.get("pids_limit"):
        tokens.append(f"--pids-limit={description['pids_limit']}")
    for flag, key in (("-v", "volumes"), ("--device", "devices")):
        for value in description.get(key) or []:
            tokens += [flag, str(value)]
    for flag, separator, key in (("-e", "=", "environment"), ("--ulimit", "=", "ulimits")):
        for name, value in (description.get(key) or {}).items():
            tokens += [flag, f"{name}{separator}{value}"]
    entrypoint = description.get("entrypoint") or []
    if entrypoint:
        tokens += ["--entrypoint", entrypoint[0]]
    return [*tokens, description["image"], *entrypoint[1:], *description["arguments"]]


def _gpu_tokens(description: Mapping[str, Any]) -> list[str]:
    gpus = description.get("gpus", "all")
    # Which device nodes a GPU has is known on the host alone.
    if gpus == "none" or description.get("gpu_access") == "device_nodes":
        return []
    if description.get("gpu_access") == "cdi":
        return [token for gpu in gpus.split(",") for token in ("--device", f"nvidia.com/gpu={gpu}")]
    return ["--gpus", "all" if gpus == "all" else f'"device={gpus}"']


def _network_tokens(description: Mapping[str, Any]) -> list[str]:
    if description.get("network_mode") == "host":
        return ["--network=host"]
    published = f"{description['port']}:{description['container_port']}"
    address = description.get("bind_address", "127.0.0.1")
    if address == "0.0.0.0":
        return ["-p", published]
    return ["-p", f"[{address}]:{published}" if ":" in address else f"{address}:{published}"]
