from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wait import wait


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 6))
        self.now += seconds


def counting(clock: Clock) -> Callable[[], float]:
    return lambda: round(clock.now - 100.0, 6)


def test_it_ends_with_the_first_good_observation() -> None:
    clock = Clock()
    result = wait(counting(clock), lambda seen: seen >= 0.25, 9.0, clock.pause, clock)
    assert result.done and result.seen == pytest.approx(0.3) and result.seconds == pytest.approx(0.3)


def test_it_observes_once_even_without_time() -> None:
    clock = Clock()
    result = wait(counting(clock), lambda seen: True, 0.0, clock.pause, clock)
    assert result.done and clock.pauses == []


def test_a_timeout_keeps_the_last_observation_and_is_kept() -> None:
    clock = Clock()
    result = wait(counting(clock), lambda seen: False, 1.05, clock.pause, clock)
    assert not result.done and result.seen == pytest.approx(1.05, abs=0.01)
    assert sum(clock.pauses) == pytest.approx(1.05, abs=0.01)


def test_pauses_are_short_at_first_and_never_long() -> None:
    clock = Clock()
    wait(counting(clock), lambda seen: False, 60.0, clock.pause, clock)
    assert clock.pauses[0] == 0.1
    assert max(clock.pauses) == 0.2
