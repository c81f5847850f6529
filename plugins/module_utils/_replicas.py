# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: replicas, all servers that answer one eval: who gets the next sample, and how they stand together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._desk import Desk
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import ASKING, RESTARTING, Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._histograms import added, spread
from ansible_collections.gpt_oss.fleet.plugins.module_utils._replica import Replica


class Standing:
    """How one of several servers stands, as its watch tells it."""

    def __init__(self, endpoint: str, changed: Callable[[], None]) -> None:
        self.endpoint = endpoint
        self.phase, self.cause, self.remedy = ASKING, "", ""
        self._changed = changed

    def pause(self, phase: str, cause: str, remedy: str) -> None:
        """Tell that this one is asked nothing, and why."""
        self.phase, self.cause, self.remedy = phase, cause, remedy
        self._changed()

    def resume(self) -> None:
        """Tell that it is asked again."""
        self.pause(ASKING, "", "")

    def told(self) -> dict[str, str]:
        """Return it for the status file."""
        return {"endpoint": self.endpoint, "phase": self.phase, "cause": self.cause, "remedy": self.remedy}


class Standings:
    """How several servers stand: the eval pauses while all of them do."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._all: list[Standing] = []

    def add(self, endpoint: str) -> Standing:
        """Return the standing of one more server."""
        self._all.append(Standing(endpoint, self._update))
        self._update()
        return self._all[-1]

    def _update(self) -> None:
        progress = self._progress
        progress.servers = [one.told() for one in self._all]
        if any(one.phase == ASKING for one in self._all):
            if progress.phase != ASKING:
                progress.resume()
            return
        shown = next((one for one in self._all if one.phase == RESTARTING), self._all[0])
        progress.pause(shown.phase, "; ".join(f"{one.endpoint}: {one.cause}" for one in self._all), shown.remedy)


class Replicas:
    """All servers of an eval. What waits goes to the least loaded one that has room, while its gate is open."""

    def __init__(self, replicas: Sequence[Replica], desk: Desk, progress: Progress) -> None:
        self.all = replicas
        self._desk = desk
        self._progress = progress
        self._begun = False
        desk.returned = self.recruit
        progress.trouble = lambda: next((one.pulse.trouble for one in replicas if one.pulse.trouble), "")
        for one in replicas:
            one.looked = self._look
            one.watch.others_answer = partial(self._others_answer, one)

    async def begin(self) -> None:
        """See who answers and what it has room for, and let the first samples be asked."""
        for one in self.all:
            await one.meet()
        self._begun = True
        self._look()

    def recruit(self) -> None:
        """Let as many work as samples wait and servers have room for, the least loaded first."""
        for _sample in range(len(self._desk.queue) if self._begun else 0):
            free = [one for one in self.all if one.gate.is_open and one.crew.room > 0]
            if not free:
                return
            min(free, key=lambda one: one.crew.at_work / one.crew.size).crew.hire()

    async def verify(self) -> None:
        """See that each server is still the one that the samples are filed under. ServerFailure when one is not."""
        for one in self.all:
            await one.watch.verify()

    def time_to_first_token(self) -> Optional[dict[str, Any]]:
        """Return the percentiles over all servers; None where none of them tells."""
        seen: dict[float, float] = {}
        for one in self.all:
            seen = added(seen, one.times.seen.time_to_first_token)
        return spread(seen)

    def _others_answer(self, one: Replica) -> bool:
        return any(other is not one and other.gate.is_open for other in self.all)

    def _look(self) -> None:
        """Tell how many requests are kept under way, the servers' speed and what is left to do."""
        self.recruit()
        progress = self._progress
        progress.concurrency = sum(one.crew.size for one in self.all if one.gate.is_open)
        speeds = [one.tokens_per_second for one in self.all if one.gate.is_open]
        progress.tokens_per_second = sum(speed or 0.0 for speed in speeds) or progress.reply_rate()
        progress.estimate = self._desk.estimate(progress.tokens_per_second)
