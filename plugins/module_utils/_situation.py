# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: situation - what there is, what is wanted, and the steps between them. Pure once the engine was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _description
from ansible_collections.gpt_oss.fleet.plugins.module_utils._docker_command import docker_command
from ansible_collections.gpt_oss.fleet.plugins.module_utils._plan import Plan, plan
from ansible_collections.gpt_oss.fleet.plugins.module_utils._spec import wanted_body

SERVING = ("present", "started", "restarted")
_NEW_STATE = {"present": "created", "started": "running", "restarted": "running", "stopped": "exited"}


@dataclass(frozen=True)
class Situation:
    """One look. `before` and `after` are what --diff shows; `drift` names the keys that differ."""

    container: Optional[Mapping[str, Any]]
    body: Mapping[str, Any]
    plan: Plan
    drift: tuple[str, ...]
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def status(self) -> Optional[str]:
        """Return the engine's word for the container's state; None when there is none."""
        return status_of(self.container)


def status_of(container: Optional[Mapping[str, Any]]) -> Optional[str]:
    """Return the engine's word for the container's state; None when there is none."""
    return str(container["State"]["Status"]) if container else None


def waits(parameters: Mapping[str, Any]) -> bool:
    """Tell whether readiness is waited for."""
    return bool(parameters["wait"]) and parameters["state"] in ("started", "restarted")


def ending(parameters: Mapping[str, Any], container: Optional[Mapping[str, Any]]) -> Situation:
    """Return the situation for the states stopped and absent, which need neither image nor description."""
    status = status_of(container)
    steps = plan(parameters["state"], status, False, "", "", False)
    after = "absent" if steps.remove else _NEW_STATE["stopped"] if steps.stop else status or "absent"
    return Situation(container, {}, steps, (), {"state": status or "absent"}, {"state": after})


def serving(
    parameters: Mapping[str, Any], container: Optional[Mapping[str, Any]], image: Optional[Mapping[str, Any]]
) -> Situation:
    """Return the situation for the other states. `image` is None when it is still to be pulled."""
    body = wanted_body(parameters, image, parameters["restart_policy"])
    wanted = _description.description(body, image)
    if container is None:
        observed, drift = None, []
    else:
        recorded = _description.recorded_description(container)
        observed = _description.comparable(_description.description(container, image), wanted, recorded)
        drift = _description.differences(observed, wanted)
    policy = observed["restart_policy"] if observed else "no"
    steps = plan(
        parameters["state"],
        status_of(container),
        bool(drift),
        policy,
        wanted["restart_policy"],
        waits(parameters),
        parameters["start"],
    )
    made_with = container["Config"].get("StopTimeout") if container else None
    before: dict[str, Any] = {"state": status_of(container) or "absent"}
    if observed:
        before.update(_description.readable(observed, image))
        before["docker_command"] = docker_command(parameters["name"], before, image, made_with)
    readable = _description.readable(wanted, image)
    after = {**before, **{difference.key: difference.after for difference in drift}} if observed else dict(readable)
    if steps.create or steps.restart_policy:
        after["restart_policy"] = wanted["restart_policy"]
    shown = {**(readable if steps.create else before), "restart_policy": after["restart_policy"]}
    after["docker_command"] = docker_command(
        parameters["name"], shown, image, body["StopTimeout"] if steps.create else made_with
    )
    if steps.create or steps.start:
        after["state"] = _NEW_STATE[parameters["state"]]
    return Situation(container, body, steps, tuple(difference.key for difference in drift), before, after)
