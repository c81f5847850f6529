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


class AskedEngine(FakeEngine):
    """Remembers what was asked of its log."""

    def __init__(self, states: list[dict[str, Any]], lines: list[str]) -> None:
        super().__init__(states, lines)
        self.asked: list[tuple[str, float | None, int | str]] = []

    def log_lines(self, container_id: str, since: float | None = None, tail: int | str = "all") -> Iterator[str]:
        self.asked.append((container_id, since, tail))
        return super().log_lines(container_id, since, tail)


def epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def failed(engine: FakeEngine, api: FakeApi, limits: Limits, model: str | None = None) -> StartupError:
    with pytest.raises(StartupError) as caught:
        wait_until_ready(Process(engine, "c1", None), Readiness(api, model), limits, ["k-1"])
    return caught.value


def test_the_log_is_asked_for_from_this_start_on() -> None:
    engine = AskedEngine([RUNNING, DEAD], LOG)
    failed(engine, FakeApi(health=REFUSED), Limits(60))
    begun = pytest.approx(epoch(STARTED), abs=0.001)
    assert engine.asked[:2] == [("c1", begun, "all")] * 2  # what was logged before the watch, and the stages
    # A line may bear an earlier time than the start: a second is let pass. No more lines than one can look through.
    assert engine.asked[2] == ("c1", pytest.approx(epoch(STARTED) - 1.0, abs=0.001), 2000)


def test_what_an_earlier_start_logged_is_left_out() -> None:
    lines = [f"{stamp(-900)} Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 0%", *LOG[:1]]
    told: list[dict[str, Any]] = []
    process = Process(FakeEngine([RUNNING], lines), "c1", None)
    with pytest.raises(StartupError):
        wait_until_ready(process, Readiness(FakeApi(health=REFUSED), None), Limits(0.3), [], told.append)
    assert told[0]["stage"] == "weights"


def test_an_ended_start_tells_how_long_it_was_in_each_stage() -> None:
    details = failed(FakeEngine([RUNNING, DEAD], LOG), FakeApi(health=REFUSED), Limits(60)).details
    assert details["startup_seconds"] == pytest.approx({"created": 0.0, "weights": 1.0}, abs=0.01)
    assert details["stage_seconds"] == pytest.approx({"created": 1.0}, abs=0.01)


@pytest.mark.parametrize(
    ("finished", "lifetime"),
    [(stamp(-3), "2.0 s"), (STARTED, "0.0 s"), (stamp(-9), "5."), ("0001-01-01T00:00:00Z", "5."), ("", "5.")],
    ids=["later", "at once", "before it began", "never", "unknown"],
)
def test_how_long_it_lived_is_told_by_the_engine_or_by_the_clock(finished: str, lifetime: str) -> None:
    dead = {**DEAD, "StartedAt": STARTED, "FinishedAt": finished}
    # The clock goes on while the test waits for its turn.
    told = str(failed(FakeEngine([RUNNING, dead], LOG), FakeApi(health=REFUSED), Limits(60)))
    found = float(told.partition(" s after its start")[0].rpartition(" ")[2])
    if lifetime == "5.":
        assert time.time() - epoch(STARTED) - 30 < found <= time.time() - epoch(STARTED) + 0.1
    else:
        assert f"{found:.1f} s" == lifetime


def test_what_the_engine_says_of_the_end_counts() -> None:
    silent = [f"{stamp(-4)} Starting to load model m"]
    killed = {**DEAD, "OOMKilled": True, "ExitCode": 137}
    found = [failed(FakeEngine([RUNNING, end], silent), FakeApi(health=REFUSED), Limits(60)) for end in (killed, DEAD)]
    assert "memory" in found[0].details["cause"] and "memory" not in found[1].details["cause"]
    assert "with exit code 137" in str(found[0])


def test_a_refusal_tells_what_to_compare() -> None:
    failure = failed(FakeEngine([RUNNING], LOG), FakeApi(models=[{"id": "other"}]), Limits(60), "m")
    assert failure.details["diagnosis"] == "refused"
    assert failure.details["remedy"] == "compare model, served_model_name and arguments"
    assert "but it runs and answers, but not as wanted. Cause: " in str(failure)
    assert str(failure).endswith("The container is left as it is, for inspection (docker logs, docker inspect).")


def test_the_last_lines_are_shown_without_secrets_and_not_all() -> None:
    lines = [f"{stamp(-4)} line {number} k-1" for number in range(60)]
    shown = failed(FakeEngine([RUNNING, DEAD], lines), FakeApi(health=REFUSED), Limits(60)).details["log"]
    assert [line.split()[1] for line in shown] == [str(number) for number in range(20, 60)]
    assert not any("k-1" in line for line in shown)


def test_a_log_that_cannot_be_read_is_told_in_its_place() -> None:
    details = failed(FakeEngine([RUNNING, DEAD], ["unreadable"]), FakeApi(health=REFUSED), Limits(60)).details
    assert details["log"] == ["(no log: configured logging driver does not support reading)"]


def test_a_start_that_was_waited_for_tells_when_it_answered() -> None:
    class Later(FakeApi):
        looks = 0

        def health(self) -> int:
            self.looks += 1
            return 503 if self.looks == 1 else 200

    seconds = wait_until_ready(
        Process(FakeEngine([RUNNING], LOG[:1]), "c1", None), Readiness(Later(), None), Limits(60), []
    )
    assert list(seconds) == ["created", "weights", "healthy", "model_listed", "first_completion"]
    lived = time.time() - epoch(STARTED)
    assert all(lived - 30 < seconds[stage] <= lived + 0.1 for stage in ("healthy", "first_completion"))
    assert all(round(value, 3) == value for value in seconds.values())


@pytest.mark.parametrize(
    ("progress", "overdue"),
    [
        ({"stage": "weights", "stage_seconds": 3.0}, False),
        ({"stage": "weights", "stage_seconds": 3.1}, True),
        ({"stage": "kernels", "stage_seconds": 900.0}, False),
    ],
)
def test_a_stages_limit(progress: dict[str, Any], overdue: bool) -> None:
    assert Limits(60, {"weights": 3.0}).overdue(progress) == overdue
