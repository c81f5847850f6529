# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: plan - what has to be done to a container to bring it into the wanted state. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Plan:
    """The steps, in this order. A container is created before its predecessor is stopped, so that a bad one costs none.

    `restart_policy` is set last: once the server is ready, or at once where nobody waits.
    """

    create: bool = False
    stop: bool = False
    remove: bool = False
    start: bool = False
    restart_policy: Optional[str] = None

    @property
    def actions(self) -> list[str]:
        """Return the steps by name; none when nothing has to change."""
        steps = [step for step in ("create", "stop", "remove", "start") if getattr(self, step)]
        return [*steps, "set_restart_policy"] if self.restart_policy else steps


def plan(
    state: str, status: str | None, drifted: bool, policy: str, wanted_policy: str, waits: bool, may_start: bool = True
) -> Plan:
    """Return the steps to `state` from `status`, the engine's word for the container's state, None when it is missing.

    `policy` is the restart policy that it has. A policy of `no` is what a start runs with until the server is ready,
    so without waiting it is left as it is. Where it may not be started, one that ended stays as it is.
    """
    if state == "absent":
        return Plan(stop=_alive(status), remove=status is not None)
    if state == "stopped":
        return Plan(stop=_alive(status))
    replace = status is not None and (drifted or status in ("dead", "removing"))
    create = status is None or replace
    if state == "present":
        settled = create or policy in ("no", wanted_policy)
        return Plan(create, replace and _alive(status), replace, restart_policy=None if settled else wanted_policy)
    # A paused server does not serve, and one that Docker restarts over and over is best looked at from its start.
    start = create or state == "restarted" or (status != "running" and may_start)
    policy_at_end = "no" if start else policy
    settled = policy_at_end == wanted_policy or (not waits and policy_at_end == "no")
    return Plan(create, start and _alive(status), replace, start, None if settled else wanted_policy)


def _alive(status: str | None) -> bool:
    return status in ("running", "paused", "restarting")
