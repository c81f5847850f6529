# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: startup - waits for a started container to become a ready server, or says why it will not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis, diagnose, diagnose_hang
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, Watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wait import wait

# The engine notices an end a little after the output has ended.
_SETTLE_SECONDS = 2.0
_SETTLE_PAUSE = 0.03
# How often the engine is asked all the same, and how often where there is no output stream to tell of the end.
_ASK_SECONDS = 5.0
_ASK_SECONDS_BLIND = 0.5
_START_LINES = 3000
_LAST_LINES = 1000
_SHOWN_LINES = 40


class StartupError(Exception):
    """The server did not become ready. `details` are result values: stage, exit_code, cause, remedy, log, ..."""

    def __init__(self, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.details = details


@dataclass
class Process:
    """A container's process, watched through its output stream and, seldom, by asking the engine."""

    engine: Engine
    container_id: str
    watch: Optional[Watch]
    started_at: str = ""
    dead: Optional[Mapping[str, Any]] = None
    _asked: float = 0.0

    def pause(self, seconds: float) -> None:
        """Wait so long, or until the output ends."""
        if self.watch is None:
            time.sleep(seconds)
        elif self.watch.ended(seconds):
            self.close()
            self._settle()

    def close(self) -> None:
        """Stop watching."""
        if self.watch:
            self.watch.close()
        self.watch = None

    def look(self) -> None:
        """Ask the engine when it is time to."""
        interval = _ASK_SECONDS if self.watch else _ASK_SECONDS_BLIND
        if time.monotonic() - self._asked >= interval:
            self.ask()

    def ask(self) -> None:
        """Ask the engine whether the process that was started still runs."""
        self._asked = time.monotonic()
        state = (self.engine.inspect(self.container_id) or {}).get("State") or {"Status": "removed", "ExitCode": None}
        self.started_at = self.started_at or str(state.get("StartedAt", ""))
        restarted = state.get("StartedAt") != self.started_at
        if not state.get("Running") or state.get("Restarting") or restarted:
            self.dead = {**state, "ExitCode": None} if restarted and state.get("Running") else state

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        while not self.dead and time.monotonic() < deadline:
            time.sleep(_SETTLE_PAUSE)
            self.ask()


def wait_until_ready(
    process: Process, readiness: Readiness, timeout: float, secrets: Sequence[Optional[str]]
) -> dict[str, float]:
    """Return stage -> seconds after the container's start at which it was entered. Raises StartupError, EngineError.

    What the server is asked counts only where it was not ready at first sight: else nobody knows when it became so.
    """
    deadline = time.monotonic() + timeout
    process.ask()

    def decided() -> bool:
        if not process.dead:
            readiness.ask(deadline - time.monotonic())
            process.look()
        return bool(process.dead or readiness.ready or readiness.refusal)

    try:
        wait(decided, bool, timeout, process.pause)
    finally:
        process.close()
    # Whoever answered, it was not this container if that is dead.
    process.ask()
    started = _stages.epoch(process.started_at) or time.time()
    seconds = {"created": 0.0, **_entered(process, started)}
    if readiness.asked > 1:
        seconds.update({stage: round(at - started, 3) for stage, at in readiness.reached.items()})
    if readiness.ready and not process.dead:
        return _stages.in_order(seconds)
    raise _failure(process, readiness, seconds, time.time() - started, secrets)


def _entered(process: Process, started: float) -> dict[str, float]:
    lines = process.engine.log_lines(process.container_id, since=started)
    try:
        return _stages.entered(islice(lines, _START_LINES), started)
    except EngineError:
        # Some log drivers cannot be read. The server is none the worse for it.
        return {}


def _failure(
    process: Process,
    readiness: Readiness,
    seconds: Mapping[str, float],
    elapsed: float,
    secrets: Sequence[Optional[str]],
) -> StartupError:
    lines = _last_lines(process, secrets)
    stage = _stages.last_of(seconds)
    exit_code = process.dead.get("ExitCode") if process.dead else None
    if process.dead:
        found = diagnose(lines, exit_code, bool(process.dead.get("OOMKilled")))
        what = f"its container ended in stage {stage} with exit code {exit_code}, {_lifetime(process, elapsed):.1f} s"
        what = f"{what} after its start"
    elif readiness.refusal:
        found = Diagnosis("refused", readiness.refusal, "compare model, served_model_name and arguments")
        what = "it runs and answers, but not as wanted"
    else:
        found = diagnose_hang(stage, lines, readiness.problem)
        what = f"it was not ready in time: {elapsed:.0f} s after its start it is still in stage {stage}"
    details = {
        "stage": stage,
        "exit_code": exit_code,
        "cause": mask_text(found.cause, secrets),
        "remedy": found.remedy,
        "diagnosis": found.name,
        "log": lines[-_SHOWN_LINES:],
        "startup_seconds": _stages.in_order(seconds),
    }
    message = f"expected a ready server, but {what}. Cause: {details['cause']}. Remedy: {found.remedy}."
    left = "The container is left as it is, for inspection (docker logs, docker inspect)."
    return StartupError(f"{message} {left}", details)


def _last_lines(process: Process, secrets: Sequence[Optional[str]]) -> list[str]:
    since = _stages.epoch(process.started_at)
    try:
        lines = list(process.engine.log_lines(process.container_id, since=since, tail=_LAST_LINES))
    except EngineError as exc:
        return [f"(no log: {exc})"]
    # A progress bar rewrites its line; what it showed last is enough.
    return [mask_text(_stages.without_timestamp(line).rstrip("\r").rpartition("\r")[2], secrets) for line in lines]


def _lifetime(process: Process, elapsed: float) -> float:
    start = _stages.epoch(process.started_at)
    end = _stages.epoch(str((process.dead or {}).get("FinishedAt", "")))
    return end - start if start and end and end >= start else elapsed
