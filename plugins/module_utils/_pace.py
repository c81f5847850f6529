# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: pace, how fast something goes at present: a mean over the past in which the recent counts most."""

from __future__ import annotations

import math


class Pace:
    """Amounts a second, each amount's weight falling to 1/e in ``span`` seconds; right from the first second on.

    The mean of a window jumps as amounts enter and leave it, and is nothing when a long answer fills it. This one does
    neither: what came longer ago counts less and less. Times are those of a clock that stands while nothing can come.
    """

    def __init__(self, span: float, now: float) -> None:
        self._span = span
        self._began = now
        self._now = now
        self._sum = 0.0

    def add(self, amount: float, now: float) -> None:
        """Count an amount that comes now."""
        self._fade(now)
        self._sum += amount

    def rate(self, now: float) -> float:
        """Return the amount a second; 0 when nothing came yet."""
        self._fade(now)
        # The weights of all past seconds add up to this, and only to the span in the long run.
        weight = self._span * -math.expm1(-(now - self._began) / self._span)
        return self._sum / weight if weight > 0 else 0.0

    def _fade(self, now: float) -> None:
        if now > self._now:
            self._sum *= math.exp(-(now - self._now) / self._span)
            self._now = now
