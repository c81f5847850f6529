# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: stages - how far a start has come, read from the log's lines and their timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import MARKERS, STAGES

_TIMESTAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_NEVER = "0001-"


def epoch(timestamp: str) -> float | None:
    """Return an RFC 3339 timestamp, such as 2026-11-22T15:24:43.374448183Z, in seconds; None when it is none."""
    match = _TIMESTAMP.match(timestamp)
    if not match or timestamp.startswith(_NEVER):
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    return datetime.fromisoformat(match[1] + zone).timestamp() + float(match[2] or 0)


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


def last_of(seconds: Mapping[str, float]) -> str:
    """Return the furthest stage that was entered."""
    return next((stage for stage in reversed(STAGES) if stage in seconds), STAGES[0])


def without_timestamp(line: str) -> str:
    """Return a line of the log as the program wrote it."""
    timestamp, space, text = line.partition(" ")
    return text if space and epoch(timestamp) is not None else line
