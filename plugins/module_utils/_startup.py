# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: startup - waits for a started container to become a ready server, or says why it will not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_process import Process
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis, diagnose, diagnose_hang
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._evidence import explained
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wait import wait

_START_LINES = 3000
_LAST_LINES = 2000
# The first lines of a log can bear a time before the one at which the engine says that it started the container.
_EARLY_SECONDS = 1.0
_SHOWN_LINES = 40
_REPORT_SECONDS = 1.0
# Stages that the log does not tell of.
_ASKED = ("created", "healthy", "model_listed", "first_completion")


class StartupError(Exception):
    """The server did not become ready. `details` are result values: stage, exit_code, cause, remedy, log, ..."""

    def __init__(self, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.details = details


@dataclass(frozen=True)
class Limits:
    """Seconds: for the whole start, and for the stay in each stage; one that is missing has no limit of its own."""

    timeout: float
    stages: Mapping[str, float] = field(default_factory=dict)

    def overdue(self, progress: Mapping[str, Any]) -> bool:
        """Tell whether a start stays too long in its stage."""
        limit = self.stages.get(progress["stage"])
        return limit is not None and progress["stage_seconds"] > limit


def wait_until_ready(
    process: Process,
    readiness: Readiness,
    limits: Limits,
    secrets: Sequence[Optional[str]],
    report: Callable[[dict[str, Any]], None] = lambda progress: None,
) -> dict[str, float]:
    """Return stage -> seconds after the container's start at which it was entered. Raises StartupError, EngineError.

    What the server is asked counts only where it was not ready at first sight: else nobody knows when it became so.
    A `readiness` that was asked already, and is ready, is not asked again.
    `report` hears of the progress each second.
    """
    process.ask()
    started = _stages.epoch(process.started_at) or time.time()
    process.tracker.entered = {"created": started}
    _catch_up(process, started)
    deadline, reported = time.monotonic() + limits.timeout, 0.0

    def decided() -> bool:
        nonlocal reported
        if not process.dead and not readiness.ready:
            readiness.ask(deadline - time.monotonic())
            process.look()
        for stage, at in readiness.reached.items():
            process.tracker.enter(stage, at)
        progress = process.tracker.progress(time.time())
        if time.monotonic() - reported >= _REPORT_SECONDS:
            reported = time.monotonic()
            report({**progress, "last_line": mask_text(progress["last_line"], secrets)})
        return bool(process.dead or readiness.ready or readiness.refusal or limits.overdue(progress))

    try:
        wait(decided, bool, limits.timeout, process.pause)
    finally:
        process.close()
    # Whoever answered, it was not this container if that is dead.
    process.ask()
    seconds = {"created": 0.0, **_entered(process, started)}
    if readiness.asked > 1:
        seconds.update({stage: round(at - started, 3) for stage, at in readiness.reached.items()})
    if readiness.ready and not process.dead:
        return _stages.in_order(seconds)
    raise _failure(process, readiness, seconds, limits, secrets)


def _catch_up(process: Process, started: float) -> None:
    """Read what was logged before the watch began."""
    try:
        for line in islice(process.engine.log_lines(process.container_id, since=started), _START_LINES):
            at = _stages.epoch(line.partition(" ")[0])
            if at is None or at >= started - 0.001:
                process.tracker.read(_stages.without_timestamp(line), at or started)
    except EngineError:
        # Some log drivers cannot be read. The stream then tells of what comes.
        return


def _entered(process: Process, started: float) -> dict[str, float]:
    lines = process.engine.log_lines(process.container_id, since=started)
    try:
        return _stages.entered(islice(lines, _START_LINES), started)
    except EngineError:
        # Some log drivers cannot be read. What was seen of the stream comes close.
        logged = process.tracker.entered.items()
        return {stage: round(at - started, 3) for stage, at in logged if stage not in _ASKED}


def _failure(
    process: Process,
    readiness: Readiness,
    seconds: Mapping[str, float],
    limits: Limits,
    secrets: Sequence[Optional[str]],
) -> StartupError:
    lines = _last_lines(process, secrets)
    progress = process.tracker.progress(time.time())
    stage = _stages.last_of(seconds)
    exit_code = process.dead.get("ExitCode") if process.dead else None
    if process.dead:
        found = diagnose(lines, exit_code, bool(process.dead.get("OOMKilled")))
        found = explained(found, process.engine, process.container_id, _stages.epoch(process.started_at))
        lifetime = _lifetime(process, progress["seconds"])
        what = f"its container ended in stage {stage} with exit code {exit_code}, {lifetime:.1f} s after its start"
    elif readiness.refusal:
        found = Diagnosis("refused", readiness.refusal, "compare model, served_model_name and arguments")
        what = "it runs and answers, but not as wanted"
    elif limits.overdue(progress):
        stage = progress["stage"]
        found = diagnose_hang(stage, lines, readiness.problem)
        what = f"it stays in stage {stage} for longer than the {limits.stages[stage]:g} s that stage_timeouts allows"
    else:
        found = diagnose_hang(stage, lines, readiness.problem)
        what = f"it was not ready in time: {progress['seconds']:.0f} s after its start it is still in stage {stage}"
    details = {
        "stage": stage,
        "exit_code": exit_code,
        "cause": mask_text(found.cause, secrets),
        "remedy": found.remedy,
        "diagnosis": found.name,
        "log": lines[-_SHOWN_LINES:],
        "startup_seconds": _stages.in_order(seconds),
        "stage_seconds": _stages.durations(seconds),
    }
    message = f"expected a ready server, but {what}. Cause: {details['cause']}. Remedy: {found.remedy}."
    left = "The container is left as it is, for inspection (docker logs, docker inspect)."
    return StartupError(f"{message} {left}", details)


def _last_lines(process: Process, secrets: Sequence[Optional[str]]) -> list[str]:
    started = _stages.epoch(process.started_at)
    since = started - _EARLY_SECONDS if started else None
    try:
        lines = list(process.engine.log_lines(process.container_id, since=since, tail=_LAST_LINES))
    except EngineError as exc:
        return [f"(no log: {exc})"]
    return [mask_text(_stages.last_shown(line), secrets) for line in lines]


def _lifetime(process: Process, elapsed: float) -> float:
    start = _stages.epoch(process.started_at)
    end = _stages.epoch(str((process.dead or {}).get("FinishedAt", "")))
    return end - start if start and end and end >= start else elapsed
