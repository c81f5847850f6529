# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server verdict, what is to be thought of a server that an eval asks, from the looks at it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container, Observation

WELL = "well"
SLOW = "slow"  # it may be chance: more looks will tell
STUCK = "stuck"
DEAD = "dead"
# A server that takes no connection for so long, in seconds, is dead; less may be its listen queue that ran over.
UNREACHABLE_SECONDS = 1.0


class Verdict(NamedTuple):
    """What is to be thought of the server, and what was seen."""

    name: str
    text: str = ""

    @property
    def down(self) -> bool:
        """Whether it cannot be asked."""
        return self.name in (STUCK, DEAD)


def judge(seen: Sequence[Observation], contained: bool, stall_seconds: float) -> Verdict:
    """Return the verdict after all looks, oldest first. ``contained``: its container should be among what was seen."""
    last = seen[-1]
    if contained:
        ended = _of_container(last.container)
        if ended is not None:
            return ended
    if last.health is None:
        return _without_answer(seen, stall_seconds)
    if last.health >= 500:
        return Verdict(DEAD, f"/health answers {last.health}: the engine is dead")
    return _of_counters(seen, stall_seconds)


def _of_container(container: Optional[Container]) -> Optional[Verdict]:
    if container is None:
        return Verdict(DEAD, "its container is gone")
    if not container.serves:
        oom = ", out of memory" if container.oom_killed else ""
        return Verdict(DEAD, f"its container ended with exit code {container.exit_code}{oom}")
    if container.paused:
        return Verdict(STUCK, "its container is paused")
    return None


def _without_answer(seen: Sequence[Observation], stall_seconds: float) -> Verdict:
    last = seen[-1]
    since = last.at
    for look in reversed(seen):
        if look.health is not None or look.silent != last.silent:
            break
        since = look.at
    if last.silent:
        text = f"it takes connections and does not answer /health: {last.problem}"
        return Verdict(STUCK if last.at - since >= stall_seconds else SLOW, text)
    return Verdict(DEAD if last.at - since >= UNREACHABLE_SECONDS else SLOW, last.problem)


def _of_counters(seen: Sequence[Observation], stall_seconds: float) -> Verdict:
    """Judge by the counters: an engine that has requests must move."""
    counted = [look for look in seen if look.engines]
    if not counted:
        return Verdict(WELL)
    last = counted[-1]
    for engine, counters in (last.engines or {}).items():
        since = last.at
        for look in reversed(counted):
            before = (look.engines or {}).get(engine)
            if before is None or before.pulse != counters.pulse:
                break
            since = look.at
        if counters.requests and last.at - since >= stall_seconds:
            text = (
                f"{counters.requests_running} requests running, {counters.requests_waiting} waiting, and no counter "
                f"of engine {engine} moved for {last.at - since:.0f} s though /health answers {seen[-1].health}"
            )
            return Verdict(STUCK, text)
    return Verdict(WELL)
