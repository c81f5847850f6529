# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_state, which Docker Engine a host has, read from the fact gpt_oss_host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OFFICIAL = "docker-ce"
DISTRIBUTION = "docker.io"
DEFAULT_DATA_ROOT = "/var/lib/docker"
DEFAULT_CONTAINERD_ROOT = "/var/lib/containerd"


@dataclass(frozen=True)
class Engine:
    """The engine of a host.

    `origin`: "official" or "distribution" after the package that brought it, "unknown" for one that no package owns,
    "" for none. `version` is upstream's, such as 28.2.2; empty when it cannot be told.
    """

    origin: str
    version: str
    running: bool
    containers: int
    live_restore: bool

    @property
    def in_use(self) -> bool:
        """Whether containers run."""
        return self.containers > 0


def engine_of(host: Mapping[str, Any]) -> Engine:
    """Return what the fact gpt_oss_host says about the engine."""
    packages: Mapping[str, str] = host.get("packages") or {}
    docker = host.get("docker") or {}
    origin = "unknown" if docker or host.get("docker_binary") else ""
    packaged = ""
    for package, name in ((OFFICIAL, "official"), (DISTRIBUTION, "distribution")):
        if package in packages:
            origin, packaged = name, packages[package]
            break
    return Engine(
        origin=origin,
        version=upstream(packaged or str(docker.get("version") or "")),
        running=bool(docker),
        containers=int(docker.get("running_containers") or 0),
        live_restore=bool(docker.get("live_restore")),
    )


def upstream(version: str) -> str:
    """Return upstream's part of a package's version, such as 5:28.2.2-1~debian.12~bookworm or 20.10.24+dfsg1-1."""
    match = re.match(r"(?:\d+:)?v?(\d+(?:\.\d+)*)", version)
    return match.group(1) if match else ""


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to compare by."""
    return tuple(int(part) for part in upstream(version).split(".") if part)


def is_at_least(version: str, floor: str) -> bool:
    """Tell whether a version is the floor or newer. An unknown version is not."""
    return bool(parts(version)) and parts(version) >= parts(floor)


def satisfies(version: str, pin: str) -> bool:
    """Tell whether a version is the pinned one: 28.2.2 satisfies 28.2.2, 28.2 and 28; nothing pinned suits all."""
    wanted = parts(pin)
    return parts(version)[: len(wanted)] == wanted


def written_settings(host: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of daemon.json, as far as the fact shows them."""
    return (host.get("daemon_json") or {}).get("settings") or {}


def data_roots(host: Mapping[str, Any]) -> list[str]:
    """Return the names of the folder in which the engine keeps its data, the one that it goes by first.

    There are several where nothing is written and the usual folder is a link: the engine tells where that leads.
    """
    written = written_settings(host).get("data-root")
    told = (host.get("docker") or {}).get("root")
    return [str(written)] if written else [str(told or DEFAULT_DATA_ROOT), DEFAULT_DATA_ROOT]


def is_reload_due(host: Mapping[str, Any]) -> bool:
    """Tell whether daemon.json has settings that the engine could have taken over without a restart and has not."""
    written, docker = written_settings(host), host.get("docker") or {}
    told = {"live-restore": docker.get("live_restore"), "default-runtime": docker.get("default_runtime")}
    stale = any(key in written and told[key] is not None and written[key] != told[key] for key in told)
    return bool(docker) and (stale or not set(written.get("runtimes") or {}) <= set(docker.get("runtimes") or []))


def containerd_root(host: Mapping[str, Any]) -> str:
    """Return where containerd is configured to keep its data."""
    return str(host.get("containerd_root") or DEFAULT_CONTAINERD_ROOT)


def in_swarm(host: Mapping[str, Any]) -> bool:
    """Tell whether the engine says that it takes part in a swarm."""
    return bool((host.get("docker") or {}).get("swarm"))


def same_folder(one: str, other: str) -> bool:
    """Tell whether two paths are the same but for slashes at the end."""
    return one.rstrip("/") == other.rstrip("/")
