# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu proof - the command that tries GPUs in a container, and what its outcome means. Everything is pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _gpu_proof_script, _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cuda_errors import CUDA_CAUSES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis, diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_proof_causes import ENGINE_CAUSES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import gpu_ids

# The engine's own time to make and remove a container, on top of what the script may take.
ENGINE_SECONDS = 60
_DRIVER_VERSION = re.compile(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s")


def run_command(params: Mapping[str, Any], name: str) -> list[str]:
    """Return the command that runs the script in a container of its own, which removes itself."""
    seconds = params["timeout"]
    return [
        *["timeout", "--kill-after=10", str(seconds + ENGINE_SECONDS)],
        *docker_command(params, "run", "--rm", f"--name={name}", "--network=none"),
        *gpu_arguments(params["gpus"], params["gpu_access"]),
        *[f"--device={device}" for device in params.get("devices") or []],
        *[f"--volume={volume}" for volume in params.get("volumes") or []],
        *[f"--entrypoint={params['python']}", params["image"]],
        *["-c", inspect.getsource(_gpu_proof_script), str(seconds)],
    ]


def docker_command(params: Mapping[str, Any], *arguments: str) -> list[str]:
    """Return a docker command for the engine."""
    return [params["docker_command"], f"--host={params['docker_host']}", *arguments]


def gpu_arguments(gpus: str, access: str) -> list[str]:
    """Return what asks for GPUs as module vllm_container does; device nodes are devices like others."""
    ids = gpu_ids(gpus)
    if access == "device_nodes":
        return []
    if access == "cdi":
        return [f"--device=nvidia.com/gpu={gpu}" for gpu in ids or ["all"]]
    # The inner quotes are docker's own: the value is one line of CSV.
    return ["--gpus", f'"device={",".join(ids)}"' if ids else "all"]


def parse_report(output: str) -> Optional[dict[str, Any]]:
    """Return the script's report from what the container said, None when there is none."""
    for line in reversed(output.splitlines()):
        try:
            report = _json_text.loads(line)
        except ValueError:
            continue
        if isinstance(report, dict) and report.get("gpu_proof") == 1:
            return report
    return None


def diagnose_engine(text: str, return_code: int, seconds: int) -> Diagnosis:
    """Return why a container gave no report, from docker's own words."""
    for failure in ENGINE_CAUSES:
        match = re.search(failure.pattern, text, re.MULTILINE)
        if match:
            what = next((value for value in match.groupdict().values() if value), "").strip()
            return Diagnosis(failure.name, failure.cause.format(what=what), failure.remedy.format(what=what))
    if return_code in (124, 137):
        limit = seconds + ENGINE_SECONDS
        remedy = "look at dmesg (NVRM, Xid) and at the engine's log; a GPU that hangs needs a reboot"
        return Diagnosis("timeout", f"the container did not end within {limit} seconds", remedy)
    return diagnose_text(text or f"docker ended with exit code {return_code}")


def judge(report: Mapping[str, Any], expected: int, uuids: Sequence[str]) -> list[Diagnosis]:
    """Return what is wrong with what the container saw: `expected` GPUs (0: at least one); `uuids` are the host's."""
    error = report.get("error")
    if error:
        return [_from_error(error, report)]
    return [*_bad_devices(report), *_missing_devices(report, expected, uuids)]


def proof_of(report: Mapping[str, Any], params: Mapping[str, Any], driver: Optional[str]) -> dict[str, Any]:
    """Return what is worth keeping of a report."""
    devices = [{**device, "ok": not device["error"]} for device in report["devices"]]
    for device in devices:
        del device["error"]
    return {
        "count": sum(1 for device in devices if device["ok"]),
        "driver_version": driver,
        "cuda_version": report.get("cuda_version"),
        "compute_capabilities": [device["compute_capability"] for device in devices],
        "devices": devices,
        "image": params["image"],
        "gpu_access": params["gpu_access"],
        "seconds": report.get("seconds"),
    }


def driver_version(text: str) -> Optional[str]:
    """Return the version that /proc/driver/nvidia/version tells."""
    match = _DRIVER_VERSION.search(text)
    return match[1] if match else None


def _from_error(error: Mapping[str, Any], report: Mapping[str, Any], where: str = "") -> Diagnosis:
    if error["stage"] == "load":
        return _no_library(error, report)
    if error["name"] in ("timeout", "died"):
        remedy = "look at dmesg (NVRM, Xid); a GPU that hangs or kills its user needs a reset or a reboot"
        return Diagnosis(error["name"], f"CUDA failed in step {error['stage']}{where}: {error['text']}", remedy)
    told = f"{error['stage']}{where}: CUDA error {error['code']} {error['name']} ({error['text']})"
    known = CUDA_CAUSES.get(error["code"])
    if known is None:
        return Diagnosis("cuda_error", told, "look at dmesg (NVRM, Xid), and run nvidia-smi on the host")
    cause, nvml = known.cause, report.get("nvml") or {}
    if nvml.get("code"):
        told += f"; Failed to initialize NVML: {nvml['text']}"
    return Diagnosis(known.name, f"{cause} [{told}]", known.remedy)


def _no_library(error: Mapping[str, Any], report: Mapping[str, Any]) -> Diagnosis:
    """Without the library it depends on the device nodes what happened: all of the GPU is missing, or a part."""
    if "cannot open shared object file: No such file" not in error["text"]:
        remedy = "install the driver's libraries again in the version of its kernel module"
        return Diagnosis("libcuda_broken", f"libcuda.so.1 cannot be loaded in the container: {error['text']}", remedy)
    capabilities = (report.get("environment") or {}).get("NVIDIA_DRIVER_CAPABILITIES")
    given = f" (NVIDIA_DRIVER_CAPABILITIES={capabilities})" if capabilities else ""
    return Diagnosis(
        "libcuda_missing",
        f"libcuda.so.1 is not in the container{given}; device nodes: {', '.join(report.get('nodes') or []) or 'none'}",
        "let the container have the driver capabilities compute,utility (NVIDIA_DRIVER_CAPABILITIES), and the host "
        "the driver's CUDA library (ldconfig -p | grep libcuda.so.1); write the CDI specification again if CDI is used",
    )


def _bad_devices(report: Mapping[str, Any]) -> Iterator[Diagnosis]:
    for device in report["devices"]:
        if device["error"]:
            yield _from_error(device["error"], report, f" on GPU {device['index']} {device['uuid']}")


def _missing_devices(report: Mapping[str, Any], expected: int, uuids: Sequence[str]) -> Iterator[Diagnosis]:
    seen = [device["uuid"] for device in report["devices"]]
    if len(seen) == (expected or max(1, len(seen))):
        return
    missing = [uuid for uuid in uuids if uuid not in seen]
    which = f"; not there: {', '.join(missing)}" if missing else ""
    if not seen:
        known = CUDA_CAUSES[100]
        yield Diagnosis(known.name, f"{known.cause}, {expected or 'some'} are expected{which}", known.remedy)
        return
    visible = (report.get("environment") or {}).get("NVIDIA_VISIBLE_DEVICES", "")
    yield Diagnosis(
        "gpus_missing" if len(seen) < expected else "gpus_too_many",
        f"{len(seen)} of {expected} GPUs are visible in the container{which}"
        + (f" (NVIDIA_VISIBLE_DEVICES={visible})" if visible else ""),
        "look for them with nvidia-smi -L on the host and for Xid in dmesg; a CDI specification from before they came "
        "is written again by nvidia-ctk cdi generate; gpt_oss_gpus says how many the host must have",
    )
