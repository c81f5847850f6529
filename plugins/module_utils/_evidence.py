# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: evidence - what the host shows of a failed start beside the log: holders of GPU memory, the kernel's log.

It is looked for only where a failure's class calls for it. What cannot be read is not known, and is no failure.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import HOST_FULL, LIMIT_HIT
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_census import read_devices
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_users import container_names, describe_users
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_commands import HostCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log import KernelLog, find_xids, read_kernel_log
from ansible_collections.gpt_oss.fleet.plugins.module_utils._oom_kills import OomKill, find_kills, kill_of, since
from ansible_collections.gpt_oss.fleet.plugins.module_utils._xid_catalog import GPU, HOST, INFORMATION

_MEMORY = ("free_memory", "gpu_out_of_memory", "no_kv_room", "sampler_out_of_memory", "gpu_busy")
# The engine can miss that a process in the container was killed, and then nothing tells of it but the kernel.
_SUDDEN = (
    "unknown",
    "out_of_memory",
    "killed",
    "process_killed",
    "engine_died",
    "host_memory",
    "segmentation_fault",
    "aborted",
)
_HARDWARE = ("gpu_fault", "gpu_lost", "ecc_error", "nccl_error", "cuda_error", "no_device")
# Whose own name says less than an Xid does.
_VAGUE = ("engine_died", "nccl_error", "cuda_error", "segmentation_fault", "aborted", "gpu_fault", "no_device")
# The clocks of the engine and of the kernel's log differ a little.
_SLACK_SECONDS = 2.0


@dataclass(frozen=True)
class Evidence:
    """What was found: who holds GPU memory, the process that the kernel killed, and the XIDs since the start."""

    gpu_users: str = ""
    kill: Optional[OomKill] = None
    xids: tuple[Mapping[str, Any], ...] = field(default=())


def gather(
    found: Diagnosis,
    commands: Commands,
    containers: Iterable[Mapping[str, Any]],
    container_id: str,
    started: float,
    root: Path = Path("/"),
) -> Evidence:
    """Look at the host for what the diagnosis leaves open.

    `containers` are the running ones in the engine's short form, `started` is the Unix time of the container's start.
    """
    if found.name in _MEMORY:
        devices = read_devices(commands, root)
        return Evidence(describe_users(devices, container_names(containers), container_id) if devices else "")
    if found.name in _SUDDEN + _HARDWARE:
        log = read_kernel_log(commands)
        new = since(log.lines, started - (time.time() - time.monotonic()) - _SLACK_SECONDS)
        xids = [xid for xid in find_xids(KernelLog(log.state, tuple(new))) if xid["severity"] != INFORMATION]
        return Evidence("", kill_of(find_kills(new), container_id), tuple(xids))
    return Evidence()


def explained(
    found: Diagnosis, engine: Engine, container_id: str, started: Optional[float], commands: Optional[Commands] = None
) -> Diagnosis:
    """Return the diagnosis of a container's end with what its host shows; as it is, where that is another host."""
    if started is None or not engine.docker_host.startswith("unix:"):
        return found
    try:
        containers = engine.containers()
    except EngineError:
        containers = []
    return explain(found, gather(found, commands or HostCommands(), containers, container_id, started))


def explain(found: Diagnosis, evidence: Evidence) -> Diagnosis:
    """Return the diagnosis with what the host shows: a better cause, and where it changes the class, another remedy."""
    if evidence.gpu_users:
        remedy = f"stop what holds the memory ({evidence.gpu_users}), or {_without_first(found.remedy)}"
        return replace(found, cause=f"{found.cause}; the memory is held by {evidence.gpu_users}", remedy=remedy)
    if evidence.kill:
        return _killed(evidence.kill)
    if evidence.xids:
        return _with_xid(found, evidence.xids[-1])
    return found


def _killed(kill: OomKill) -> Diagnosis:
    row = LIMIT_HIT if kill.is_limit else HOST_FULL
    return Diagnosis(
        row.name, row.cause.format(process=kill.name, pid=kill.pid, resident=kill.resident_mib), row.remedy
    )


def _with_xid(found: Diagnosis, xid: Mapping[str, Any]) -> Diagnosis:
    told = f"the kernel's log has Xid {xid['xid']} of GPU {xid['pci_address']}: {xid['meaning']}"
    if xid["severity"] not in (GPU, HOST) or found.name not in _VAGUE:
        return replace(found, cause=f"{found.cause}; {told}")
    what = "reboot the host" if xid["severity"] == HOST else "reset the GPU (nvidia-smi --gpu-reset) or reboot the host"
    return Diagnosis("gpu_fault", f"{told} ({found.cause})", f"{what}, and have the GPU looked at if it comes again")


def _without_first(remedy: str) -> str:
    """Return a remedy less the advice to stop other users, which is given with their names."""
    first, _comma, rest = remedy.partition(", ")
    return rest.removeprefix("or ") if first.startswith("stop ") and rest else remedy
