# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: container process - a container's process, watched through its output stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, Watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import Lines

# The engine notices an end a little after the output has ended.
_SETTLE_SECONDS = 2.0
_SETTLE_PAUSE = 0.03
# How often the engine is asked all the same, and how often where there is no output stream to tell of the end.
_ASK_SECONDS = 5.0
_ASK_SECONDS_BLIND = 0.5


@dataclass
class Process:
    """A container's process, watched through its output stream and, seldom, by asking the engine."""

    engine: Engine
    container_id: str
    watch: Optional[Watch]
    started_at: str = ""
    dead: Optional[Mapping[str, Any]] = None
    tracker: _stages.Tracker = field(default_factory=lambda: _stages.Tracker({"created": time.time()}))
    _asked: float = 0.0

    def __post_init__(self) -> None:
        lines = Lines()

        def read(received: bytes) -> None:
            for line in lines.feed(received):
                self.tracker.read(line, time.time())

        if self.watch:
            self.watch.sink = read

    def pause(self, seconds: float) -> None:
        """Wait so long, or until the output ends."""
        if self.watch is None:
            time.sleep(seconds)
        elif self.watch.ended(seconds):
            self.close()
            self._settle()

    def close(self) -> None:
        """Stop watching."""
        if self.watch:
            self.watch.close()
        self.watch = None

    def look(self) -> None:
        """Ask the engine when it is time to."""
        interval = _ASK_SECONDS if self.watch else _ASK_SECONDS_BLIND
        if time.monotonic() - self._asked >= interval:
            self.ask()

    def ask(self) -> None:
        """Ask the engine whether the process that was started still runs."""
        self._asked = time.monotonic()
        state = (self.engine.inspect(self.container_id) or {}).get("State") or {"Status": "removed", "ExitCode": None}
        self.started_at = self.started_at or str(state.get("StartedAt", ""))
        restarted = state.get("StartedAt") != self.started_at
        if not state.get("Running") or state.get("Restarting") or restarted:
            self.dead = {**state, "ExitCode": None} if restarted and state.get("Running") else state

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        while not self.dead and time.monotonic() < deadline:
            time.sleep(_SETTLE_PAUSE)
            self.ask()


def watched(engine: Engine, container_id: str) -> Process:
    """Return a container's process, watched through its output stream where the way to the engine lets streams through.

    Where it does not, asking the engine now and then does as well, a little later.
    """
    try:
        return Process(engine, container_id, engine.watch(container_id))
    except EngineError:
        return Process(engine, container_id, None)
