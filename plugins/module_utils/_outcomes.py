# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: outcomes, what can become of one sample of an eval."""

from __future__ import annotations

from typing import NamedTuple, Optional

CORRECT = "correct"
WRONG = "wrong"
UNPARSED = "unparsed"
TRUNCATED = "truncated"
REFUSED = "refused"
ERROR = "error"
TIMEOUT = "timeout"

OUTCOMES = (CORRECT, WRONG, UNPARSED, TRUNCATED, REFUSED, ERROR, TIMEOUT)
MEASURED = frozenset((CORRECT, WRONG, UNPARSED, TRUNCATED))
# What may pass when it is asked again; the server's refusal of a request will not.
ASK_AGAIN = frozenset((ERROR, TIMEOUT))


class Mark(NamedTuple):
    """What is kept in memory of one asked sample; times are seconds since the epoch."""

    outcome: str
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    started: float
    finished: float
    error: str = ""
    finish_reason: Optional[str] = None
    parsed: bool = True  # False where a fallback rule found the answer, or none did
    empty: bool = False  # whether the reply had no text
    extracted: Optional[str] = None
    permutation: tuple[int, ...] = ()  # the order in which the choices were shown


def classify(right: bool, parsed: bool, finish_reason: Optional[str]) -> str:
    """Return the outcome of an answered sample: right wins over cut off, cut off over not understood."""
    if right:
        return CORRECT
    if finish_reason == "length":
        return TRUNCATED
    return WRONG if parsed else UNPARSED
