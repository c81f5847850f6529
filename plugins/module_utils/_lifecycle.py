# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: lifecycle - brings one serving container into the wanted state: look, compare, plan, act, wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _situation, _spec, _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, Watch, image_digest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._port import conflict
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import is_secret
from ansible_collections.gpt_oss.fleet.plugins.module_utils._situation import Situation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._startup import Process, StartupError, wait_until_ready

_NEXT = ".next"


class ContainerError(Exception):
    """The wanted state was not reached. `details` are result values."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


@dataclass
class Outcome:
    """What was found and done. `ready` tells whether the server was seen to be ready."""

    situation: Situation
    pulled: bool = False
    ready: bool = False
    startup_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Tell whether anything was, or in check mode would be, done."""
        return self.pulled or bool(self.situation.plan.actions)


def converge(engine: Engine, parameters: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Reach the wanted state. Raises ContainerError and EngineError."""
    container = engine.inspect(parameters["name"])
    if parameters["state"] not in _situation.SERVING:
        outcome = Outcome(_situation.ending(parameters, container))
        if not check_mode:
            _stop_and_remove(engine, outcome.situation, parameters)
        return outcome
    key = _api_key(parameters, check_mode)
    image, pulled = _image(engine, parameters, check_mode)
    outcome = Outcome(_situation.serving(parameters, container, image), pulled)
    _check_port(engine, parameters, outcome.situation)
    if not check_mode:
        _act(engine, parameters, key, outcome)
    return outcome


def facts(engine: Engine, parameters: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Return the server as the result shows it: the same keys in each state and in check mode."""
    container = engine.inspect(parameters["name"])
    image = engine.image(container["Image"]) if container else None
    version = _version(parameters) if outcome.ready else None
    return {
        "name": parameters["name"],
        "endpoint": _spec.endpoint(parameters),
        "model": _spec.served_name(parameters),
        "image": container["Config"]["Image"] if container else parameters["image"],
        "image_digest": (image_digest(image or {}) or container["Image"]) if container else None,
        "vllm_version": version,
        "simulated": "simulator" in version if version else None,
        "started": _stages.iso(container["State"]["StartedAt"]) if container else None,
        "startup_seconds": outcome.startup_seconds,
        "container_id": container["Id"] if container else None,
    }


def _api_key(parameters: Mapping[str, Any], check_mode: bool) -> Optional[str]:
    """Return the key. In check mode an earlier task may not have written it yet."""
    path = parameters["api_key_file"]
    if path is None or (check_mode and not Path(path).exists()):
        return None
    try:
        return read_api_key(path)
    except ApiError as exc:
        raise ContainerError(f"api_key_file: {exc}") from exc


def _image(engine: Engine, parameters: Mapping[str, Any], check_mode: bool) -> tuple[Optional[Mapping[str, Any]], bool]:
    """Return the inspected image, and whether it was, or in check mode would be, pulled anew."""
    reference = parameters["image"]
    image = engine.image(reference)
    if parameters["pull"] == "never" and image is None:
        raise ContainerError(
            f"expected the image {reference} on this host, found none, and pull is never",
            cause="the image is not on this host",
            remedy="load it (docker load, docker pull), or set pull: missing",
        )
    if parameters["pull"] == "never" or (image and parameters["pull"] == "missing"):
        return image, False
    if check_mode:
        return image, image is None
    try:
        engine.pull(reference)
    except EngineError as exc:
        found = diagnose_text(str(exc))
        message = f"expected to pull the image {reference}, the engine says: {exc}. Remedy: {found.remedy}"
        raise ContainerError(message, cause=found.cause, remedy=found.remedy) from exc
    pulled = engine.image(reference)
    return pulled, (pulled or {}).get("Id") != (image or {}).get("Id")


def _check_port(engine: Engine, parameters: Mapping[str, Any], situation: Situation) -> None:
    """Refuse a port that somebody else holds, before anything is changed."""
    if not situation.plan.start:
        return
    own = str(situation.container["Id"]) if situation.container else None
    address, port = parameters["bind_address"], parameters["port"]
    taken = conflict(address, port, engine.containers(), own)
    if taken:
        raise ContainerError(
            f"expected port {port} of {address} to be free for {parameters['name']}, but {taken}; nothing was changed",
            cause=taken,
            remedy="stop what holds the port, or choose another port",
        )


def _act(engine: Engine, parameters: Mapping[str, Any], key: Optional[str], outcome: Outcome) -> None:
    try:
        _perform(engine, parameters, key, outcome)
    except ContainerError as exc:
        exc.details["changed"] = outcome.changed
        raise


def _perform(engine: Engine, parameters: Mapping[str, Any], key: Optional[str], outcome: Outcome) -> None:
    situation, waits = outcome.situation, _situation.waits(parameters)
    container_id = _placed(engine, parameters, situation)
    # Before the start, so that no end can be missed.
    watch = _watch(engine, container_id) if waits else None
    process = Process(engine, container_id, watch)
    if situation.plan.start:
        _start(parameters["name"], process)
    if waits:
        readiness = Readiness(Api(_spec.endpoint(parameters), key), _spec.served_name(parameters))
        outcome.startup_seconds = _wait(parameters, process, readiness, key)
        outcome.ready = True
    if situation.plan.restart_policy:
        engine.set_restart_policy(container_id, situation.plan.restart_policy)


def _watch(engine: Engine, container_id: str) -> Optional[Watch]:
    try:
        return engine.watch(container_id)
    except EngineError:
        # Some ways to an engine do not let streams through. Asking it now and then does as well, a little later.
        return None


def _placed(engine: Engine, parameters: Mapping[str, Any], situation: Situation) -> str:
    """Return the id of the container to start: the old one, or a new one in its place, with the policy of a start."""
    name, steps = parameters["name"], situation.plan
    if not steps.create:
        container = situation.container or {}
        _stop_and_remove(engine, situation, parameters)
        if steps.start and container["HostConfig"]["RestartPolicy"]["Name"] != "no":
            engine.set_restart_policy(container["Id"], "no")
        return str(container["Id"])
    leftover = engine.inspect(name + _NEXT)
    if leftover:
        engine.remove(leftover["Id"])
    policy = "no" if steps.start else parameters["restart_policy"]
    host_config = {**situation.body["HostConfig"], "RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}}
    # Under another name first: should the engine refuse it, the old server still runs.
    container_id = engine.create(name + _NEXT, {**situation.body, "HostConfig": host_config})
    _stop_and_remove(engine, situation, parameters)
    engine.rename(container_id, name)
    return container_id


def _stop_and_remove(engine: Engine, situation: Situation, parameters: Mapping[str, Any]) -> None:
    if situation.plan.stop and situation.container:
        engine.stop(situation.container["Id"], parameters["stop_timeout"])
    if situation.plan.remove and situation.container:
        engine.remove(situation.container["Id"])


def _start(name: str, process: Process) -> None:
    try:
        process.engine.start(process.container_id)
    except EngineError as exc:
        process.close()
        found = diagnose_text(str(exc))
        message = f"expected the container {name} to start, the engine says: {exc}. Remedy: {found.remedy}"
        raise ContainerError(message, stage="created", cause=found.cause, remedy=found.remedy) from exc


def _wait(
    parameters: Mapping[str, Any], process: Process, readiness: Readiness, key: Optional[str]
) -> dict[str, float]:
    environment = parameters["environment"] or {}
    secrets = [key, *(str(value) for name, value in environment.items() if is_secret(str(name)))]
    try:
        return wait_until_ready(process, readiness, parameters["timeout"], secrets)
    except StartupError as exc:
        raise ContainerError(f"{parameters['name']}: {exc}", **exc.details) from exc


def _version(parameters: Mapping[str, Any]) -> Optional[str]:
    try:
        return Api(_spec.endpoint(parameters)).version()
    except ApiError:
        return None
