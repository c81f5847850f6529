# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server watch, sees within seconds that an eval's server died, hangs or is another, and what is to be done.

While the server is down the gate is closed: nothing is asked, nothing is given up. What was answered since the last
look that showed the known server is not certain to be its own; if another took its place, that is cut off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import PAUSED, RESTARTING
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts, differences
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError, probe_server
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import (
    ContainerTrouble,
    Explanation,
    ServerContainer,
    explain_uncontained,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_hearers import Books, Told
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_looks import Looks
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import DEAD, SLOW, STUCK, Verdict

LOOK_SECONDS = 1.0
_SHORTEST_PAUSE = 0.1
# A process whose engine died needs a few seconds to end, and its last lines tell why. Docker may restart it then.
_END_SECONDS = 10.0
_VERIFY_PATIENCE = 60.0
ASIDE_REMEDY = "look at that server's log and mend it; the next run asks it again"


class ServerWatch:
    """Watches one server for one job. ``run`` ends with ServerFailure when the job cannot go on."""

    def __init__(
        self,
        spec: EvalSpec,
        facts: ServerFacts,
        api_key: Optional[str],
        container: Optional[ServerContainer],
        progress: Told,
        gate: Gate,
        books: Books,
    ) -> None:
        self._spec = spec
        self._facts = facts
        self._api_key = api_key
        self._progress = progress
        self._gate = gate
        self._books = books
        self._container = container
        self._looks = Looks(Endpoint.parse(spec.base_url), api_key, self._container, spec.stall_seconds)
        self._epoch: Optional[Epoch] = None
        # Where several API servers answer in turn, each is a life of its own that comes again and again.
        self._known: set[Epoch] = set()
        self._restarts = 0
        self._unfit = ""  # why a server that answers was not gone on with, at the last look
        self.drop_requests: Callable[[], None] = lambda: None
        self.looked: Callable[[Looks], None] = lambda looks: None
        # Whether others answer the eval meanwhile: then a server that is down is waited for as long as they do.
        self.others_answer: Callable[[], bool] = lambda: False

    async def meet(self) -> None:
        """See which life of the server answers, before it is asked: the first replies are known for its then.

        Whoever wrote the identity down saw the server before: it may have been replaced since. ServerFailure then.
        """
        if (await self._looks.look(whole=True)).down or self._looks.epoch is None:
            return
        if await self._accept(self._looks.epoch, "", noted=False):
            self._epoch = self._looks.epoch
            self._known.add(self._looks.epoch)
            self.looked(self._looks)

    async def run(self) -> None:
        """Look each second, and at once when a worker tells a suspicion, until the server is set aside."""
        self._gate.watched = True
        try:
            while not self._gate.is_aside:
                self._gate.suspicion.clear()
                positions = self._books.positions()
                verdict = await self._looks.look()
                self._gate.doubt = verdict.name == SLOW
                if verdict.down:
                    await self._sit_out(verdict)
                else:
                    await self._compare(positions)
                    self.looked(self._looks)
                await self._pause(LOOK_SECONDS)
        finally:
            self._gate.watched = False
            self._looks.close()

    async def verify(self) -> None:
        """See that the server is still the one that the samples are filed under. ServerFailure when it is not.

        One that is down while others answer was seen to be the known one until then.
        """
        positions = self._books.positions()
        end = time.monotonic() + min(_VERIFY_PATIENCE, self._spec.retry_timeout)
        while True:
            if self.others_answer() and not self._gate.is_open:
                return
            await self._gate.passed()
            try:
                found = await asyncio.get_running_loop().run_in_executor(None, probe_server, self._spec, self._api_key)
                break
            except ProbeError as exc:
                if self._gate.is_open and time.monotonic() >= end:
                    raise ServerFailure(f"all was asked, but the server cannot be told any more: {exc}") from exc
                self._gate.suspect()
                await asyncio.sleep(LOOK_SECONDS)
                await self._gate.settled()
        self._require_same(found)
        self._books.confirm(positions)

    def set_aside(self, cause: str) -> None:
        """Have the server asked nothing any more, though it lives: tell and journal why."""
        if self._gate.is_aside:
            return
        self._gate.set_aside()
        self.drop_requests()
        self._progress.pause(PAUSED, f"set aside: {cause}", ASIDE_REMEDY)
        self._books.note_aside(cause)

    def _require_same(self, found: ServerFacts) -> None:
        before, after = self._facts.identity(self._spec), found.identity(self._spec)
        changed = ", ".join(differences(before, after))
        if not changed:
            return
        aside = self._books.cut_back()
        kept = f"; what may be the new one's lies in {', '.join(aside)}" if aside else ""
        raise ServerFailure(f"the server was replaced in mid-run (changed: {changed}){kept}")

    async def _compare(self, positions: list[int]) -> None:
        """Compare the life that was seen with the known one, and the identity where it is another."""
        seen = self._looks.epoch
        if seen is None:
            return
        if seen in self._known:
            self._books.confirm(positions)
        elif self._known and not await self._accept(seen, ""):
            return
        self._known.add(seen)
        self._epoch = seen

    async def _accept(self, seen: Epoch, cause: str, noted: bool = True) -> bool:
        """Go on with another life of the same server; False while it cannot be told which server it is."""
        self._unfit = ""
        try:
            found = await asyncio.get_running_loop().run_in_executor(None, probe_server, self._spec, self._api_key)
        except ProbeError as exc:
            self._unfit = f"; what answers now is not fit: {exc}"
            return False
        self._require_same(found)
        if noted and seen not in self._known:
            self._books.note(seen, cause)
        return True

    async def _sit_out(self, verdict: Verdict) -> None:
        """Hold everything until the server is back; ServerFailure when it takes longer than the patience."""
        self._gate.close()
        self.drop_requests()
        if verdict.name == DEAD and self._known:
            # No other server starts, answers and dies between two looks: what was answered so far is the known one's.
            self._books.confirm(self._books.positions())
        began = time.monotonic()
        why = await self._explain(verdict)
        self._progress.pause(PAUSED, *why)
        end = began + self._spec.server_patience
        while not await self._is_back(verdict, why.cause):
            if self._unfit:
                self._progress.pause(PAUSED, f"{why.cause}{self._unfit}", why.remedy)
            if self.others_answer():
                end = time.monotonic() + self._spec.server_patience
            if time.monotonic() >= end:
                raise ServerFailure(
                    f"the server at {Endpoint.parse(self._spec.base_url).authority} was down for "
                    f"{self._spec.server_patience:g} s: {why.cause}{self._unfit}; {why.remedy}"
                )
            if self._may_restart(verdict, time.monotonic() - began):
                await self._restart(why)
            await self._pause(LOOK_SECONDS)
        self._progress.resume()
        self._gate.open()

    async def _is_back(self, verdict: Verdict, cause: str) -> bool:
        stuck, self._unfit = self._looks.last.total, ""
        self._looks.forget()
        if (await self._looks.look(whole=True)).name != "well":
            return False
        seen, now = self._looks.epoch, self._looks.last.total
        if seen is None:
            return False
        same_life = seen == self._epoch
        if verdict.name == STUCK and same_life and now and now.requests and stuck and stuck.pulse == now.pulse:
            return False
        if not await self._accept(seen, cause):
            return False
        self._known.add(seen)
        self._epoch = seen
        return True

    def _may_restart(self, verdict: Verdict, down: float) -> bool:
        """Whether it is time to restart the container: it neither runs nor comes back by itself, or it hangs."""
        container = self._looks.last.container
        if not self._spec.restart_server or self._restarts >= self._spec.max_restarts or container is None:
            return False
        if container.restarting or container.paused:
            return False
        if container.running and self._epoch is not None and container.started != self._epoch.started:
            return False  # it was restarted, and needs its time
        return verdict.name == STUCK or not container.running or down >= _END_SECONDS

    async def _restart(self, why: Explanation) -> None:
        if self._container is None:
            return
        self._restarts += 1
        self._progress.pause(RESTARTING, *why)
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._container.restart)
        except ContainerTrouble as exc:
            self._progress.pause(PAUSED, f"{why.cause}; it could not be restarted: {exc}", why.remedy)

    async def _explain(self, verdict: Verdict) -> Explanation:
        if self._container is None:
            return explain_uncontained(verdict)
        since = self._epoch.started if self._epoch else None
        return await asyncio.get_running_loop().run_in_executor(None, self._container.explain, verdict, since)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until a worker tells a suspicion."""
        await asyncio.sleep(_SHORTEST_PAUSE)
        try:
            await asyncio.wait_for(self._gate.suspicion.wait(), seconds - _SHORTEST_PAUSE)
        except asyncio.TimeoutError:
            return
