# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host clock, whether it is kept right, and how far it is from the controller's."""

from __future__ import annotations

import ctypes
import time
from typing import Any, Optional

# adjtimex(2) returns TIME_ERROR when the clock is not synchronized; a buffer of zeros asks without changing anything.
_TIME_ERROR = 5
_TIMEX_BYTES = 512


def clock(controller_time: Optional[float]) -> dict[str, Any]:
    """Return {synchronized, skew_seconds}; the way from the controller to the host counts as skew."""
    skew = None if controller_time is None else round(time.time() - controller_time, 3)
    return {"synchronized": synchronized(), "skew_seconds": skew}


def synchronized() -> Optional[bool]:
    """Tell whether something keeps the kernel's clock right; None when the kernel does not tell."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
