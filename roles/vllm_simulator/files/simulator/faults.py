# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: faults, what goes wrong on purpose: which request, which stage, how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from simulator.causes import CAUSES
from simulator.hashing import unit

REQUEST_KINDS = (
    *("status", "reset", "stall", "empty", "truncated", "half", "length", "gibberish", "leak", "no_reasoning"),
    *("same_effort", "no_limit", "usage", "error_as_200"),
)
START_KINDS = ("die", "hang")
SERVER_KINDS = ("stuck",)
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens")
STAGES = ("start", "engine", "nccl", "load", "compile", "kv_cache", "capture", "listen", "serving")


class FaultError(Exception):
    """A fault that does not exist or lacks something."""


@dataclass(frozen=True)
class Fault:
    """One fault. Request faults choose requests by match, rate, effort and times; die and hang have a stage.

    die in the stage serving, and stuck, come after so many seconds and requests of serving.
    """

    kind: str
    match: str = "*"
    rate: float | None = None
    times: int | None = None
    effort: str | None = None
    status: int = 503
    retry_after: float | None = None
    seconds: float | None = None
    text: str | None = None
    counts: Mapping[str, int] | None = None
    stage: str = "load"
    cause: str = "out_of_memory"
    exit_code: int | None = None
    after_seconds: float = 0.0
    after_requests: int = 0


def parse_fault(raw: Any) -> Fault:
    """Check one entry of the list `faults`. Raises FaultError saying what was wanted."""
    known = {item.name for item in fields(Fault)}
    kinds = (*REQUEST_KINDS, *START_KINDS, *SERVER_KINDS)
    if not isinstance(raw, dict) or raw.get("kind") not in kinds:
        raise FaultError(f"a fault needs a kind, one of {', '.join(kinds)}; found {raw!r}")
    if set(raw) - known:
        raise FaultError(f"unknown key(s) {sorted(set(raw) - known)} in {raw!r}; known are {', '.join(sorted(known))}")
    fault = Fault(**raw)
    if fault.stage not in STAGES or (fault.kind == "hang" and fault.stage == "serving"):
        raise FaultError(f"no stage {fault.stage!r} for {fault.kind}; stages are {', '.join(STAGES)}")
    if fault.cause not in CAUSES:
        raise FaultError(f"no cause {fault.cause!r}; causes are {', '.join(sorted(CAUSES))} (or give your own text)")
    counts = fault.counts or {}
    numbers = counts.values() if isinstance(counts, dict) else [None]
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if not whole or set(counts) - set(COUNTS):
        raise FaultError(f"counts must map {', '.join(COUNTS)} to whole numbers, found {fault.counts!r}")
    if fault.rate is not None and not 0 <= fault.rate <= 1:
        raise FaultError(f"rate must be a fraction from 0 to 1, found {fault.rate!r}")
    return fault


def at_stage(faults: Sequence[Fault], stage: str) -> Fault | None:
    """Return the first die or hang fault of a stage."""
    return next((fault for fault in faults if fault.kind in START_KINDS and fault.stage == stage), None)


def stuck_fault(faults: Sequence[Fault]) -> Fault | None:
    """Return the fault by which a serving engine stops."""
    return next((fault for fault in faults if fault.kind in SERVER_KINDS), None)


class RequestFaults:
    """Decides for each request whether a fault hits it. Counts tries per fault, effort and request id."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._faults = [fault for fault in faults if fault.kind in REQUEST_KINDS]
        self._seed = seed
        self._tries: dict[tuple[int, str, str], int] = {}

    def choose(self, request_id: str, effort: str) -> Fault | None:
        """Return the fault for this try of this request, the first that applies, or None."""
        for number, fault in enumerate(self._faults):
            if self._applies(number, fault, request_id, effort):
                return fault
        return None

    def _applies(self, number: int, fault: Fault, request_id: str, effort: str) -> bool:
        if fault.effort not in (None, effort) or not fnmatchcase(request_id, fault.match):
            return False
        if fault.rate is not None and unit("fault", self._seed, number, effort, request_id) >= fault.rate:
            return False
        if fault.times is None:
            return True
        name = (number, effort, request_id)
        self._tries[name] = self._tries.get(name, 0) + 1
        return self._tries[name] <= fault.times


def death_text(fault: Fault, values: Mapping[str, Any]) -> str:
    """Return the last words of a dying engine: the fault's own text, else that of its cause."""
    return fault.text if fault.text is not None else CAUSES[fault.cause].format(**values)
