# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: watch, follows a long job on a host by its status file, and outlives a connection that comes and goes.

A job holds a lock beside its status file (module_utils/_job_status.py). A look waits on that lock, on the host: it
comes back the moment the job ends, and costs nothing meanwhile.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text

RUNNING = "running"
FIRST_PAUSE = 0.3
# A running job writes its status every few seconds; one that has been silent for so long is dead.
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


def look_command(status_path: str, seconds: float) -> str:
    """Return the shell command that waits for the job's end, so many seconds at most, and prints its status.

    What it prints begins with 0 when the job has ended, else with 1. Where there is no flock(1) it sleeps.
    """
    lock = shlex.quote(status_path.rpartition("/")[0] + "/lock")
    wait = f"flock --shared --timeout {seconds:.2f} {lock} true 2>/dev/null; rc=$?"
    # A host without the command, or a lock that cannot be opened, tells nothing of the job.
    return f"{wait}; if [ $rc -gt 1 ]; then rc=1; sleep {seconds:.2f}; fi; echo $rc; cat {shlex.quote(status_path)}"


def watch(
    look: Callable[[float], str],
    show: Callable[[dict[str, Any]], None],
    limits: Limits,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Look until the job has ended, or has fallen silent; return its last status.

    ``look`` waits for the job's end for so many seconds and returns what look_command prints, or raises Interrupted,
    which is passed on once it lasts longer than ``limits.patience``. ``show`` gets the status each ``limits.interval``
    seconds while the job runs.
    """
    began = contact = change = shown = clock()
    status: dict[str, Any] = {}
    pause = FIRST_PAUSE
    while True:
        ended = False
        try:
            ended, fresh = parse(look(pause))
            contact = clock()
        except Interrupted:
            if clock() - contact > limits.patience:
                raise
            fresh = status
            change = clock()  # silence of the line is not silence of the job
            sleep(pause)
        if fresh.get("updated") != status.get("updated"):
            change = clock()
        status = fresh
        if ended or (status and status.get("state") != RUNNING) or clock() - change > STALE_SECONDS:
            return status
        if limits.timeout is not None and clock() - began > limits.timeout:
            raise WatchTimeout(f"not done after {limits.timeout:g} s")
        if clock() - shown >= limits.interval:
            shown = clock()
            show(status)
        pause = min(limits.interval, pause * 1.5)


def parse(text: str) -> tuple[bool, dict[str, Any]]:
    """Return whether the job has ended, and its status; Interrupted when there is none."""
    ended, _newline, document = text.partition("\n")
    try:
        status = _json_text.loads(document)
    except ValueError as exc:
        raise Interrupted(f"the status file does not hold a status: {document[:200]!r}") from exc
    if not isinstance(status, dict):
        raise Interrupted(f"the status file does not hold a status: {document[:200]!r}")
    return ended.strip() == "0", status


def start_line(host: str, status: Mapping[str, Any]) -> str:
    """Return one line on a server that starts: the stage, how far it is in it, and how long it takes already."""
    stage = str(status.get("stage", "created")).replace("_", " ")
    line = f"[{host}] {status.get('server')}: {stage}"
    if status.get("total"):
        done, total = status.get("done", 0), status["total"]
        line += f" {done}/{total} {status.get('unit', '')} ({100 * done // total} %)"
    line += f", {duration(status.get('stage_seconds', 0))} in it, {duration(status.get('seconds', 0))} in all"
    if status.get("expected_seconds"):
        share = 100 * status.get("seconds", 0) / status["expected_seconds"]
        line += f" (about {min(99, round(share))} % of the last start's time)"
    return line


def image_line(host: str, status: Mapping[str, Any]) -> str:
    """Return one line on an image that is brought: the phase, the layers, the bytes."""
    parts = [f"[{host}] {status.get('image')}: {status.get('phase', 'ask')}"]
    if status.get("layers_total"):
        parts.append(f"{status.get('layers_done', 0)}/{status['layers_total']} layers")
    if status.get("bytes_total"):
        done, total = (status.get(name, 0) / 1024**3 for name in ("bytes_done", "bytes_total"))
        share = status.get("percentage")
        parts.append(f"{done:.1f} of {total:.1f} GiB" + ("" if share is None else f" ({share:.0f} %)"))
    return ", ".join(parts)


_MODEL_PHASES = {
    "ask": "asks what there is",
    "wait": "waits for another run",
    "read": "reads the folder",
    "verify": "verifies",
    "copy": "copies",
    "fetch": "fetches",
    "peers": "fetches from other hosts",
}


def model_line(host: str, status: Mapping[str, Any]) -> str:
    """Return one line on a model that is brought: what is being done, bytes, rate, time left."""
    phase = str(status.get("phase", "begins"))
    parts = [f"[{host}] {status.get('repo_id')}: {_MODEL_PHASES.get(phase, phase)}"]
    done, total = status.get("bytes_done"), status.get("bytes_total")
    unit, size = ("GiB", 1024**3) if max(done or 0, total or 0) >= 1024**3 else ("MiB", 1024**2)
    if total:
        parts.append(f"{(done or 0) / size:.1f} of {total / size:.1f} {unit} ({100 * (done or 0) // total} %)")
    elif done:
        parts.append(f"{done / size:.1f} {unit}")
    if status.get("files_total"):
        parts.append(f"{status.get('files_done', 0)}/{status['files_total']} files")
    if status.get("rate"):
        parts.append(f"{status['rate'] / 1e6:.1f} MB/s")
    if status.get("eta_s") is not None:
        parts.append(f"{duration(status['eta_s'])} left")
    if status.get("trouble"):
        parts.append(f"retrying: {str(status['trouble'])[:160]}")
    return ", ".join(parts)


def ready_line(host: str, server: str, stage_seconds: Mapping[str, float]) -> str:
    """Return one line on a server that is ready: what its start took, and what of it each stage."""
    parts = [f"{stage.replace('_', ' ')} {seconds:.1f}" for stage, seconds in stage_seconds.items() if seconds >= 0.05]
    total = sum(stage_seconds.values())
    return f"[{host}] {server}: ready after {total:.1f} s" + (f" ({', '.join(parts)})" if parts else "")


def duration(seconds: float) -> str:
    """Return a time span as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
