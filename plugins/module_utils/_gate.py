# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gate, holds an eval's workers back while the server is down, so that its down-time costs no sample."""

from __future__ import annotations

import asyncio

_LOOK_PAUSE = 0.05


class Gate:
    """Open while the server is thought to live. The watch closes and opens it; workers pass it, and tell suspicions.

    Without a watch (``watched`` is False) it stays open. Once set aside it stays closed.
    """

    def __init__(self) -> None:
        self.watched = False
        self.doubt = False  # the server did not answer the last look, which may be chance
        self.is_aside = False
        self.suspicion = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        """Whether requests may be sent."""
        return self._open.is_set()

    def open(self) -> None:
        """Let the workers go on."""
        self.doubt = False
        if not self.is_aside:
            self._open.set()

    def close(self) -> None:
        """Hold the workers back."""
        self._open.clear()

    def set_aside(self) -> None:
        """Hold the workers back for good: the server lives, and answers nothing."""
        self.is_aside = True
        self.close()

    def suspect(self) -> None:
        """Tell that a connection failed: the server is to be looked at now."""
        self.suspicion.set()

    async def passed(self) -> bool:
        """Wait until the gate is open; return whether it was closed."""
        if self._open.is_set():
            return False
        await self._open.wait()
        return True

    async def settled(self) -> None:
        """Wait until it is known whether a failed connection was chance; then the gate is open or closed."""
        while self.watched and self.is_open and (self.doubt or self.suspicion.is_set()):
            await asyncio.sleep(_LOOK_PAUSE)
