# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: placement - which servers the entries become, and the name, port and GPUs that each of them gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import HostGpus

CONTAINER_PORT = 8000


@dataclass(frozen=True)
class Placement:
    """One server: the number of the entry that it comes from, and what sets it apart from its replicas."""

    entry: int
    name: str | None
    port: int
    gpus: str


@dataclass(frozen=True)
class Request:
    """What one entry asks for: its options, and how many GPUs one server of it needs."""

    entry: int
    options: Mapping[str, Any]
    gpus_each: int

    @property
    def gpus(self) -> str:
        """The GPUs as the entry gives them."""
        return str(self.options.get("gpus", "all"))

    @property
    def replicas(self) -> int | str | None:
        """How many servers the entry becomes: a number, `auto`, or None for the one that keeps its name."""
        return self.options.get("replicas")


def place(requests: Sequence[Request], host: HostGpus) -> tuple[list[Placement], dict[int, list[str]]]:
    """Return the servers in the order of their entries, and what is wrong, by the number of the entry.

    Entries with `gpus: auto` get the first GPUs that no other entry takes.
    """
    problems: dict[int, list[str]] = {}
    placed: dict[int, list[Placement]] = {}
    taken: set[str] = set()
    for request in sorted(requests, key=lambda request: request.gpus == "auto"):
        pool = _pool(request, host, taken)
        size = request.gpus_each
        count = _count(request, pool)
        placed[request.entry] = [
            _placement(request, index, [] if pool is None else pool[index * size : (index + 1) * size])
            for index in range(count)
        ]
        problems[request.entry] = list(_problems(request, host, pool, count))
        taken |= {gpu for one in placed[request.entry] for gpu in _numbers(one.gpus, host)}
    return [one for request in requests for one in placed[request.entry]], problems


def replica_names(entry: Mapping[str, Any]) -> list[str]:
    """Return the names of an entry's servers as far as the entry alone tells: those of `replicas: auto` it does not."""
    name, replicas = str(entry["name"]), entry.get("replicas")
    if replicas is None or replicas == "auto":
        return [name]
    return [f"{name}-{index}" for index in range(int(replicas))]


def _pool(request: Request, host: HostGpus, taken: set[str]) -> list[str] | None:
    """Return the GPUs to hand out; None where the server gets what the entry says, as it stands."""
    everything = [gpu.names[0] for gpu in host.gpus] or [str(number) for number in range(host.count)]
    if request.gpus == "auto":
        return [gpu for gpu in everything if gpu not in taken]
    if request.replicas is None or request.gpus == "none":
        return None
    return everything if request.gpus == "all" else request.gpus.split(",")


def _count(request: Request, pool: list[str] | None) -> int:
    if request.replicas is None:
        return 1
    if request.replicas != "auto":
        return int(request.replicas)
    return max(1, len(pool) // request.gpus_each) if pool is not None else 1


def _placement(request: Request, index: int, gpus: list[str]) -> Placement:
    options = request.options
    port = int(options.get("port", CONTAINER_PORT))
    one = Placement(request.entry, options.get("name"), port, ",".join(gpus) or request.gpus)
    if request.replicas is None:
        return one
    return replace(one, name=f"{one.name}-{index}" if one.name else None, port=port + index)


def _problems(request: Request, host: HostGpus, pool: list[str] | None, count: int) -> Iterator[str]:
    last = int(request.options.get("port", CONTAINER_PORT)) + count - 1
    if last > 65535:
        yield f"{count} replicas need ports up to {last}, but 65535 is the last; lower port"
    if request.replicas == "auto" and request.gpus == "none":
        yield "replicas: auto is a server for each GPU, but gpus is none; give the number of replicas"
    if pool is not None and count * request.gpus_each > len(pool):
        wanted = f"{count} server{'s' if count > 1 else ''} of {_gpus(request.gpus_each)}"
        needed = f"{wanted} need{'' if count > 1 else 's'} {_gpus(count * request.gpus_each)}"
        yield f"{needed}, but {_source(request, host, len(pool))}; lower replicas or tensor_parallel_size"
    absent = [name for name in request.gpus.split(",") if host.known and _absent(name, host)]
    if absent:
        there = ", ".join(gpu.names[0] for gpu in host.gpus)
        yield f"gpus names {', '.join(absent)}, but the host has the GPUs {there}; name some of these"


def _absent(name: str, host: HostGpus) -> bool:
    """Tell whether the host lacks a GPU; parts of GPUs (MIG) are not looked for."""
    if name in ("all", "none", "auto") or name.startswith("MIG-") or ":" in name:
        return False
    uuids_known = any(len(gpu.names) > 1 for gpu in host.gpus)
    return not any(name in gpu.names for gpu in host.gpus) and (name.isdigit() or uuids_known)


def _source(request: Request, host: HostGpus, size: int) -> str:
    if request.gpus == "auto":
        return f"{size} are left by the other entries"
    if request.gpus != "all":
        return f'gpus "{request.gpus}" gives {size}'
    return f"the host has {size}" if host.known else f"vllm_gpus_per_host says {size}"


def _gpus(count: int) -> str:
    return f"{count} GPU{'s' if count > 1 else ''}"


def _numbers(gpus: str, host: HostGpus) -> set[str]:
    """Return the GPUs of a server by one name each, `all` and `none` resolved."""
    if gpus in ("none", "auto"):
        return set()
    if gpus == "all":
        return {gpu.names[0] for gpu in host.gpus} or {str(number) for number in range(host.count)}
    first = {name: gpu.names[0] for gpu in host.gpus for name in gpu.names}
    return {first.get(name, name) for name in gpus.split(",")}


def shared_gpus(one: Placement, other: Placement, host: HostGpus) -> list[str]:
    """Return the GPUs that two servers would both use, in their order."""
    first, second = (_numbers(server.gpus, host) for server in (one, other))
    both = second if one.gpus == "all" else first if other.gpus == "all" else first & second
    return sorted(both, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
