# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker command, shows a description as the `docker run` command that would make such a container."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any


def docker_command(
    name: str, description: Mapping[str, Any], image: Mapping[str, Any] | None, stop_timeout: int | None = None
) -> list[str]:
    """Return the command, one option with its value a line, the arguments a word each.

    `description` is a readable one (_description.readable): what the image brings along is left out, secrets are
    masked. `image` is the inspected image.
    """
    own = list(((image or {}).get("Config") or {}).get("Entrypoint") or [])
    entrypoint = list(description["entrypoint"])
    words = list(description["arguments"])
    lines = ["docker run --detach", f"--name {shlex.quote(name)}", *_options(description)]
    if stop_timeout:
        lines.append(f"--stop-timeout {stop_timeout}")
    if entrypoint != own:
        # The command line takes one word; the others stand before the arguments.
        lines.append(f"--entrypoint {shlex.quote(entrypoint[0] if entrypoint else '')}")
        words = [*entrypoint[1:], *words]
    return [*lines, shlex.quote(description["image"]), *(shlex.quote(word) for word in words)]


def _options(description: Mapping[str, Any]) -> Iterator[str]:
    if description["restart_policy"] != "no":
        yield f"--restart {description['restart_policy']}"
    for gpus in description["gpus"]:
        driver, _colon, ids = gpus.rpartition(": ")
        if driver == "cdi":
            yield from (f"--device {shlex.quote(device)}" for device in ids.split(","))
        else:
            yield "--gpus all" if ids == "all" else f"--gpus '\"device={ids}\"'"
    if description["network_mode"] != "bridge":
        yield f"--network {shlex.quote(description['network_mode'])}"
    for port in description["ports"]:
        host, _arrow, inside = port.partition("->")
        yield f"--publish {host}:{inside.partition('/')[0]}"
    yield from _limits(description)
    for option, key in (("env", "environment"), ("label", "labels")):
        yield from (f"--{option} {shlex.quote(f'{name}={value}')}" for name, value in sorted(description[key].items()))
    for option, key in (("volume", "volumes"), ("device", "devices")):
        yield from (f"--{option} {shlex.quote(value)}" for value in description[key])


def _limits(description: Mapping[str, Any]) -> Iterator[str]:
    if description["ipc_mode"] != "private":
        yield f"--ipc {shlex.quote(description['ipc_mode'])}"
    if description["shm_size"]:
        yield f"--shm-size {description['shm_size']}"
    if description["user"]:
        yield f"--user {shlex.quote(description['user'])}"
    for name, limit in sorted(description["ulimits"].items()):
        yield f"--ulimit {name}={limit}"
    if description["privileged"]:
        yield "--privileged"
    yield from (f"--cap-drop {capability}" for capability in description["dropped_capabilities"])
    yield from (f"--cap-add {capability}" for capability in description["added_capabilities"])
    yield from (f"--security-opt {shlex.quote(option)}" for option in description["security_options"])
    if description["read_only"]:
        yield "--read-only"
    yield from (f"--tmpfs {shlex.quote(folder)}" for folder in description["tmpfs"])
    if description["pids_limit"]:
        yield f"--pids-limit {description['pids_limit']}"
    if description["memory"]:
        yield f"--memory {description['memory']}"
    if description["nano_cpus"]:
        yield f"--cpus {description['nano_cpus'] / 1e9:g}"
