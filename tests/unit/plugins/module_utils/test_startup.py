from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_process import Process
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, Watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness
from ansible_collections.gpt_oss.fleet.plugins.module_utils._startup import Limits, StartupError, wait_until_ready
from test_readiness import REFUSED, FakeApi


def stamp(seconds: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() + seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class FakeEngine(Engine):
    def __init__(self, states: list[dict[str, Any]], lines: list[str]) -> None:
        super().__init__(None, "x")
        self.states = states
        self.lines = lines

    def inspect(self, name: str) -> dict[str, Any] | None:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"State": state} if state else None

    def log_lines(self, container_id: str, since: float | None = None, tail: int | str = "all") -> Iterator[str]:
        if self.lines == ["unreadable"]:
            raise EngineError("configured logging driver does not support reading")
        yield from self.lines


class FakeWatch(Watch):
    def __init__(self) -> None:
        super().__init__(None)
        self.closed = False

    def ended(self, seconds: float) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


STARTED = stamp(-5)
RUNNING = {"Running": True, "Status": "running", "StartedAt": STARTED}
DEAD = {"Running": False, "Status": "exited", "StartedAt": STARTED, "ExitCode": 1, "FinishedAt": stamp(-3)}
LOG = [f"{stamp(-4)} Starting to load model m", f"{stamp(-3)} ValueError: key k-1 is bad"]


def test_ready_at_first_sight_tells_no_times_of_its_own() -> None:
    watch = FakeWatch()
    process = Process(FakeEngine([RUNNING], LOG), "c1", watch)
    seconds = wait_until_ready(process, Readiness(FakeApi(), None), Limits(5), [])
    assert list(seconds) == ["created", "weights"]
    assert watch.closed


def test_an_unreadable_log_is_no_failure() -> None:
    process = Process(FakeEngine([RUNNING], ["unreadable"]), "c1", None)
    assert wait_until_ready(process, Readiness(FakeApi(), None), Limits(5), []) == {"created": 0.0}


def test_the_end_of_the_output_is_followed_by_the_engines_word() -> None:
    """The engine still says running for a moment."""
    process = Process(FakeEngine([RUNNING, RUNNING, RUNNING, DEAD], LOG), "c1", FakeWatch())
    begin = time.monotonic()
    with pytest.raises(StartupError) as caught:
        wait_until_ready(process, Readiness(FakeApi(health=REFUSED), None), Limits(60), ["k-1"])
    assert time.monotonic() - begin < 30, "the wait must end by itself, not by its timeout"
    details = caught.value.details
    assert (details["stage"], details["exit_code"]) == ("weights", 1)
    assert details["cause"] == "ValueError: key ******** is bad"
    assert "k-1" not in str(caught.value) + str(details["log"])
    assert "2.0 s after its start" in str(caught.value)


def test_death_is_seen_without_a_watch() -> None:
    process = Process(FakeEngine([RUNNING, DEAD], LOG), "c1", None)
    begin = time.monotonic()
    with pytest.raises(StartupError, match="ended in stage weights"):
        wait_until_ready(process, Readiness(FakeApi(health=REFUSED), None), Limits(60), [])
    assert time.monotonic() - begin < 30, "the wait must end by itself, not by its timeout"


ENDS: list[tuple[str, dict[str, Any], int | None]] = [
    ("restarted by the engine", {**RUNNING, "StartedAt": stamp()}, None),
    ("restarting", {**RUNNING, "Restarting": True, "ExitCode": 3}, 3),
    ("removed", {}, None),
]


@pytest.mark.parametrize(("state", "exit_code"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_other_ends(state: dict[str, Any], exit_code: int | None) -> None:
    process = Process(FakeEngine([RUNNING, state], LOG), "c1", FakeWatch())
    with pytest.raises(StartupError) as caught:
        wait_until_ready(process, Readiness(FakeApi(health=REFUSED), None), Limits(60), [])
    assert caught.value.details["exit_code"] == exit_code


def test_an_answer_from_somebody_else_does_not_make_the_dead_ready() -> None:
    process = Process(FakeEngine([RUNNING, DEAD], LOG), "c1", None)
    with pytest.raises(StartupError, match="ended"):
        wait_until_ready(process, Readiness(FakeApi(), None), Limits(60), [])


def test_a_timeout_names_stage_and_last_answer() -> None:
    process = Process(FakeEngine([RUNNING], LOG[:1]), "c1", None)
    with pytest.raises(StartupError) as caught:
        wait_until_ready(process, Readiness(FakeApi(health=503), None), Limits(0.2), [])
    assert caught.value.details["exit_code"] is None
    assert "still in stage weights" in str(caught.value) and "/health answers 503" in str(caught.value)


def test_a_refusal_ends_the_wait() -> None:
    process = Process(FakeEngine([RUNNING], LOG), "c1", None)
    begin = time.monotonic()
    with pytest.raises(StartupError, match="found one of other"):
        wait_until_ready(process, Readiness(FakeApi(models=[{"id": "other"}]), "m"), Limits(60), [])
    assert time.monotonic() - begin < 30, "the wait must end by itself, not by its timeout"


def test_a_stage_has_a_limit_of_its_own() -> None:
    """Time enough for the whole start, but none for this stage: it hangs there."""
    process = Process(FakeEngine([RUNNING], LOG[:1]), "c1", None)
    begin = time.monotonic()
    with pytest.raises(StartupError) as caught:
        wait_until_ready(process, Readiness(FakeApi(health=REFUSED), None), Limits(60, {"weights": 3.0}), [])
    assert time.monotonic() - begin < 30, "the wait must end by the stage's limit"
    assert "stays in stage weights for longer than the 3 s that stage_timeouts allows" in str(caught.value)
    assert (caught.value.details["stage"], caught.value.details["diagnosis"]) == ("weights", "hangs_in_loading")
    assert caught.value.details["stage_seconds"].keys() == {"created"}


def test_progress_is_told_while_it_waits() -> None:
    told: list[dict[str, Any]] = []
    process = Process(FakeEngine([RUNNING], LOG[:1]), "c1", None)
    with pytest.raises(StartupError):
        wait_until_ready(process, Readiness(FakeApi(health=REFUSED), None), Limits(0.3), ["model m"], told.append)
    assert [progress["stage"] for progress in told] == ["weights"]
    assert told[0]["last_line"] == "Starting to load ********"
    assert told[0]["stage_seconds"] >= 3.9 and told[0]["seconds"] >= 4.9
