# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: wait - a clock, an observation, a predicate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Seen = TypeVar("Seen")

# Readiness shall be seen within 0.3 s, and a long wait shall cost next to nothing.
_FIRST_PAUSE = 0.1
_LONG_PAUSE = 0.2
_FIRST_SECONDS = 10.0
_LEAST_PAUSE = 0.001


@dataclass(frozen=True)
class Waited(Generic[Seen]):
    """The last observation, whether it was what was waited for, and the seconds it took."""

    seen: Seen
    done: bool
    seconds: float


def wait(
    observe: Callable[[], Seen],
    done: Callable[[Seen], bool],
    timeout: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Waited[Seen]:
    """Observe until `done` or until `timeout` seconds are over; at least once.

    `pause` waits for the seconds it is given, or less when something happened meanwhile.
    """
    start = clock()
    while True:
        seen = observe()
        seconds = clock() - start
        if done(seen) or seconds >= timeout:
            return Waited(seen, done(seen), seconds)
        usual = _FIRST_PAUSE if seconds < _FIRST_SECONDS else _LONG_PAUSE
        pause(max(_LEAST_PAUSE, min(usual, timeout - seconds)))
