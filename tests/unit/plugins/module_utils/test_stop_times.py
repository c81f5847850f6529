from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stop_times import stop_timeout_of, stop_times

OLD = {"Cmd": None}
DRAINS = {"Cmd": ["m", "--shutdown-timeout", "20"]}
MADE = {"Cmd": ["m", "--shutdown-timeout=20"], "StopTimeout": 45}


@pytest.mark.parametrize(
    ("told", "arguments", "seconds"),
    [
        (None, ["m"], 30),
        (None, ["m", "--shutdown-timeout", "60"], 90),
        (None, ["m", "--shutdown-timeout", "60", "--shutdown-timeout=5"], 35),
        (7, ["m", "--shutdown-timeout", "60"], 7),
    ],
)
def test_a_server_is_killed_after_what_it_takes_to_finish(told: int | None, arguments: list[str], seconds: int) -> None:
    assert stop_timeout_of(told, arguments) == seconds


@pytest.mark.parametrize(
    ("drain", "stop", "config", "times"),
    [
        (None, None, OLD, (60, 30)),
        (None, None, DRAINS, (20, 50)),
        (None, None, MADE, (20, 45)),
        (0, None, MADE, (0, 45)),
        (5, 6, MADE, (5, 6)),
        (None, 6, OLD, (60, 6)),
    ],
)
def test_what_is_not_told_is_as_the_container_was_made(
    drain: int | None, stop: int | None, config: dict[str, Any], times: tuple[int, int]
) -> None:
    assert stop_times(drain, stop, {"Config": config}) == times
