# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server looks, one look after the other at a server that an eval asks: /health, counters, container."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import (
    Connection,
    Endpoint,
    HttpError,
    RequestTimeout,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import (
    EngineCounters,
    MetricsError,
    engine_counters,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container, Observation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import ContainerTrouble, ServerContainer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch, epoch_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import Verdict, judge

# How often more than /health is asked for, in seconds.
_WHOLE_SECONDS = 2.0
_REPLY_SECONDS = 5.0
_RATE_SECONDS = 10.0


class Looks:
    """What was seen of a server lately. ``epoch`` is of the last whole look; None where it did not answer."""

    def __init__(
        self, endpoint: Endpoint, api_key: Optional[str], container: Optional[ServerContainer], stall_seconds: float
    ) -> None:
        prefix = endpoint.prefix
        self._root = prefix[: -len("/v1")] if prefix.endswith("/v1") else prefix
        self._connection = Connection(endpoint, api_key)
        self._container = container
        self._inspected: Optional[Container] = None
        self._stall_seconds = stall_seconds
        self._seen: deque[Observation] = deque()
        self._whole_at = -_WHOLE_SECONDS
        self.epoch: Optional[Epoch] = None
        self.metrics: Optional[str] = None

    @property
    def last(self) -> Observation:
        """The newest look."""
        return self._seen[-1]

    def forget(self) -> None:
        """Judge only by what is seen from now on."""
        self._seen.clear()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    async def look(self, whole: bool = False) -> Verdict:
        """Look once, at counters, version and container too if it is time to or ``whole``; return the verdict."""
        at = time.monotonic()
        self.epoch = None
        whole = whole or at - self._whole_at >= _WHOLE_SECONDS
        health, problem, silent = await self._health()
        if whole or health is None:
            await self._inspect()
        engines = None
        if whole and health is not None and health < 500:
            self._whole_at = at
            engines = await self._counters()
        self._seen.append(Observation(at, self._inspected, health, problem, silent, engines))
        # Longer than the stall, so that one older look tells that nothing moved for the whole of it.
        while at - self._seen[0].at > self._stall_seconds + 2 * _WHOLE_SECONDS + _REPLY_SECONDS:
            self._seen.popleft()
        return judge(self._seen, self._container is not None, self._stall_seconds)

    def tokens_per_second(self) -> Optional[float]:
        """Return how many tokens a second the server generated lately; None where it does not tell."""
        now = self.last.at
        counted = [look for look in self._seen if look.total is not None and now - look.at <= _RATE_SECONDS]
        if len(counted) < 2:
            return None
        first, last = counted[0].total, counted[-1].total
        if first is None or last is None:
            return None
        return max(0.0, last.generation_tokens - first.generation_tokens) / (counted[-1].at - counted[0].at)

    async def _health(self) -> tuple[Optional[int], str, bool]:
        try:
            return (await self._connection.get(f"{self._root}/health", _REPLY_SECONDS)).status, "", False
        except RequestTimeout as exc:
            return None, str(exc), True
        except HttpError as exc:
            return None, str(exc), False

    async def _counters(self) -> Optional[dict[str, EngineCounters]]:
        try:
            self.metrics = await self._text("metrics")
            self.epoch = epoch_of(self._inspected, self.metrics, _version(await self._text("version")))
            return None if self.metrics is None else engine_counters(self.metrics)
        except (HttpError, MetricsError):  # what a server does not answer this time tells of no other one
            return None

    async def _text(self, page: str) -> Optional[str]:
        reply = await self._connection.get(f"{self._root}/{page}", _REPLY_SECONDS)
        return reply.body.decode("utf-8", "replace") if reply.status == 200 else None

    async def _inspect(self) -> None:
        if self._container is None:
            return
        try:
            loop = asyncio.get_running_loop()
            self._inspected = await loop.run_in_executor(None, self._container.inspect)
        except ContainerTrouble:  # an engine that restarts leaves its containers alone: what was seen last stands
            return


def _version(text: Optional[str]) -> Optional[str]:
    try:
        document = _json_text.loads(text or "")
    except ValueError:
        return None
    found = document.get("version") if isinstance(document, dict) else None
    return None if found is None else str(found)
