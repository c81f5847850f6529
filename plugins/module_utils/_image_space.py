# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image space - whether an image that is to come finds room on the engine's disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_disks import filesystems
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_docker import containerd_root, describe
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

# The engine lays an archive out beside the layers that it makes of it, so both are there for a while.
_TIMES = 2
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def images_root(info: Mapping[str, Any], reader: Reader) -> str:
    """Return the folder in which the engine keeps images, from its /info; empty when it does not tell."""
    engine = describe(info)
    return containerd_root(reader) if engine["image_store"] == "containerd" else str(engine["root"] or "")


def space_problem(size: int, folder: str, free: int) -> str:
    """Return why an archive of `size` bytes does not fit; empty when it does, as far as can be told before.

    A packed archive grows, so this is the least that is wanted.
    """
    wanted = _TIMES * size
    if wanted <= free:
        return ""
    return (
        f"expected {shown(wanted)} free in {folder} for an archive of {shown(size)}, which the engine unpacks beside "
        f"the layers, found {shown(free)}; make room (docker image prune, docker system df)"
    )


def no_room(size: int, info: Mapping[str, Any], docker_host: str, reader: Reader) -> str:
    """Return why `size` bytes do not fit on the engine's disk; empty when they do, or the disk cannot be seen."""
    folder = images_root(info, reader)
    if not size or not folder or not docker_host.startswith("unix:") or not reader.exists(folder):
        return ""
    disk = filesystems(reader, [folder])[folder]
    return space_problem(size, folder, disk["free_bytes"]) if disk else ""


def shown(size: float) -> str:
    """Return a number of bytes for a reader, as 1.5 GiB."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
