# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cancel, ends asyncio's work for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_AGAIN_SECONDS = 0.2


async def cancel(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel all, and wait until all have ended; their errors are nobody's any more.

    Once is not enough: before Python 3.12 ``asyncio.wait_for`` forgets a cancellation that comes in the same turn of
    the loop as its result (https://github.com/python/cpython/issues/86296), and who called it goes on for ever.
    """
    asked = list(futures)
    waiting = set(asked)
    while waiting:
        for future in waiting:
            future.cancel()
        _done, waiting = await asyncio.wait(waiting, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*asked, return_exceptions=True)
