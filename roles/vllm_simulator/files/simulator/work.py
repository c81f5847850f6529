# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: work, how far the engine is with a generation: first its prefill, then token after token."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Optional

from simulator.answers import Generation


class Clock:
    """Seconds of the engine's time, which stands still while the engine is stopped."""

    def __init__(self) -> None:
        self._lost = 0.0
        self._stopped: Optional[float] = None

    @property
    def stopped(self) -> bool:
        """Say whether the engine is stopped."""
        return self._stopped is not None

    def now(self) -> float:
        """Return the time."""
        return (time.monotonic() if self._stopped is None else self._stopped) - self._lost

    def stop(self) -> None:
        """Stop the time."""
        if self._stopped is None:
            self._stopped = time.monotonic()

    def go_on(self) -> None:
        """Let the time go on."""
        if self._stopped is not None:
            self._lost += time.monotonic() - self._stopped
            self._stopped = None


@dataclass(frozen=True)
class Progress:
    """What was done of a generation: tokens of its prompt that were computed, that are counted, and tokens it gave.

    vLLM counts a prompt's tokens when its prefill is over: until then nothing but the KV cache tells of it.
    """

    computed: float
    prompt_tokens: int
    generation_tokens: int


@dataclass(frozen=True, eq=False)
class Work:
    """One generation in flight; `begun` is the engine's time, `prefill` and `seconds` (of both phases) seconds."""

    generation: Generation
    begun: float
    prefill: float
    seconds: float

    def progress(self, now: float) -> Progress:
        """Return how far it is."""
        prompt, tokens = self.generation.prompt_tokens, self.generation.completion_tokens
        elapsed = now - self.begun
        if elapsed < self.prefill:
            return Progress(prompt * max(0.0, elapsed) / self.prefill, 0, 0)
        decode = self.seconds - self.prefill
        share = 1.0 if decode <= 0 else min(1.0, (elapsed - self.prefill) / decode)
        return Progress(float(prompt), prompt, min(tokens, 1 + int((tokens - 1) * share)))
