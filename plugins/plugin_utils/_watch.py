# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: watch, follows a long job on a host by its status file, and outlives a connection that comes and goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RUNNING = "running"
FIRST_PAUSE = 0.3
# A running job writes its status each second; one that has been silent for so long is dead.
STALE_SECONDS = 30.0


class Interrupted(Exception):
    """The status could not be read this time."""


class WatchTimeout(Exception):
    """The job takes longer than the watcher may."""


@dataclass(frozen=True)
class Limits:
    """Seconds: between two progress lines, how long the host may be out of reach, how long to watch at all."""

    interval: float
    patience: float = 120.0
    timeout: float | None = None


def watch(
    read: Callable[[], str],
    show: Callable[[dict[str, Any]], None],
    limits: Limits,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Poll until the job no longer runs, or has fallen silent; return its last status.

    ``read`` returns the status file's text or raises Interrupted, which is passed on once it lasts longer than
    ``limits.patience``. ``show`` gets the status each ``limits.interval`` seconds while the job runs.
    """
    began = contact = change = shown = clock()
    status: dict[str, Any] = {}
    pause = FIRST_PAUSE
    while True:
        try:
            fresh = parse(read())
            contact = clock()
        except Interrupted:
            if clock() - contact > limits.patience:
                raise
            fresh = status
            change = clock()  # silence of the line is not silence of the job
        if fresh.get("updated") != status.get("updated"):
            change = clock()
        status = fresh
        if (status and status.get("state") != RUNNING) or clock() - change > STALE_SECONDS:
            return status
        if limits.timeout is not None and clock() - began > limits.timeout:
            raise WatchTimeout(f"not done after {limits.timeout:g} s")
        if clock() - shown >= limits.interval:
            shown = clock()
            show(status)
        sleep(pause)
        pause = min(limits.interval, pause * 1.5)


def parse(text: str) -> dict[str, Any]:
    """Return the status in a status file's text; Interrupted when there is none."""
    try:
        status = json.loads(text)
    except ValueError as exc:
        raise Interrupted(f"the status file does not hold a status: {text[:200]!r}") from exc
    if not isinstance(status, dict):
        raise Interrupted(f"the status file does not hold a status: {text[:200]!r}")
    return status


def progress_line(host: str, status: dict[str, Any]) -> str:
    """Return one line on an eval job: where it is, the score so far, errors, rate and time left."""
    cells = status.get("cells", [])
    under_way = [cell for cell in cells if cell["done"] < cell["total"]]
    cell = under_way[0] if under_way else (cells[-1] if cells else None)
    if cell is None:
        return f"[{host}] {status.get('server')}: {status.get('state')}"
    parts = [
        f"[{host}] {status['server']}: {cell['task']} {cell['effort']} {cell['done']}/{cell['total']}",
        f"score {100 * cell['correct'] / cell['measured']:.1f} %" if cell["measured"] else "no score yet",
        f"{cell['errors']} errors",
        f"{status['rate']:.1f} requests/s",
        f"all {sum(c['done'] for c in cells)}/{sum(c['total'] for c in cells)}",
    ]
    if status.get("eta_s") is not None:
        parts.append(f"{duration(status['eta_s'])} left")
    if status.get("trouble"):
        parts.append(f"retrying: {status['trouble'][:120]}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time span as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
