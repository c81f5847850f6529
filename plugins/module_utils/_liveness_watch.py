# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: liveness watch - looks at a server again and again until its judgement stands."""

from __future__ import annotations

import socket
import time
from itertools import islice
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, Pending
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import completion_tokens
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import ENDING, LISTENING, Judgement, judge
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import (
    EngineCounters,
    MetricsError,
    engine_counters,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import (
    Case,
    Container,
    Listed,
    Observation,
    Probe,
    Settings,
    container_of,
)

_REPLY_SECONDS = 5.0
# Movement is seen soon, and a long watch costs next to nothing: seconds watched -> pause.
_PAUSES = ((2.0, 0.25), (15.0, 1.0))
_LONG_PAUSE = 2.0
_ASK_ENGINE_SECONDS = 2.0
_START_LINES = 3000
# What the log of a server says that is about to end: its engine died, or it was told to (vLLM 0.22.1 and 0.32.0).
_ENDING = ("EngineDeadError", "[shutdown]", "INFO:     Shutting down")
_END_LINES = 300
_PROMPT = "Hi"
# As for readiness: a gpt-oss model may spend them all on reasoning, and tokens count, not text.
_PROBE_TOKENS = 16


class Watch:
    """One server under observation."""

    def __init__(self, engine: Engine, api: Api, name: str, settings: Settings) -> None:
        self._engine = engine
        self._api = api
        self._name = name
        self._settings = settings
        self._seen: list[Observation] = []
        self._listed: Optional[Listed] = None
        self._probe = Probe()
        self._pending: Optional[Pending] = None
        self._begun = 0.0
        self._asked = -_ASK_ENGINE_SECONDS
        self._container: Optional[Container] = None
        self._stage = ""

    def run(self) -> tuple[Case, Judgement]:
        """Watch until the judgement stands. Raises EngineError."""
        try:
            while True:
                case = self._look()
                judgement = judge(case)
                if case.watched >= judgement.after:
                    return case, judgement
                self._ask_for_a_completion(case, judgement)
                self._pause(case.watched, judgement.after - case.watched)
        finally:
            if self._pending is not None:
                self._pending.close()

    def _look(self) -> Case:
        self._read_probe()
        self._seen.append(self._observe())
        return Case(self._name, self._settings, tuple(self._seen), time.time(), self._listed, self._probe, self._stage)

    def _observe(self) -> Observation:
        at = time.monotonic()
        self._api.timeout = _REPLY_SECONDS
        try:
            health = self._api.health()
        except ApiError as exc:
            silent = isinstance(exc.__cause__, socket.timeout)
            seen = Observation(at, self._inspected(), None, str(exc.__cause__ or exc), silent)
            self._stage = self._stage_of(seen.container)
            return seen
        if health != 200:
            return Observation(at, self._inspected(), health)
        self._list_models()
        recent = at - self._asked < _ASK_ENGINE_SECONDS
        return Observation(at, self._container if recent else self._inspected(), health, engines=self._counters())

    def _inspected(self) -> Optional[Container]:
        self._asked = time.monotonic()
        self._container = container_of(self._engine.inspect(self._name))
        return self._container

    def _list_models(self) -> None:
        if self._listed is not None and not self._listed.problem:
            return
        try:
            self._listed = Listed(tuple(str(model.get("id")) for model in self._api.models()))
        except ApiError as exc:
            # Without any reply nothing is known of the list, which is asked for again.
            self._listed = Listed((), str(exc), exc.status in (401, 403)) if exc.status else None

    def _counters(self) -> Optional[dict[str, EngineCounters]]:
        try:
            text = self._api.metrics()
            return None if text is None else engine_counters(text)
        except (ApiError, MetricsError):
            return None

    def _stage_of(self, container: Optional[Container]) -> str:
        if container is None or not container.serves or container.started is None:
            return self._stage
        lines = self._engine.log_lines(container.id, since=container.started)
        last = self._engine.log_lines(container.id, since=container.started, tail=_END_LINES)
        try:
            stage = _stages.last_of(_stages.entered(islice(lines, _START_LINES), container.started))
            ending = stage in LISTENING and any(marker in line for line in last for marker in _ENDING)
        except EngineError:
            return ""  # some log drivers cannot be read
        return ENDING if ending else stage

    def _ask_for_a_completion(self, case: Case, judgement: Judgement) -> None:
        """Ask when nothing else can tell: there are no requests, or they have not moved for a while."""
        quiet = judgement.verdict == "idle" or case.last.engines is None
        if not self._settings.probe or self._probe.state != "unused" or case.last.health != 200:
            return
        if not (quiet or case.watched >= self._settings.window):
            return
        model = self._settings.model or next(iter(self._listed.names if self._listed else ()), None)
        payload = {"model": model, "messages": [{"role": "user", "content": _PROMPT}], "max_tokens": _PROBE_TOKENS}
        self._begun = time.monotonic()
        self._api.timeout = _REPLY_SECONDS
        try:
            self._pending = self._api.begin("chat/completions", payload)
            self._probe = Probe("waiting", tokens=_PROBE_TOKENS)
        except ApiError as exc:
            self._probe = Probe("failed", problem=f"it took no request for a completion: {exc}")

    def _read_probe(self) -> None:
        if self._pending is None or not self._pending.wait(0):
            return
        pending, self._pending = self._pending, None
        seconds = time.monotonic() - self._begun
        try:
            self._probe = Probe("answered", seconds, completion_tokens(pending.reply()))
        except ApiError as exc:
            self._probe = Probe("failed", seconds, problem=f"a tiny completion failed: {exc}")

    def _pause(self, watched: float, left: float) -> None:
        usual = next((pause for until, pause in _PAUSES if watched < until), _LONG_PAUSE)
        seconds = min(usual, max(left, 0.01))
        if self._pending is not None:
            self._pending.wait(seconds)
        else:
            time.sleep(seconds)
