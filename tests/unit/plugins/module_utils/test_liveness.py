from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import generated, judge, moved_at, span
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import EngineCounters
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import (
    Case,
    Container,
    Listed,
    Observation,
    Probe,
    Settings,
    container_of,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import HEALTHY, REMEDIES, VERDICTS

NOW = 1_000_000.0
MODEL = "openai/gpt-oss-20b"
SETTINGS = Settings(MODEL, 5.0, 60.0, 1800.0, True)
LISTED = Listed((MODEL,))
NO_PROBE = Settings(MODEL, probe=False)
WAITS = Probe("waiting", 0.0, 16)
ANSWERED = Probe("answered", 1.0, 9)


def container(**fields: Any) -> Container:
    values: dict[str, Any] = {
        "id": "c1", "status": "running", "running": True, "restarting": False, "paused": False, "exit_code": 0,
        "oom_killed": False, "pid": 99, "restart_count": 0, "restart_policy": "unless-stopped",
        "created": NOW - 5000, "started": NOW - 3600, "finished": None,
    }  # fmt: skip
    return Container(**{**values, **fields})


def engine(running: int = 0, tokens: float = 0.0, usage: float = 0.0, waiting: int = 0) -> EngineCounters:
    pulse = (("kv", usage), ("running", float(running)), ("tokens", tokens), ("waiting", float(waiting)))
    return EngineCounters(running, waiting, tokens, 0.0, usage, pulse)


Engines = Optional[Mapping[str, EngineCounters]]


def seen(at: float, engines: Engines = None, **fields: Any) -> Observation:
    return Observation(at, **{"container": container(), "health": 200, "engines": engines, **fields})


def one(at: float, *counters: Any) -> Observation:
    return seen(at, {"0": engine(*counters)})


def case(*observations: Observation, **fields: Any) -> Case:
    values = {"settings": SETTINGS, "listed": LISTED, **fields}
    return Case("s", observations=observations, now=NOW, **values)


# What was seen; the verdict; whether it stands already.
HEALTHY_CASES: list[tuple[str, Case, str, bool]] = [
    ("tokens move", case(one(0, 2, 10), one(1.5, 2, 40)), "busy", True),
    ("tokens move: too early for a rate", case(one(0, 2, 10), one(0.3, 2, 40)), "busy", False),
    ("the last one ended", case(one(0, 1, 10), one(1, 0, 40)), "busy", True),
    ("nothing moves yet", case(one(0, 1, 10, 0.1)), "prefilling", False),
    ("still for 59 s", case(one(0, 1), one(59, 1)), "prefilling", False),
    ("still for 60 s", case(one(0, 1), one(60, 1)), "stuck", True),
    ("nobody gets a turn", case(one(0, 0, 0, 0, 7), one(60, 0, 0, 0, 7)), "stuck", True),
    ("the cache fills", case(one(0, 1, 10, 0.1), one(5, 1, 10, 0.2)), "prefilling", True),
    ("the cache fills: look on", case(one(0, 1, 10, 0.1), one(2, 1, 10, 0.2)), "prefilling", False),
    ("for longer than a stall", case(one(0, 1, 0, 0.1), one(40, 1, 0, 0.2), one(90, 1)), "prefilling", True),
    ("no requests: ask", case(one(0)), "idle", False),
    ("no requests, not asked", case(one(0), settings=NO_PROBE), "idle", True),
    ("answered", case(one(0), one(0.2, 0, 9), probe=Probe("answered", 0.15, 9)), "idle", True),
    ("the probe waits", case(one(0), one(10), probe=WAITS), "idle", False),
    ("the probe alone moved", case(one(0), one(5, 1, 3), one(9, 1, 9), probe=WAITS), "idle", False),
    ("the probe waits too long", case(one(0), one(60), probe=WAITS), "stuck", True),
    (
        "the probe waits behind others",
        case(one(0), one(30, 5, 100), one(61, 5, 999, 0.5, 3), probe=WAITS),
        "busy", True,
    ),
    (
        "an answered probe behind others",
        case(one(0), one(2, 2, 100), probe=Probe("answered", 1.9, 9)),
        "busy", True,
    ),
    (
        "frozen with requests, and asked",
        case(one(0, 1, 10), one(61, 1, 10), probe=WAITS),
        "stuck", True,
    ),
    ("refused", case(one(0), probe=Probe("failed", problem="it said no")), "unknown", True),
    ("not counted: ask", case(seen(0, {})), "idle", False),
    ("not counted, answered", case(seen(0, {}), seen(1, {}), probe=ANSWERED), "idle", True),
    ("not counted, may not ask", case(seen(0), settings=NO_PROBE), "unknown", True),
    ("not counted, no answer", case(seen(0, {}), seen(60, {}), probe=WAITS), "stuck", True),
]  # fmt: skip
BROKEN_CASES: list[tuple[str, Case, str, bool]] = [
    ("no container", case(seen(0, container=None, health=None)), "absent", True),
    ("no container, another's port", case(seen(0, container=None)), "absent", True),
    (
        "ended",
        case(seen(0, health=None, container=container(status="exited", running=False, finished=NOW - 300))),
        "dead", True,
    ),
    (
        "out of memory",
        case(seen(0, health=None, container=container(status="exited", running=False, exit_code=137, oom_killed=True))),
        "dead", True,
    ),
    (
        "ended by itself",
        case(seen(0, health=None, container=container(status="exited", running=False, exit_code=1))),
        "dead", True,
    ),
    (
        "never started",
        case(seen(0, health=None, container=container(status="created", running=False, started=None))),
        "dead", True,
    ),
    ("between two attempts", case(seen(0, health=None, container=container(restarting=True))), "restarting", True),
    ("paused", case(seen(0, health=None, silent=True, container=container(paused=True))), "stuck", True),
    ("dying", case(seen(0, health=503)), "dead", True),
    ("dying of old", case(seen(0, health=500)), "dead", True),
    ("dying for good", case(seen(0, health=503, container=container(restart_policy="no"))), "dead", True),
    ("about to end", case(seen(0, health=None), stage="ending"), "dead", True),
    ("another program", case(seen(0, health=404)), "wrong_server", True),
    ("another model", case(one(0), listed=Listed(("x",))), "wrong_server", True),
    ("another key", case(one(0), listed=Listed((), "401", True)), "wrong_server", True),
    ("no list", case(one(0), listed=Listed((), "no JSON")), "wrong_server", False),
    ("no list for long", case(one(0), one(5), listed=Listed((), "no JSON")), "wrong_server", True),
    (
        "young",
        case(seen(0, health=None, container=container(started=NOW - 40)), stage="weights"),
        "starting", True,
    ),
    ("just created", case(seen(0, health=None, container=container(started=NOW - 1800))), "starting", True),
    ("created for too long", case(seen(0, health=None, container=container(started=NOW - 1801))), "unreachable", True),
    ("too long a start", case(seen(0, health=None), stage="weights"), "unreachable", True),
    ("gone quiet", case(seen(0, health=None), stage="listening"), "unreachable", False),
    ("stays quiet", case(seen(0, health=None), seen(5, health=None, problem="refused"), stage="listening"),
     "unreachable", True),
    ("silent", case(seen(0), seen(59, health=None, silent=True), stage="healthy"), "stuck", False),
    ("stays silent", case(seen(0), seen(60, health=None, silent=True), stage="healthy"), "stuck", True),
]  # fmt: skip


# What is said of each.
SENTENCES = {
    "tokens move": "2 requests running, 0 waiting, 20 tokens/s are generated",
    "tokens move: too early for a rate": "2 requests running, 0 waiting, 100 tokens/s are generated",
    "the last one ended": "0 requests running, 0 waiting, 30 tokens/s are generated",
    "nothing moves yet": "1 request running, 0 waiting and nothing moved for 0 s, which may be a prefill",
    "still for 59 s": "1 request running, 0 waiting and nothing moved for 59 s, which may be a prefill",
    "still for 60 s": (
        "1 request running, 0 waiting, and no counter moved for 60 s though /health answers 200: the engine hangs"
    ),
    "nobody gets a turn": (
        "0 requests running, 7 waiting, and no counter moved for 60 s though /health answers 200: the engine hangs"
    ),
    "the cache fills": "1 request running, 0 waiting and no token was generated yet, but the engine moves",
    "the cache fills: look on": "1 request running, 0 waiting and no token was generated yet, but the engine moves",
    "for longer than a stall": "1 request running, 0 waiting and no token was generated yet, but the engine moves",
    "no requests: ask": "no requests, and the probe waits for 0 s",
    "no requests, not asked": "no requests; whether it would answer one was not tried",
    "answered": "no requests; a tiny completion was answered in 0.1 s",
    "the probe waits": "no requests, and the probe waits for 10 s",
    "the probe alone moved": "no requests, and the probe waits for 0 s",
    "the probe waits too long": (
        "a tiny completion got no answer in 60 s and nothing moved, though /health answers 200: the engine hangs"
    ),
    "the probe waits behind others": "5 requests running, 3 waiting, 16 tokens/s are generated",
    "an answered probe behind others": "2 requests running, 0 waiting, 46 tokens/s are generated",
    "frozen with requests, and asked": (
        "1 request running, 0 waiting, and no counter moved for 61 s though /health answers 200: the engine hangs"
    ),
    "refused": "/health answers 200, but it said no",
    "not counted: ask": "no requests, and the probe waits for 0 s",
    "not counted, answered": "no requests; a tiny completion was answered in 1.0 s",
    "not counted, may not ask": "/health answers 200, but nothing is counted and no probe was allowed",
    "not counted, no answer": (
        "a tiny completion got no answer in 60 s and nothing moved, though /health answers 200: the engine hangs"
    ),
    "no container": "there is no container s on this host",
    "no container, another's port": "there is no container s on this host; something else answers at its port",
    "ended": (
        "its container ended 5 min ago with exit code 0 (policy unless-stopped; an engine that dies ends vLLM with 0)"
    ),
    "out of memory": "its container ended with exit code 137, out of memory (policy unless-stopped)",
    "ended by itself": "its container ended with exit code 1 (policy unless-stopped)",
    "never started": "its container was created and never started",
    "between two attempts": "Docker is restarting it: its process ended with exit code 0",
    "paused": "its container is paused",
    "dying": (
        "/health answers 503: the engine is dead, and the server about to end; its restart policy is unless-stopped"
    ),
    "dying of old": (
        "/health answers 500: the engine is dead, and the server about to end; its restart policy is unless-stopped"
    ),
    "dying for good": (
        "/health answers 503: the engine is dead, and the server about to end; Docker will not restart it (policy no)"
    ),
    "about to end": "it no longer listens, and its log tells that it is ending",
    "another program": "/health answers 404, which no vLLM does: something else listens on the port",
    "another model": "expected a server of the model openai/gpt-oss-20b, this one serves x",
    "another key": "it refuses the API key: 401",
    "no list": "/v1/models is not vLLM's: no JSON",
    "no list for long": "/v1/models is not vLLM's: no JSON",
    "young": "it is in stage weights, 40 s after its start",
    "just created": "it is in stage created, 30 min after its start",
    "created for too long": "it does not listen 30 min after its start, and is still in stage created",
    "too long a start": "it does not listen 1.0 h after its start, and is still in stage weights",
    "gone quiet": "its container runs, but it no longer listens: ",
    "stays quiet": "its container runs, but it no longer listens: refused",
    "silent": "it takes connections and does not answer /health for 59 s: the API server hangs",
    "stays silent": "it takes connections and does not answer /health for 60 s: the API server hangs",
}
# What is to be done is the verdict's, but for these.
OTHER_REMEDIES = {"between two attempts": "dead", "paused": "paused", "refused": "failed_probe"}


@pytest.mark.parametrize(
    ("name", "known", "verdict", "stands"),
    HEALTHY_CASES + BROKEN_CASES,
    ids=[row[0] for row in HEALTHY_CASES + BROKEN_CASES],
)
def test_verdicts(name: str, known: Case, verdict: str, stands: bool) -> None:
    found = judge(known)
    assert (found.verdict, found.sentence) == (verdict, SENTENCES[name])
    assert found.remedy == REMEDIES[OTHER_REMEDIES.get(name, verdict)].format(name="s")
    assert (known.watched >= found.after) is stands, found


def test_one_of_several_engines_hangs() -> None:
    def look(at: float, *tokens: float) -> Observation:
        return seen(at, {str(number): engine(1, count) for number, count in enumerate(tokens)})

    early = case(look(0, 10, 10, 10), look(2, 50, 10, 50))
    assert judge(early).verdict == "prefilling" and judge(early).after == 60
    late = judge(case(look(0, 10, 10, 10), look(60, 50, 10, 50)))
    assert late.verdict == "stuck" and "no counter of engine 1 moved" in late.sentence
    assert judge(case(look(0, 10, 10, 10), look(2, 50, 11, 50))).verdict == "busy"


def test_movement_is_found_between_any_two_looks() -> None:
    known = case(one(0, 1, 10), one(1, 1, 11), one(2, 1, 11), seen(3), one(4, 1, 11))
    assert moved_at(known) == {"0": 1}
    assert generated(known) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"), (119, "119 s"), (120, "2 min"), (3599, "60 min"), (3600, "1.0 h"),
        (86399, "24.0 h"), (86400, "1.0 days"), (350_000, "4.1 days"),
    ],
)  # fmt: skip
def test_times_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_server_that_was_started_anew_has_generated_nothing() -> None:
    assert generated(case(one(0, 1, 900), one(1, 1, 5))) == 0


def test_each_verdict_is_documented() -> None:
    judged = {row[2] for row in HEALTHY_CASES + BROKEN_CASES}
    assert judged | {"crash_loop"} == set(VERDICTS)
    assert set(HEALTHY) < set(VERDICTS) <= set(REMEDIES)


def test_a_container_in_short() -> None:
    inspected = {
        "Id": "abc", "Created": "2026-11-22T15:00:00.5Z", "RestartCount": 2,
        "HostConfig": {"RestartPolicy": {"Name": "", "MaximumRetryCount": 0}},
        "State": {
            "Status": "exited", "Running": False, "Restarting": False, "Paused": False, "OOMKilled": True, "Pid": 0,
            "ExitCode": 137, "StartedAt": "2026-11-22T15:00:01Z", "FinishedAt": "0001-01-01T00:00:00Z",
        },
    }  # fmt: skip
    found = container_of(inspected)
    assert found and (found.id, found.restart_count, found.restart_policy, found.oom_killed) == ("abc", 2, "no", True)
    assert found.started == found.created + 0.5 and found.finished is None and not found.serves
    assert container_of(None) is None
