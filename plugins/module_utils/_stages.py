# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: stages - how far a start has come, read from the log's lines and their timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import COUNTERS, MARKERS, STAGES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import visible

_TIMESTAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_NEVER = "0001-"
_COUNTERS = tuple((counter, re.compile(counter.pattern)) for counter in COUNTERS)
# Passed, not entered: what a server is asked takes its time before it, where a line of the log begins a stage.
_PASSED = ("healthy", "model_listed", "first_completion")


@dataclass
class Tracker:
    """How far a start has come. `entered` holds seconds since the epoch, `counted` the count within the last stage."""

    entered: dict[str, float]
    counted: dict[str, Any] = field(default_factory=dict)
    last_line: str = ""

    @property
    def stage(self) -> str:
        """Return the furthest stage that was entered."""
        return last_of(self.entered)

    def read(self, line: str, at: float) -> None:
        """Take one line of the log, without its timestamp, that was written at `at`."""
        if not line.strip():
            return
        self.last_line = line
        for counter, pattern in _COUNTERS:
            match = pattern.search(line)
            if match:
                self.enter(counter.stage, at)
                self.counted = {**{name: int(text) for name, text in match.groupdict().items()}, "unit": counter.unit}
                return
        stage = stage_of(line)
        if stage:
            self.enter(stage, at)

    def enter(self, stage: str, at: float) -> None:
        """Note that a stage was entered, unless that is known."""
        if stage not in self.entered:
            before = self.stage
            self.entered[stage] = at
            if self.stage != before:
                self.counted = {}

    def progress(self, now: float) -> dict[str, Any]:
        """Return how the start stands: the stage, the seconds in it and in all, and what is counted in it."""
        return {
            "stage": self.stage,
            "stage_seconds": round(max(0.0, now - self.entered.get(self.stage, now)), 1),
            "seconds": round(max(0.0, now - self.entered.get("created", now)), 1),
            "last_line": self.last_line[-300:],
            **self.counted,
        }


def epoch(timestamp: str) -> float | None:
    """Return an RFC 3339 timestamp, such as 2026-11-22T15:24:43.374448183Z, in seconds; None when it is none."""
    match = _TIMESTAMP.match(timestamp)
    if not match or timestamp.startswith(_NEVER):
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    try:
        return datetime.fromisoformat(match[1] + zone).timestamp() + float(match[2] or 0)
    except ValueError:  # a 13th month
        return None


def iso(timestamp: str) -> str | None:
    """Return an engine's timestamp in whole seconds of UTC; None for never."""
    seconds = epoch(timestamp)
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def stage_of(line: str) -> str | None:
    """Return the stage that a line of the log shows."""
    return next((marker.stage for marker in MARKERS if marker.text in line), None)


def entered(lines: Iterable[str], started: float) -> dict[str, float]:
    """Return stage -> seconds after the start at which it was first shown.

    `lines` carry their timestamp first; those of an earlier run of the same container (before `started`) do not count.
    """
    seconds: dict[str, float] = {}
    for line in lines:
        timestamp, _space, text = line.partition(" ")
        stage = stage_of(text)
        at = epoch(timestamp) if stage and stage not in seconds else None
        if stage and at is not None and at >= started - 0.001:
            seconds[stage] = round(at - started, 3)
    return seconds


def in_order(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the stages in the order of a start."""
    return {stage: seconds[stage] for stage in STAGES if stage in seconds}


def durations(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return stage -> how many seconds it took, from the seconds at which the stages were entered or passed.

    A stage of the log lasts until the next one; the asking of the server lasts from what was before it.
    """
    times = list(in_order(seconds).items())
    found: dict[str, float] = {}
    for number, (stage, at) in enumerate(times):
        if stage in _PASSED:
            found[stage] = at - times[number - 1][1] if number else 0.0
        elif number + 1 < len(times) and times[number + 1][0] not in _PASSED:
            found[stage] = times[number + 1][1] - at
    return {stage: round(max(0.0, took), 3) for stage, took in found.items()}


def last_of(seconds: Mapping[str, float]) -> str:
    """Return the furthest stage that was entered."""
    return next((stage for stage in reversed(STAGES) if stage in seconds), "created")


def last_shown(line: str) -> str:
    """Return what a line of the log showed last: a progress bar rewrites its line. A terminal obeys nothing in it."""
    return visible(without_timestamp(line).rstrip("\r").rpartition("\r")[2])


def without_timestamp(line: str) -> str:
    """Return a line of the log as the program wrote it."""
    timestamp, space, text = line.partition(" ")
    return text if space and epoch(timestamp) is not None else line
