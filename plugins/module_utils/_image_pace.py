# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image pace - how fast bytes may go out, over all transfers together."""

from __future__ import annotations

import threading
import time
from typing import Callable


def next_turn(now: float, free_at: float, size: int, bytes_per_second: float) -> tuple[float, float]:
    """Return how many seconds to wait before sending `size` bytes, and when the next ones may go.

    `free_at` is what the turn before returned. Time that went by unused is not made up for.
    """
    begin = max(now, free_at)
    return begin - now, begin + size / bytes_per_second


class Pace:
    """Keeps all threads that use it to so many bytes a second; 0: as fast as it goes."""

    def __init__(
        self,
        bytes_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self, size: int) -> None:
        """Wait until `size` bytes may be sent."""
        if not self._rate:
            return
        with self._lock:
            seconds, self._free_at = next_turn(self._clock(), self._free_at, size, self._rate)
        if seconds > 0:
            self._sleep(seconds)
