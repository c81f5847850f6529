from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import generated, judge, moved_at
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


# What was seen; the verdict; whether it stands already; words of the sentence.
HEALTHY_CASES: list[tuple[str, Case, str, bool, str]] = [
    ("tokens move", case(one(0, 2, 10), one(1.5, 2, 40)), "busy", True, "20 tokens/s"),
    ("tokens move: too early for a rate", case(one(0, 2, 10), one(0.3, 2, 40)), "busy", False, ""),
    ("the last one ended", case(one(0, 1, 10), one(1, 0, 40)), "busy", True, "0 requests running"),
    ("nothing moves yet", case(one(0, 1, 10, 0.1)), "prefilling", False, "may be a prefill"),
    ("still for 59 s", case(one(0, 1), one(59, 1)), "prefilling", False, "59 s"),
    ("still for 60 s", case(one(0, 1), one(60, 1)), "stuck", True, "no counter moved for 60 s"),
    ("nobody gets a turn", case(one(0, 0, 0, 0, 7), one(60, 0, 0, 0, 7)), "stuck", True, "7 waiting"),
    ("the cache fills", case(one(0, 1, 10, 0.1), one(5, 1, 10, 0.2)), "prefilling", True, "the engine moves"),
    ("the cache fills: look on", case(one(0, 1, 10, 0.1), one(2, 1, 10, 0.2)), "prefilling", False, ""),
    ("for longer than a stall", case(one(0, 1, 0, 0.1), one(40, 1, 0, 0.2), one(90, 1)), "prefilling", True, ""),
    ("no requests: ask", case(one(0)), "idle", False, ""),
    ("no requests, not asked", case(one(0), settings=NO_PROBE), "idle", True, "was not tried"),
    ("answered", case(one(0), one(0.2, 0, 9), probe=Probe("answered", 0.15, 9)), "idle", True, "answered in 0.1"),
    ("the probe waits", case(one(0), one(10), probe=WAITS), "idle", False, ""),
    ("the probe alone moved", case(one(0), one(5, 1, 3), one(9, 1, 9), probe=WAITS), "idle", False, ""),
    ("the probe waits too long", case(one(0), one(60), probe=WAITS), "stuck", True, "no answer in 60 s"),
    (
        "the probe waits behind others",
        case(one(0), one(30, 5, 100), one(61, 5, 999, 0.5, 3), probe=WAITS),
        "busy", True, "5 requests running, 3 waiting",
    ),
    (
        "an answered probe behind others",
        case(one(0), one(2, 2, 100), probe=Probe("answered", 1.9, 9)),
        "busy", True, "46 tokens/s",
    ),
    (
        "frozen with requests, and asked",
        case(one(0, 1, 10), one(61, 1, 10), probe=WAITS),
        "stuck", True, "1 request running",
    ),
    ("refused", case(one(0), probe=Probe("failed", problem="it said no")), "unknown", True, "it said no"),
    ("not counted: ask", case(seen(0, {})), "idle", False, ""),
    ("not counted, answered", case(seen(0, {}), seen(1, {}), probe=ANSWERED), "idle", True, "answered"),
    ("not counted, may not ask", case(seen(0), settings=NO_PROBE), "unknown", True, "nothing is counted"),
    ("not counted, no answer", case(seen(0, {}), seen(60, {}), probe=WAITS), "stuck", True, ""),
]  # fmt: skip
BROKEN_CASES: list[tuple[str, Case, str, bool, str]] = [
    ("no container", case(seen(0, container=None, health=None)), "absent", True, "there is no container s"),
    ("no container, another's port", case(seen(0, container=None)), "absent", True, "something else answers"),
    (
        "ended",
        case(seen(0, health=None, container=container(status="exited", running=False, finished=NOW - 300))),
        "dead", True, "ended 5 min ago with exit code 0",
    ),
    (
        "out of memory",
        case(seen(0, health=None, container=container(status="exited", running=False, exit_code=137, oom_killed=True))),
        "dead", True, "exit code 137, out of memory",
    ),
    (
        "never started",
        case(seen(0, health=None, container=container(status="created", running=False, started=None))),
        "dead", True, "never started",
    ),
    ("between two attempts", case(seen(0, health=None, container=container(restarting=True))), "restarting", True, ""),
    ("paused", case(seen(0, health=None, silent=True, container=container(paused=True))), "stuck", True, "paused"),
    ("dying", case(seen(0, health=503)), "dead", True, "its restart policy is unless-stopped"),
    ("dying of old", case(seen(0, health=500)), "dead", True, "/health answers 500"),
    ("about to end", case(seen(0, health=None), stage="ending"), "dead", True, "its log tells that it is ending"),
    ("another program", case(seen(0, health=404)), "wrong_server", True, "something else listens"),
    ("another model", case(one(0), listed=Listed(("x",))), "wrong_server", True, "this one serves x"),
    ("another key", case(one(0), listed=Listed((), "401", True)), "wrong_server", True, "refuses the API key"),
    ("no list", case(one(0), listed=Listed((), "no JSON")), "wrong_server", False, "no JSON"),
    ("no list for long", case(one(0), one(5), listed=Listed((), "no JSON")), "wrong_server", True, "no JSON"),
    (
        "young",
        case(seen(0, health=None, container=container(started=NOW - 40)), stage="weights"),
        "starting", True, "in stage weights, 40 s after its start",
    ),
    ("too long a start", case(seen(0, health=None), stage="weights"), "unreachable", True, "1.0 h after its start"),
    ("gone quiet", case(seen(0, health=None), stage="listening"), "unreachable", False, ""),
    ("stays quiet", case(seen(0, health=None), seen(5, health=None, problem="refused"), stage="listening"),
     "unreachable", True, "no longer listens: refused"),
    ("silent", case(seen(0), seen(59, health=None, silent=True), stage="healthy"), "stuck", False, ""),
    ("stays silent", case(seen(0), seen(60, health=None, silent=True), stage="healthy"), "stuck", True, "API server"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("known", "verdict", "stands", "words"),
    [row[1:] for row in HEALTHY_CASES + BROKEN_CASES],
    ids=[row[0] for row in HEALTHY_CASES + BROKEN_CASES],
)
def test_verdicts(known: Case, verdict: str, stands: bool, words: str) -> None:
    found = judge(known)
    assert found.verdict == verdict, found.sentence
    assert (known.watched >= found.after) is stands, found
    assert words in found.sentence
    assert found.remedy and "{" not in found.remedy + found.sentence


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
