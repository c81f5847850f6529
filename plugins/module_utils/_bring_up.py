# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: bring up - from a container that was started to a server that is ready, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _server_state, _spec, _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_process import Process
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, image_digest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._proving import proven
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import parted
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGE_TIMEOUTS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._startup import Limits, StartupError, wait_until_ready

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Ready:
    """A server that generates: when its stages were entered, how long they took, and its own version."""

    startup_seconds: dict[str, float] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    vllm_version: Optional[str] = None
    kernel_proof: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def limits_of(parameters: Mapping[str, Any]) -> Limits:
    """Return how long a start may take, in all and in each stage."""
    return Limits(parameters["timeout"], {**STAGE_TIMEOUTS, **(parameters["stage_timeouts"] or {})})


def readiness_of(parameters: Mapping[str, Any], key: Optional[str]) -> Readiness:
    """Return what asks the server."""
    return Readiness(Api(_spec.endpoint(parameters), key), _spec.served_name(parameters))


def bring_up(
    parameters: Mapping[str, Any],
    process: Process,
    key: Optional[str],
    policy: Optional[str],
    report: Report = lambda progress: None,
    readiness: Optional[Readiness] = None,
) -> Ready:
    """Wait until the server is ready, and give its container the restart policy. Raises ContainerError, EngineError.

    `readiness` is what asks the server, where it was asked before.
    """
    _plain, hidden = parted(parameters["environment"] or {})
    secrets = [key, *map(str, hidden.values())]
    readiness = readiness or readiness_of(parameters, key)
    try:
        seconds = wait_until_ready(process, readiness, limits_of(parameters), secrets, report)
    except StartupError as exc:
        raise ContainerError(f"{parameters['name']}: {exc}", **exc.details) from exc
    kept = _kept(parameters, process)
    try:
        proof, warnings = proven(parameters, process, kept)
    except ContainerError as exc:
        # It runs on, and whoever judges its scores later is to know.
        _remember(parameters, process, Ready(seconds, _stages.durations(seconds), None, exc.details["kernel_proof"]))
        raise
    if policy:
        process.engine.set_restart_policy(process.container_id, policy)
    ready = Ready(seconds, _stages.durations(seconds), _version(parameters, key), proof, tuple(warnings))
    if readiness.asked > 1 or not kept:
        return _remember(parameters, process, ready)
    return replace(ready, startup_seconds=kept["startup_seconds"], stage_seconds=kept["stage_seconds"])


def server_facts(engine: Engine, parameters: Mapping[str, Any], ready: Optional[Ready]) -> dict[str, Any]:
    """Return the server as the result shows it: the same keys in each state and in check mode."""
    container = engine.inspect(parameters["name"])
    image = engine.image(container["Image"]) if container else None
    version = ready.vllm_version if ready else None
    return {
        "name": parameters["name"],
        "endpoint": _spec.endpoint(parameters),
        "model": _spec.served_name(parameters),
        "image": container["Config"]["Image"] if container else parameters["image"],
        "image_digest": (image_digest(image or {}) or container["Image"]) if container else None,
        "vllm_version": version,
        "simulated": "simulator" in version if version else None,
        "started": _stages.iso(container["State"]["StartedAt"]) if container else None,
        "startup_seconds": ready.startup_seconds if ready else {},
        "stage_seconds": ready.stage_seconds if ready else {},
        "kernel_proof": ready.kernel_proof if ready else {},
        "container_id": container["Id"] if container else None,
    }


def _kept(parameters: Mapping[str, Any], process: Process) -> dict[str, Any]:
    """Return what is kept of the start that the container runs from; empty when nothing is."""
    container = process.engine.inspect(process.container_id)
    return _server_state.start_of(parameters["state_path"], parameters["name"], container) if container else {}


def _remember(parameters: Mapping[str, Any], process: Process, ready: Ready) -> Ready:
    """Keep what a start took, and what its log proved."""
    container = process.engine.inspect(process.container_id)
    if container is None:
        return ready
    pulled = parameters.get("pull_seconds")
    if pulled:
        ready = replace(ready, stage_seconds={"pulled": pulled, **ready.stage_seconds})
    record = {
        "container_id": container["Id"],
        "started_at": container["State"]["StartedAt"],
        "startup_seconds": ready.startup_seconds,
        "stage_seconds": ready.stage_seconds,
        "expectation": parameters["kernel_proof"] or {},
        "kernel_proof": ready.kernel_proof,
        "warnings": list(ready.warnings),
    }
    try:
        folder = _server_state.open_folder(parameters["state_path"], parameters["name"])
        _server_state.write(folder, "start.json", record)
    except _server_state.StateError:
        # Nothing depends on it: the next start is shown without a guess of how long it takes.
        return ready
    return ready


def _version(parameters: Mapping[str, Any], key: Optional[str]) -> Optional[str]:
    try:
        return Api(_spec.endpoint(parameters), key).version()
    except ApiError:
        return None
