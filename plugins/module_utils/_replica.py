# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: replica, one of the servers that answer an eval, with all that the eval has for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import Asker, Limits, Pulse, ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import USUAL_SEATS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cell_run import CellRun
from ansible_collections.gpt_oss.fleet.plugins.module_utils._crew import Crew
from ansible_collections.gpt_oss.fleet.plugins.module_utils._crew_size import CrewSize
from ansible_collections.gpt_oss.fleet.plugins.module_utils._desk import Desk
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._histograms import ServerTimes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Connection, Endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import MEASURED
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import ServerContainer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_hearers import Books, Told
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_looks import Looks
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_watch import ServerWatch


class Replica:
    """One server: its gate, its watch, its askers and their crew. ``about`` is noted in each row of its."""

    def __init__(
        self,
        spec: EvalSpec,
        facts: ServerFacts,
        api_key: Optional[str],
        container: Optional[ServerContainer],
        desk: Desk,
        runs: Sequence[CellRun],
        told: Told,
        books: Books,
    ) -> None:
        self._spec = spec
        self._api_key = api_key
        self._container = container
        self._desk = desk
        self._connections: set[Connection] = set()
        self.endpoint = Endpoint.parse(spec.base_url)
        self.about: dict[str, Any] = {"endpoint": self.endpoint.authority} if spec.replicas else {}
        self.gate = Gate()
        self.watch = ServerWatch(spec, facts, api_key, container, told, self.gate, books)
        self.watch.drop_requests = self._drop_requests
        self.watch.looked = self._look
        self.pulse = Pulse(spec.concurrency or USUAL_SEATS)
        self.askers: Sequence[Asker] = self._askers(spec, runs)
        self.crew = Crew(self._work)
        arguments = (facts.container or {}).get("arguments") or []
        self.size = CrewSize(spec.concurrency, arguments, desk.queue, self.crew, len(spec.servers))
        self.times = ServerTimes()
        self.tokens_per_second: Optional[float] = None  # as the server counts them
        self.looked: Callable[[], None] = lambda: None

    async def meet(self) -> None:
        """See who answers, and what it has room for."""
        if self._container is not None and not self._spec.concurrency:
            loop = asyncio.get_running_loop()
            self.size.logged = await loop.run_in_executor(None, self._container.logged)
        await self.watch.meet()
        if not self.crew.size:  # it told nothing of itself
            self.size.begin()

    def _askers(self, spec: EvalSpec, runs: Sequence[CellRun]) -> list[Asker]:
        """Return one asker a cell; the cells share the pulse."""
        limits = Limits(spec.request_timeout, spec.retry_timeout, spec.max_attempts)
        make = SAMPLERS[spec.sampler]
        return [
            Asker(
                self.endpoint,
                make(spec.model, run.cell.effort, spec.temperature, spec.max_tokens),
                limits,
                self.pulse,
                self.gate,
                run.cell.effort,
                any(mark.outcome in MEASURED for mark in run.marks.values()),
                alone=not spec.replicas,
            )
            for run in runs
        ]

    async def _work(self) -> None:
        connection = Connection(self.endpoint, self._api_key)
        self._connections.add(connection)
        try:
            await self._desk.work(self, connection, self.crew.leave)
        finally:
            self._connections.discard(connection)
            connection.close()

    def set_aside(self, failure: ServerFailure) -> bool:
        """Have this server asked nothing any more where others answer; what it was asked is handed back."""
        if self.watch.others_answer():
            self.watch.set_aside(str(failure))
        return self.gate.is_aside

    def _drop_requests(self) -> None:
        for connection in self._connections:
            connection.drop("the server is down")

    def _look(self, looks: Looks) -> None:
        """Keep as many requests under way as the server takes, and keep what it tells of its speed."""
        self.size.look(looks)
        if looks.metrics:
            self.times.see(looks.metrics)
        self.tokens_per_second = looks.tokens_per_second()
        self.looked()
