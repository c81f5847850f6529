# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/eval_server.py, but it answers all at once, as vLLM does where all replies are as long.

usage: waves.py PORT JSON     settings as eval_server.py takes them, and "concurrency"

A wave is answered when `concurrency` requests wait, or when none came for two seconds. GET /delays tells for each wave
the milliseconds from each reply to the next request on the same connection. Replies are cut off, as those of weights of
chance are.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import eval_server  # noqa: E402

# Seconds: as long as a wave of replies takes a real server at least, and until one that does not fill is answered.
_HOLD, _IDLE = 0.3, 2.0


class Waves:
    """The requests that wait, and what was seen of the waves before."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Handler, dict[str, Any]]] = []
        self._due: asyncio.TimerHandle | None = None
        self._number = 0
        self.delays: dict[int, list[float]] = {}

    def take(self, handler: Handler, reply: dict[str, Any]) -> None:
        """Let a request wait for its wave."""
        if handler.answered:
            delay = 1000 * (time.perf_counter() - handler.answered)
            self.delays.setdefault(self._number, []).append(round(delay, 3))
        self._waiting.append((handler, reply))
        if self._due:
            self._due.cancel()
        full = len(self._waiting) == eval_server.SETTINGS["concurrency"]
        self._due = asyncio.get_running_loop().call_later(_HOLD if full else _IDLE, self._answer)

    def _answer(self) -> None:
        wave, self._waiting = self._waiting, []
        self._number += 1
        for handler, reply in wave:
            handler.answered = time.perf_counter()
            handler.send(200, reply)


WAVES = Waves()


class Handler(eval_server.Handler):
    """One connection; `answered` is when it got its last reply."""

    answered = 0.0

    def get(self, path: str) -> None:
        if path == "/delays":
            self.send(200, {str(number): delays for number, delays in WAVES.delays.items()})
        else:
            super().get(path)

    def generate(self, path: str, request_id: str, body: dict[str, Any]) -> None:
        WAVES.take(self, eval_server.reply_to(path, request_id, body, "length"))


if __name__ == "__main__":
    asyncio.run(eval_server.main(Handler))
