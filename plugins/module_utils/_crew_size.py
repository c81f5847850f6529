# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: crew size, sets the number of requests an eval keeps under way, from what the server shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import (
    MOST,
    NOTHING_LOGGED,
    adjusted,
    capacity_of,
    first_guess,
    most,
    preemptions,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._connection_limit import allow_connections
from ansible_collections.gpt_oss.fleet.plugins.module_utils._crew import Crew
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import Queue
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_looks import Looks

# Shorter than this the counters do not yet show what the last change did.
_SECONDS = 5.0


class CrewSize:
    """Sizes a crew: ``concurrency`` as it was given, or for 0 what the server has room for.

    So many ``servers`` share this process's connections.
    """

    def __init__(self, concurrency: int, arguments: Sequence[str], queue: Queue, crew: Crew, servers: int = 1) -> None:
        self._concurrency = concurrency
        self._arguments = arguments
        self._queue = queue
        self._crew = crew
        self._allowed = max(1, allow_connections(servers * (concurrency or MOST)) // servers)
        self._most = self._allowed
        self._changed = -math.inf
        self.logged = NOTHING_LOGGED
        self._preemptions = 0.0

    def begin(self) -> None:
        """Size the crew by what is known without a look."""
        self._crew.size = min(self._concurrency, self._allowed) if self._concurrency else self._guess(None)

    def look(self, looks: Looks) -> None:
        """Size the crew by a look at the server that has counters."""
        counters = looks.last.total
        if self._concurrency or counters is None or looks.last.at - self._changed < _SECONDS:
            return
        preempted = preemptions(looks.metrics)
        if math.isinf(self._changed):
            size = self._guess(looks.metrics)
        else:
            size = adjusted(self._crew.size, counters, preempted > self._preemptions, self._most)
        self._changed, self._preemptions = looks.last.at, preempted
        self._crew.size = size

    def _guess(self, metrics: str | None) -> int:
        waiting = len(self._queue)
        expected = self._queue.tokens_left() / waiting if waiting else 0.0
        asked = waiting + self._crew.at_work
        capacity = capacity_of(self._arguments, metrics, self.logged)
        self._most = most(capacity, self._allowed)
        return first_guess(capacity, expected, max(1, asked), self._most)
