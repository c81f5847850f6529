from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import (
    Interrupted,
    Limits,
    WatchTimeout,
    duration,
    progress_line,
    watch,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(read: Any, **limits: Any) -> tuple[dict[str, Any], list[float], float]:
    """Return the last status, the seconds at which a line was shown, and how long the watch took."""
    clock = Clock()
    shown: list[float] = []
    status = watch(
        lambda: read(clock.now - 1000.0),
        lambda _status: shown.append(clock.now - 1000.0),
        Limits(**{"interval": 5.0, **limits}),
        clock,
        clock.sleep,
    )
    return status, shown, clock.now - 1000.0


def job(seconds: float, end: str = "finished") -> Any:
    def read(now: float) -> str:
        return json.dumps({"state": "running" if now < seconds else end, "updated": int(now)})

    return read


@pytest.mark.parametrize("end", ["finished", "failed", "stopped"])
def test_a_job_is_followed_to_its_end(end: str) -> None:
    status, shown, took = run(job(60, end))
    assert status["state"] == end
    assert 60 <= took <= 65
    assert len(shown) == pytest.approx(11, abs=2)


def test_a_short_job_is_noticed_soon_and_without_lines() -> None:
    _unused, shown, took = run(job(1))
    assert took < 1.6
    assert shown == []


def test_a_connection_that_comes_back_is_forgiven() -> None:
    def read(now: float) -> str:
        if 10 < now < 110:
            raise Interrupted("no route")
        return job(200)(now)

    assert run(read)[0]["state"] == "finished"


def test_a_connection_that_stays_away_is_told() -> None:
    def read(now: float) -> str:
        if now > 10:
            raise Interrupted("no route")
        return job(900)(now)

    with pytest.raises(Interrupted, match="no route"):
        run(read, patience=60.0)


@pytest.mark.parametrize("text", ["", "[]", "cat: no such file"])
def test_what_is_no_status_is_an_interruption(text: str) -> None:
    with pytest.raises(Interrupted, match="does not hold a status"):
        run(lambda _now: text)


def test_a_silent_job_is_given_back() -> None:
    status, _unused, took = run(lambda now: json.dumps({"state": "running", "updated": min(int(now), 20)}))
    assert status["state"] == "running"
    assert 50 <= took <= 60


def test_a_watch_may_be_limited() -> None:
    with pytest.raises(WatchTimeout, match="after 30 s"):
        run(job(900), timeout=30.0)


CELL = {"task": "gpqa", "effort": "low", "done": 8, "total": 16, "correct": 3, "measured": 6, "errors": 2}
NEXT = {**CELL, "effort": "high", "done": 0, "correct": 0, "measured": 0, "errors": 0}
STATUS = {"server": "s", "state": "running", "rate": 1.25, "eta_s": 19.2, "cells": [CELL, NEXT], "trouble": ""}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "[h] s: gpqa low 8/16, score 50.0 %, 2 errors, 1.2 requests/s, all 8/32, 0:19 left"),
        (
            {"cells": [{**CELL, "done": 16}, NEXT], "eta_s": None},
            "[h] s: gpqa high 0/16, no score yet, 0 errors, 1.2 requests/s, all 16/32",
        ),
        (
            {"cells": [{**CELL, "done": 16}], "trouble": "HTTP 503"},
            "[h] s: gpqa low 16/16, score 50.0 %, 2 errors, 1.2 requests/s, all 16/16, 0:19 left, retrying: HTTP 503",
        ),
        ({"cells": []}, "[h] s: running"),
    ],
)
def test_progress_lines(change: dict[str, Any], line: str) -> None:
    assert progress_line("h", {**STATUS, **change}) == line


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3661, "1:01:01")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
