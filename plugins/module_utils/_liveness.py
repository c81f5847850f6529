# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: liveness - whether a server lives, judged by the progress that its engines make. Pure.

/health says little: it answers 200 as long as the engine's process exists, hanging or not (check_health of
vllm/v1/engine/async_llm.py, vLLM 0.32.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import EngineCounters
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Case, Container, Observation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import REMEDIES

# Rates of shorter times are chance.
RATE_SECONDS = 1.0
# The stages of a server that once listened, and the one that follows.
LISTENING = ("listening", "healthy", "model_listed", "first_completion")
ENDING = "ending"


@dataclass(frozen=True)
class Judgement:
    """A verdict with what was seen and what to do.

    It stands once the server was watched for `after` seconds; until then more may be seen.
    """

    verdict: str
    sentence: str
    remedy: str
    after: float = 0.0


def judge(case: Case) -> Judgement:
    """Return what is to be thought of a server after all observations of a case."""
    container = case.last.container
    if container is None:
        return _judged(case, "absent", f"there is no container {case.name} on this host{_somebody(case)}")
    if container.restarting:
        text = f"Docker is restarting it: its process ended with exit code {container.exit_code}"
        return _judged(case, "restarting", text, "dead")
    if not container.running:
        return _judged(case, "dead", f"{_ended(container, case.now)}{_somebody(case)}")
    if container.paused:
        return _judged(case, "stuck", "its container is paused", "paused")
    return _running(case, container)


def moved_at(case: Case) -> Mapping[str, Optional[float]]:
    """Return for each engine when it was last seen to move (seconds of the observations' clock), None for never."""
    times: dict[str, Optional[float]] = dict.fromkeys(case.last.engines or {})
    for before, after in zip(case.observations, case.observations[1:]):
        for engine, counters in (after.engines or {}).items():
            earlier = (before.engines or {}).get(engine)
            if earlier and earlier.pulse != counters.pulse:
                times[engine] = after.at
    return times


def generated(case: Case) -> float:
    """Return the tokens that were generated for others than the probe while the server was watched."""
    first, last = counted(case)[0].total, case.last.total
    if first is None or last is None:
        return 0.0
    return max(0.0, last.generation_tokens - first.generation_tokens - case.probe.tokens)


def _running(case: Case, container: Container) -> Judgement:
    seen = case.last
    if seen.health == 200:
        return _healthy(case)
    if seen.health is not None and (seen.health >= 500):
        policy = container.restart_policy
        comes = "Docker will not restart it (policy no)" if policy == "no" else f"its restart policy is {policy}"
        text = f"/health answers {seen.health}: the engine is dead, and the server about to end; {comes}"
        return _judged(case, "dead", text)
    if seen.health is not None:
        text = f"/health answers {seen.health}, which no vLLM does: something else listens on the port"
        return _judged(case, "wrong_server", text)
    if case.stage == ENDING:
        return _judged(case, "dead", "it no longer listens, and its log tells that it is ending")
    if case.stage in LISTENING:
        return _gone_quiet(case)
    age = case.now - (container.started or case.now)
    if age <= case.settings.start_seconds:
        return _judged(case, "starting", f"it is in stage {case.stage or 'created'}, {span(age)} after its start")
    text = f"it does not listen {span(age)} after its start, and is still in stage {case.stage or 'created'}"
    return _judged(case, "unreachable", text)


def _gone_quiet(case: Case) -> Judgement:
    """Judge a server that listened once and now gives no answer."""
    if not case.last.silent:
        text = f"its container runs, but it no longer listens: {case.last.problem}"
        return _judged(case, "unreachable", text, after=case.settings.window)
    text = f"it takes connections and does not answer /health for {span(case.watched)}: the API server hangs"
    return _judged(case, "stuck", text, after=case.settings.stall_seconds)


def _healthy(case: Case) -> Judgement:
    model, listed = case.settings.model, case.listed
    if listed and listed.refused:
        return _judged(case, "wrong_server", f"it refuses the API key: {listed.problem}")
    if listed and listed.problem:
        return _judged(case, "wrong_server", f"/v1/models is not vLLM's: {listed.problem}", after=case.settings.window)
    if listed and model is not None and model not in listed.names:
        served = ", ".join(listed.names) or "none"
        return _judged(case, "wrong_server", f"expected a server of the model {model}, this one serves {served}")
    return _counting(case) if case.last.engines else _uncounted(case)


def _uncounted(case: Case) -> Judgement:
    if case.probe.state == "unused" and not case.settings.probe:
        return _judged(case, "unknown", "/health answers 200, but nothing is counted and no probe was allowed")
    return _probed(case, 0.0)


def _counting(case: Case) -> Judgement:
    """Judge by the counters: each engine that has requests must move, and tokens of others tell that it generates."""
    moved = moved_at(case)
    requests = {engine: counters.requests for engine, counters in (case.last.engines or {}).items()}
    still = [engine for engine, count in requests.items() if count and moved[engine] is None]
    if generated(case) > 0 and not still:
        return _judged(case, "busy", _busy(case), after=RATE_SECONDS)
    if still:
        return _still(case, still)
    if sum(requests.values()) > (case.probe.state == "waiting"):
        text = f"{_requests(case.last.total)} and no token was generated yet, but the engine moves"
        return _judged(case, "prefilling", text, after=case.settings.window)
    return _probed(case, max((at for at in moved.values() if at is not None), default=0.0))


def _still(case: Case, engines: list[str]) -> Judgement:
    stall = case.settings.stall_seconds
    which = f" of engine {', '.join(engines)}" if len(case.last.engines or {}) > 1 else ""
    if case.watched < stall:
        text = f"{_requests(case.last.total)} and nothing moved{which} for {span(case.watched)}, which may be a prefill"
        return _judged(case, "prefilling", text, after=stall)
    text = f"{_requests(case.last.total)}, and no counter{which} moved for {span(case.watched)}"
    return _judged(case, "stuck", f"{text} though /health answers 200: the engine hangs")


def _probed(case: Case, moved: float) -> Judgement:
    """Judge a server without requests, of which only a completion tells whether it still generates."""
    probe, settings = case.probe, case.settings
    if probe.state == "answered":
        return _judged(case, "idle", f"no requests; {_answered(case)}")
    if probe.state == "failed":
        return _judged(case, "unknown", f"/health answers 200, but {probe.problem}", "failed_probe")
    if not settings.probe:
        return _judged(case, "idle", "no requests; whether it would answer one was not tried")
    silence = case.last.at - max(moved, case.observations[0].at)
    if silence < settings.stall_seconds:
        text = f"no requests, and the probe waits for {span(silence)}"
        return _judged(case, "idle", text, after=case.watched + settings.stall_seconds - silence)
    text = f"a tiny completion got no answer in {span(silence)} and nothing moved, though /health answers 200"
    return _judged(case, "stuck", f"{text}: the engine hangs")


def _judged(case: Case, verdict: str, sentence: str, remedy: str = "", after: float = 0.0) -> Judgement:
    return Judgement(verdict, sentence, REMEDIES[remedy or verdict].format(name=case.name), after)


def counted(case: Case) -> list[Observation]:
    """Return the observations that hold counters; the last one where there are none."""
    return [seen for seen in case.observations if seen.engines] or [case.last]


def _busy(case: Case) -> str:
    seconds = case.last.at - counted(case)[0].at
    return f"{_requests(case.last.total)}, {generated(case) / max(seconds, 0.001):.0f} tokens/s are generated"


def _requests(counters: Optional[EngineCounters]) -> str:
    running, waiting = (counters.requests_running, counters.requests_waiting) if counters else (0, 0)
    return f"{running} request{'' if running == 1 else 's'} running, {waiting} waiting"


def _answered(case: Case) -> str:
    return f"a tiny completion was answered in {case.probe.seconds:.1f} s"


def _somebody(case: Case) -> str:
    return "; something else answers at its port" if case.last.health else ""


def _ended(container: Container, now: float) -> str:
    if container.started is None:
        return "its container was created and never started"
    ago = f" {span(now - container.finished)} ago" if container.finished else ""
    oom = ", out of memory" if container.oom_killed else ""
    note = "; an engine that dies ends vLLM with 0" if container.exit_code == 0 else ""
    return (
        f"its container ended{ago} with exit code {container.exit_code}{oom} (policy {container.restart_policy}{note})"
    )


def span(seconds: float) -> str:
    """Return a time in words: 12 s, 5 min, 3.2 h, 4.1 days."""
    for size, name in ((86400.0, "days"), (3600.0, "h")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
