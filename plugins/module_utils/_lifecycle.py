# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: lifecycle - brings one serving container into the wanted state: look, compare, plan, act, wait."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _server_state, _situation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bring_up import Ready, bring_up, readiness_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_process import Process, watched
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._drain import drain, metrics_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._port import conflict
from ansible_collections.gpt_oss.fleet.plugins.module_utils._situation import Situation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGE_TIMEOUTS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._start_job import start_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stop_times import stop_times

_NEXT = ".next"
# How often a server is looked at again because another controller works on it, too, and the seconds in between.
_LOOKS_AGAIN, _PAUSE = 4, (0.2, 1.0)


class _OvertakenError(Exception):
    """Another controller took away, or holds, what was to be placed or started. The argument is the engine's error."""


@dataclass
class Outcome:
    """What was found and done. `ready` is the server once it was seen to be ready; its watch tells in `status_path`.

    `overtaken`: something was done before it was found that another controller works on the server, too.
    """

    situation: Situation
    pulled: bool = False
    overtaken: bool = False
    pull_seconds: float = 0.0
    ready: Optional[Ready] = None
    status_path: Optional[str] = None
    requests_dropped: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Tell whether anything was, or in check mode would be, done."""
        return self.pulled or self.overtaken or bool(self.situation.plan.actions)


def converge(engine: Engine, parameters: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Reach the wanted state. Raises ContainerError and EngineError.

    Two controllers may do so at once. What one has made and not named yet is a leftover to the other, which removes it:
    the first then looks again at what there is now.
    """
    looks = 0
    while True:
        try:
            outcome = _converge(engine, parameters, check_mode)
        except _OvertakenError as exc:
            if looks == _LOOKS_AGAIN:
                raise exc.args[0] from exc
            looks += 1
            # Two that wait as long as each other would overtake each other again.
            time.sleep(random.uniform(*_PAUSE))
            continue
        outcome.overtaken = looks > 0
        return outcome


def _converge(engine: Engine, parameters: Mapping[str, Any], check_mode: bool) -> Outcome:
    container = engine.inspect(parameters["name"])
    if parameters["state"] not in _situation.SERVING:
        outcome = Outcome(_situation.ending(parameters, container))
        if not check_mode:
            with _noticing_others():
                _stop_and_remove(engine, outcome, parameters)
        return outcome
    key = _api_key(parameters, check_mode)
    begun = time.monotonic()
    image, pulled = _image(engine, parameters, check_mode)
    outcome = Outcome(_situation.serving(parameters, container, image), pulled)
    outcome.pull_seconds = round(time.monotonic() - begun, 3) if pulled and not check_mode else 0.0
    _check_port(engine, parameters, outcome.situation)
    if not check_mode:
        _act(engine, parameters, key, outcome)
    return outcome


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
            diagnosis="engine_image",
        )
    if parameters["pull"] == "never" or (image and parameters["pull"] == "missing"):
        return image, False
    if check_mode:
        return image, image is None
    limit = (parameters["stage_timeouts"] or {}).get("pulled", STAGE_TIMEOUTS["pulled"])
    try:
        engine.pull(reference, limit)
    except EngineError as exc:
        found = diagnose_text(f"{reference}: {exc}")
        message = f"expected to pull the image {reference}, the engine says: {exc}. Remedy: {found.remedy}"
        raise ContainerError(message, cause=found.cause, remedy=found.remedy, diagnosis=found.name) from exc
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
            diagnosis="port_allocated",
        )


def _act(engine: Engine, parameters: Mapping[str, Any], key: Optional[str], outcome: Outcome) -> None:
    try:
        _perform(engine, parameters, key, outcome)
    except ContainerError as exc:
        exc.details["changed"] = outcome.changed
        raise


def _perform(engine: Engine, parameters: Mapping[str, Any], key: Optional[str], outcome: Outcome) -> None:
    situation, waits = outcome.situation, _situation.waits(parameters)
    with _noticing_others():
        container_id = _placed(engine, parameters, outcome)
        # Before the start, so that no end can be missed.
        process = watched(engine, container_id) if waits else Process(engine, container_id, None)
        if situation.plan.start:
            _start(parameters["name"], process)
    policy = situation.plan.restart_policy
    if not waits:
        if policy:
            engine.set_restart_policy(container_id, policy)
        return
    told = {**parameters, "pull_seconds": outcome.pull_seconds}
    readiness = readiness_of(parameters, key)
    if parameters["background"]:
        if not situation.plan.start:
            # A server that is ready now needs nobody to watch it.
            readiness.ask()
        if not readiness.ready:
            outcome.status_path = _in_background(told, process, key, policy, outcome)
            readiness = readiness_of(parameters, key)
    if not outcome.status_path:
        outcome.ready = bring_up(told, process, key, policy, readiness=readiness)
        outcome.warnings += outcome.ready.warnings


@contextmanager
def _noticing_others() -> Iterator[None]:
    """Tell an error that another controller makes from all others. Raises _OvertakenError for it."""
    try:
        yield
    except (ContainerError, EngineError) as exc:
        if not _is_overtaken(exc):
            raise
        if isinstance(exc, ContainerError):
            exc.details["changed"] = True
        raise _OvertakenError(exc) from exc


def _is_overtaken(exc: Exception) -> bool:
    """Whether the engine says that a container is gone, is being removed, or has the name that another was to have."""
    said = exc if isinstance(exc, EngineError) else exc.__cause__
    if not isinstance(said, EngineError):
        return False
    return said.status == 409 or (said.status == 404 and "No such container" in str(said))


def _in_background(
    parameters: Mapping[str, Any], process: Process, key: Optional[str], policy: Optional[str], outcome: Outcome
) -> Optional[str]:
    """Return where the status of the start's watch is told; None where it must be watched from here."""
    try:
        path = start_job(parameters, process.container_id, key, policy)
    except (_server_state.StateError, DetachError) as exc:
        outcome.warnings.append(f"{parameters['name']}: its start is watched without progress: {exc}")
        return None
    process.close()
    return path


def _placed(engine: Engine, parameters: Mapping[str, Any], outcome: Outcome) -> str:
    """Return the id of the container to start: the old one, or a new one in its place, with the policy of a start."""
    situation = outcome.situation
    name, steps = parameters["name"], situation.plan
    if not steps.create:
        container = situation.container or {}
        _stop_and_remove(engine, outcome, parameters)
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
    _stop_and_remove(engine, outcome, parameters)
    engine.rename(container_id, name)
    return container_id


def _stop_and_remove(engine: Engine, outcome: Outcome, parameters: Mapping[str, Any]) -> None:
    situation = outcome.situation
    if situation.plan.stop and situation.container:
        told = parameters["drain_timeout"], parameters["stop_timeout"]
        drain_timeout, stop_timeout = stop_times(*told, situation.container)
        if drain_timeout and situation.status == "running":
            outcome.requests_dropped = drain(metrics_of(situation.container), drain_timeout)
        if outcome.requests_dropped:
            outcome.warnings.append(
                f"{parameters['name']} was stopped with {outcome.requests_dropped} requests unfinished, after "
                f"{drain_timeout} s; set a longer drain_timeout to wait for them"
            )
        engine.stop(situation.container["Id"], stop_timeout)
    if situation.plan.remove and situation.container:
        engine.remove(situation.container["Id"])


def _start(name: str, process: Process) -> None:
    try:
        process.engine.start(process.container_id)
    except EngineError as exc:
        process.close()
        found = diagnose_text(str(exc))
        message = f"expected the container {name} to start, the engine says: {exc}. Remedy: {found.remedy}"
        told = {"cause": found.cause, "remedy": found.remedy, "diagnosis": found.name}
        raise ContainerError(message, stage="created", **told) from exc
