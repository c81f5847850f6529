# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu nodes - the device nodes by which a container uses GPUs where no container toolkit is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import gpu_ids

ACCESS = "device_nodes"
# What the NVIDIA Container Toolkit gives beside a GPU's own node; the first two are needed by every CUDA program.
_CONTROL = ("/dev/nvidiactl", "/dev/nvidia-uvm")
_OPTIONAL = ("/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
# The driver tells of each GPU in /proc/driver/nvidia/gpus/<PCI address>/information.
_UUID = re.compile(r"^GPU UUID:\s*(\S+)", re.MULTILINE)
_MINOR = re.compile(r"^Device Minor:\s*(\d+)", re.MULTILINE)


class NodesError(Exception):
    """The GPUs have no device nodes. The text says what was wanted, what was found, and what to do."""


def gpu_nodes(gpus: str, information: Sequence[str], present: Collection[str]) -> list[str]:
    """Return the device nodes of `gpus` (all, none, or a list of indices and UUIDs) and of the driver.

    `information` holds the driver's text on each GPU in the order of the PCI addresses, which is nvidia-smi's order,
    and `present` the nodes that are there. A node is numbered otherwise than nvidia-smi counts where a GPU is lost.
    Raises NodesError.
    """
    if gpus == "none":
        return []
    minors = _minors(information)
    wanted = gpu_ids(gpus) or [str(index) for index in range(len(information))]
    unknown = [name for name in wanted if name not in minors]
    if unknown or not wanted:
        found = f"{len(information)} GPUs{' without ' + ', '.join(unknown) if unknown else ''}"
        raise NodesError(
            f"expected the GPUs {gpus} in /proc/driver/nvidia/gpus, found {found}; load the driver (nvidia-smi -L "
            "shows what it serves), or correct gpus"
        )
    needed = [*(f"/dev/nvidia{minors[name]}" for name in wanted), *_CONTROL]
    missing = [node for node in needed if node not in present]
    if missing:
        raise NodesError(
            f"expected the device nodes {', '.join(needed)}, found no {', '.join(missing)}; nvidia-modprobe -c 0 -u "
            "makes them, as nvidia-smi does for root"
        )
    return [*needed, *(node for node in _OPTIONAL if node in present)]


def with_gpu_nodes(parameters: Mapping[str, Any], root: Path = Path("/")) -> dict[str, Any]:
    """Return parameters whose `devices` hold the GPUs' nodes too, where these are how GPUs come into a container.

    What the caller lists himself goes before. Raises NodesError.
    """
    if parameters["gpu_access"] != ACCESS:
        return dict(parameters)
    own = list(parameters.get("devices") or [])
    listed = {device.partition(":")[0] for device in own}
    found = gpu_nodes(parameters["gpus"], _information(root), _present(root))
    return {**parameters, "devices": [*own, *(node for node in found if node not in listed)]}


def _minors(information: Sequence[str]) -> dict[str, str]:
    """Return the number of each GPU's node, by its index and by its UUID."""
    minors: dict[str, str] = {}
    for index, text in enumerate(information):
        minor = _first(_MINOR, text)
        if minor is not None:
            minors[str(index)] = minor
            minors[_first(_UUID, text) or str(index)] = minor
    return minors


def _first(pattern: re.Pattern[str], text: str) -> Optional[str]:
    match = pattern.search(text)
    return match[1] if match else None


def _information(root: Path) -> list[str]:
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]


def _present(root: Path) -> set[str]:
    return {f"/dev/{node.name}" for node in (root / "dev").glob("nvidia*")}
