# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: steady time, seconds since the epoch that go on evenly in a process, whoever sets the host's clock."""

from __future__ import annotations

import time

_AHEAD = time.time() - time.monotonic()


def steady_time() -> float:
    """Return the seconds since the epoch by the clock as it was when this was loaded."""
    return _AHEAD + time.monotonic()
