# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host, one look at a host that changes nothing: operating system, disks, packages, services, engine."""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _host_system as system
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_addresses import addresses
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_clock import clock
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_daemon import daemon_json
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_disks import filesystems
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_docker import containerd_root, docker
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_packages import packages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_ports import ports
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_services import services
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_toolkit import toolkit

MOST_BYTES = 64 * 1024
_PYTHONS = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10")
_USABLE = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))"


def look(reader: Reader, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is; nothing that is missing makes it fail."""
    distribution = system.distribution(reader)
    family = distribution["family"]
    user = system.user()
    engine, docker_problem = docker(parameters["docker_host"], user["name"])
    installed, held = packages(reader, family, parameters["packages"])
    roots = [engine["root"] or "/", containerd_root(reader)] if engine else []
    return {
        "distribution": distribution,
        "architecture": os.uname().machine,
        "user": user,
        "kernel": system.kernel(reader),
        "init": system.init(reader),
        "virtualization": system.virtualization(reader),
        "python": {"command": find_python(reader, parameters["python"])},
        "memory": system.memory(reader),
        "limits": system.limits(),
        "cgroup": system.cgroup(reader),
        "filesystems": filesystems(reader, [*parameters["paths"], *roots]),
        "ports": ports(reader, parameters["ports"]),
        "clock": clock(parameters["controller_time"]),
        "services": services(reader, parameters["services"]),
        "packages": installed,
        "held": held,
        "files": {name: reader.text(name, MOST_BYTES) for name in parameters["files"]},
        "docker": engine,
        "docker_problem": docker_problem,
        "docker_binary": find_engine(reader),
        "containerd_root": containerd_root(reader),
        "daemon_json": daemon_json(reader),
        "toolkit": toolkit(reader),
        "reboot_required": system.reboot_required(reader, family),
        "unattended_upgrades": system.unattended_upgrades(reader, family),
        "addresses": addresses(parameters["addresses"]),
    }


def find(reader: Reader, command: str) -> Optional[str]:
    """Return the path of a command; None when there is none."""
    return (reader.output("sh", "-c", 'command -v -- "$1"', "sh", command) or "").strip() or None


def find_engine(reader: Reader) -> Optional[str]:
    """Return the path of the engine's program; a snap shows its client alone."""
    return find(reader, "dockerd") or next(iter(reader.names("/snap/bin", "docker")), None)


def find_python(reader: Reader, wanted: str) -> Optional[str]:
    """Return the first Python that can make the managed environment."""
    for name in (wanted,) if wanted else _PYTHONS:
        path = find(reader, name)
        if path and reader.run([path, "-c", _USABLE])[0] == 0:
            return path
    return None
