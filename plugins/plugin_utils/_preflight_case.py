# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight case, one host as preflight judges it: what was found, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import Requirement, requirement

Problem = dict[str, Any]
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a host. `gpus` is None where only the servers and the bus tell how many there shall be."""

    gpus: int | None = None
    servers: Sequence[Mapping[str, Any]] = ()
    server_problems: Sequence[str] = ()
    ansible_version: str = ""
    ansible_minimum: str = ""
    hf_home: str = ""
    hf_free: int = 0
    docker_root: str = "/var/lib/docker"
    docker_free: int = 0
    python: str = ""


@dataclass(frozen=True)
class Case:
    """One host: the facts gpt_oss_host and gpt_oss_gpu, and what is wanted."""

    host: Mapping[str, Any]
    gpu: Mapping[str, Any]
    wanted: Wanted = field(default_factory=Wanted)

    @property
    def gpu_servers(self) -> list[Mapping[str, Any]]:
        """The servers that ask for GPUs."""
        return [server for server in self.wanted.servers if server.get("gpus", "all") != "none"]

    @property
    def expects_gpus(self) -> bool:
        """Whether GPUs matter: as told, else as the servers say, else, without servers, as the bus shows."""
        if self.wanted.gpus is not None:
            return self.wanted.gpus > 0
        return bool(self.gpu_servers) or (not self.wanted.servers and self.present > 0)

    @property
    def present(self) -> int:
        """The GPUs on the PCI bus."""
        return int(self.gpu.get("present") or 0)

    @property
    def gpus_wanted(self) -> int:
        """How many GPUs there shall be: as told, else as many as the bus shows or the servers need, at least one."""
        if self.wanted.gpus is not None:
            return self.wanted.gpus
        return max(1, self.present, *(_needed(server) for server in self.gpu_servers), 0)

    @property
    def devices(self) -> list[Mapping[str, Any]]:
        """The GPUs that the driver knows."""
        return list(self.gpu.get("devices") or [])

    @property
    def used_devices(self) -> list[Mapping[str, Any]]:
        """The GPUs that the servers use: those that they name, all of them when one server takes all."""
        names = [str(server.get("gpus", "all")) for server in self.gpu_servers] or ["all"]
        if "all" in names:
            return self.devices
        indexes = {name.strip() for part in names for name in part.split(",")}
        return [device for device in self.devices if indexes & {str(device.get("index")), str(device.get("uuid"))}]

    @property
    def driver(self) -> Mapping[str, Any]:
        """The driver, as gpu_info tells it."""
        return dict(self.gpu.get("driver") or {})

    @property
    def requirement(self) -> Requirement | None:
        """What the GPUs ask of their driver; None for an unknown generation."""
        return requirement(self.gpu.get("generation"), self.model)

    @property
    def model(self) -> str | None:
        """The name of the first GPU."""
        names = [device.get("name") for device in self.devices] + [row.get("name") for row in self.gpu.get("pci") or []]
        return next((str(name) for name in names if name), None)

    @property
    def nvlink5(self) -> bool:
        """Whether the host manages NVLink 5 switches."""
        return self.gpu.get("nvlink5") is True

    @property
    def has_fabric(self) -> bool:
        """Whether the GPUs need the fabric manager."""
        return self.nvlink5 or int(self.gpu.get("nvswitches") or 0) > 0

    @property
    def docker(self) -> Mapping[str, Any]:
        """The engine; empty when there is none that can be used."""
        return dict(self.host.get("docker") or {})

    def own_containers(self) -> Iterator[Mapping[str, Any]]:
        """Yield the running containers that are this collection's, or bear the name of one that shall be."""
        names = {server.get("name") for server in self.wanted.servers}
        for container in self.docker.get("containers") or []:
            if container.get("own") or container.get("name") in names:
                yield container

    def service(self, name: str) -> Mapping[str, Any]:
        """Return a unit's state; empty when it was not looked at."""
        return dict((self.host.get("services") or {}).get(name) or {})


Check = Callable[[Case], Iterator[Problem]]


def number(value: Any, default: int = 0) -> int:
    """Return a number that an inventory may hold as text; the default for what is none."""
    try:
        return int(str(value))
    except ValueError:
        return default


def binary_size(count: float) -> str:
    """Return bytes as people say them: 80 GiB, 512.5 MiB."""
    power = next((n for n in range(4) if abs(count) < 1024 ** (n + 1)), 4)
    return f"{count / 1024**power:.1f} {_UNITS[power]}".replace(".0 ", " ")


def gpu_name(device: Mapping[str, Any]) -> str:
    """Return how a GPU is called in a sentence."""
    return f"GPU {device.get('index')} ({device.get('pci_address')})"


def _needed(server: Mapping[str, Any]) -> int:
    indexes = [number(name, -1) + 1 for name in str(server.get("gpus", "all")).split(",")]
    return max(number(server.get("tensor_parallel_size"), 1), *indexes)
