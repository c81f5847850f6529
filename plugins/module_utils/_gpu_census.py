# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu_census, all that a host tells about its GPUs, as one dictionary. It changes nothing and never fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import TIMED_OUT, TIMEOUT, Answer, Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_driver import (
    is_persistenced_running,
    read_driver,
    read_fabric_manager,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_models import generation_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log import find_xids, read_kernel_log
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pci import Bus, has_nvlink5, read_bus, read_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smi import SmiLog, parse

# Exit statuses of nvidia-smi at which its output is good: 14 warns of a corrupted inforom (man page of nvidia-smi).
GOOD = (0, 14)
MISMATCH = "Driver/library version mismatch"
ERROR_LENGTH = 500
# The name that Docker, containerd and CRI-O give to a container's control group ends in its id, as in
# `/docker/<id>`, `/system.slice/docker-<id>.scope` and `/kubepods.slice/…/cri-containerd-<id>.scope`.
CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def take_census(commands: Commands, root: Path = Path("/")) -> dict[str, Any]:
    """Return what is known of the GPUs of the host whose files lie under root."""
    bus = read_bus(root)
    smi, log = _ask_smi(commands)
    kernel_log = read_kernel_log(commands)
    devices = [_with_containers(device, root) for device in log.devices]
    return {
        "present": len(bus.gpus),
        "pci": list(bus.gpus),
        "nvswitches": bus.nvswitches,
        "generation": _generation(bus, devices),
        "nvlink5": has_nvlink5(root),
        "driver": {**read_driver(root, commands), "cuda_version": log.cuda_version},
        "smi": smi,
        "devices": devices,
        "fabric_manager": read_fabric_manager(root, commands),
        "ib_umad": (root / "sys/module/ib_umad").is_dir(),
        "ibstat": commands.has("ibstat"),
        "persistenced": is_persistenced_running(root),
        "xids": find_xids(kernel_log),
        "kernel_log": kernel_log.state,
    }


def read_devices(commands: Commands, root: Path = Path("/")) -> list[dict[str, Any]]:
    """Return the GPUs that nvidia-smi tells of, their processes with the containers that they run in."""
    _smi, log = _ask_smi(commands)
    return [_with_containers(device, root) for device in log.devices]


def judge(answer: Optional[Answer], log: SmiLog) -> dict[str, Any]:
    """Return how nvidia-smi fared: its state, exit status, and what it said that is wrong."""
    if answer is None:
        return {"state": "absent", "exit_code": None, "error": ""}
    said = answer.error.strip() or ("" if log.devices else answer.output.strip())
    if MISMATCH in answer.output + answer.error:
        return {"state": "mismatch", "exit_code": answer.code, "error": _brief(answer.output + answer.error)}
    if answer.code == TIMED_OUT:
        return {"state": "failed", "exit_code": answer.code, "error": f"no answer within {TIMEOUT} seconds"}
    if answer.code not in GOOD:
        return {"state": "failed", "exit_code": answer.code, "error": _brief(said or "it said nothing")}
    if log.problem:
        return {"state": "failed", "exit_code": answer.code, "error": _brief(log.problem)}
    return {"state": "ok", "exit_code": answer.code, "error": _brief(answer.error) if answer.code else ""}


def container_of(cgroup: str, own: str) -> Optional[str]:
    """Return the container that a process runs in, by the text of its /proc/PID/cgroup.

    A host can be a container itself. Its own id stands in the control group of its first process (`own`) and is not
    the container asked for.
    """
    ids = CONTAINER.findall(cgroup)
    inner = [name for name in ids if name not in CONTAINER.findall(own)]
    return inner[-1] if inner else None


def _ask_smi(commands: Commands) -> tuple[dict[str, Any], SmiLog]:
    answer = commands.run("nvidia-smi", "-q", "-x")
    log = parse(answer.output) if answer and answer.output.lstrip().startswith("<") else SmiLog(None, None, ())
    if answer and answer.code in GOOD and not answer.output.lstrip().startswith("<"):
        log = SmiLog(None, None, (), f"nvidia-smi gave no XML: {answer.output.strip() or 'nothing'}")
    return judge(answer, log), log


def _generation(bus: Bus, devices: list[dict[str, Any]]) -> Optional[str]:
    """Return the first GPU's generation, by its device id, or as nvidia-smi calls it."""
    known = next((gpu["generation"] for gpu in bus.gpus if gpu["generation"]), None)
    return known or (generation_of(devices[0]["architecture"] or "") if devices else None)


def _with_containers(device: dict[str, Any], root: Path) -> dict[str, Any]:
    own = read_text(root / "proc/1/cgroup")
    processes = [
        {**process, "container": container_of(read_text(root / f"proc/{process['pid']}/cgroup"), own)}
        for process in device["processes"]
    ]
    return {**device, "processes": processes}


def _brief(text: str) -> str:
    return " ".join(text.split())[:ERROR_LENGTH]
