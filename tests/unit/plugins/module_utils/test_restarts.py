from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container
from ansible_collections.gpt_oss.fleet.plugins.module_utils._restarts import (
    Memory,
    Restart,
    Restarts,
    read_memory,
    renewed,
    restarts_of,
    with_restarts,
    write_memory,
)

NOW = 1_000_000.0
HOUR = 3600.0


def container(count: int, **fields: Any) -> Container:
    values: dict[str, Any] = {
        "id": "c1", "status": "running", "running": True, "restarting": False, "paused": False, "exit_code": 0,
        "oom_killed": False, "pid": 99, "restart_policy": "always", "created": NOW - 24 * HOUR, "started": NOW - 60,
        "finished": None,
    }  # fmt: skip
    return Container(**{**values, "restart_count": count, **fields})


def memory(count: int, *restarts: Restart, **fields: Any) -> Memory:
    values: dict[str, Any] = {"container_id": "c1", "started": NOW - HOUR, "seen_at": NOW - HOUR, "looping": False}
    return Memory(restart_count=count, restarts=restarts, **{**values, **fields})


# The container, the memory, whether it serves; the new restarts, and whether it goes in circles.
CASES: list[tuple[str, Container, Optional[Memory], bool, int, bool]] = [
    ("never", container(0), None, True, 0, False),
    ("known", container(4), memory(4), True, 0, False),
    ("known, and starting", container(4), memory(4), False, 0, False),
    ("one more", container(5), memory(4), True, 1, False),
    ("never looked, once in a day", container(1), None, True, 1, False),
    ("never looked, four in a day", container(4), None, True, 4, False),
    ("never looked, four in ten minutes", container(4, created=NOW - 500), None, True, 4, True),
    ("never looked, four in a day in vain", container(4), None, False, 4, True),
    ("two in vain", container(2), None, False, 2, False),
    ("five in an hour, serves", container(9), memory(4), True, 5, False),
    ("five in an hour, in vain", container(9), memory(4), False, 5, True),
    ("five since a minute", container(9), memory(4, seen_at=NOW - 70), True, 5, True),
    ("waits for another attempt", container(3, restarting=True), memory(3), False, 0, True),
    ("waits for its first attempt", container(1, restarting=True), memory(0), False, 1, False),
    ("was in a loop and does not serve", container(7), memory(7, looping=True), False, 0, True),
    ("was in a loop and serves", container(7), memory(7, looping=True), True, 0, False),
    ("was in a loop, started by hand", container(0), memory(7, looping=True), False, 0, False),
    ("started by hand, then once more", container(1), memory(7), True, 1, False),
    ("another container", container(1, id="c2"), memory(7, looping=True), False, 1, False),
    (
        "one each minute",
        container(3), memory(2, Restart(NOW - 180, 1), Restart(NOW - 120, 1), seen_at=NOW - 90), True, 1, True,
    ),
    ("one each hour", container(3), memory(2, Restart(NOW - 2 * HOUR, 1), Restart(NOW - HOUR, 1)), True, 1, False),
    ("ended at last", container(5, running=False), memory(5, looping=True), False, 0, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "known", "serves", "count", "looping"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_restarts(found: Container, known: Optional[Memory], serves: bool, count: int, looping: bool) -> None:
    restarts = restarts_of(found, known, serves, NOW)
    assert (restarts.count, restarts.looping, restarts.total) == (count, looping, found.restart_count)
    again = renewed(found, known, restarts, NOW)
    assert restarts_of(found, again, serves, NOW).count == 0, "each is told once"
    assert renewed(found, again, restarts_of(found, again, True, NOW), NOW).restarts == again.restarts


def test_nothing_new_is_not_remembered_anew() -> None:
    first = renewed(container(0), None, restarts_of(container(0), None, True, NOW), NOW)
    later = renewed(container(0), first, restarts_of(container(0), first, True, NOW + 500), NOW + 500)
    assert later is first and first.seen_at == NOW


def test_a_memory_survives_its_file() -> None:
    kept = memory(2, Restart(1.5, 2))
    assert read_memory(write_memory(kept)) == kept


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"restarts": []}', '{"restarts": [1]}', '{"restarts": 1, "x": 2}']
)
def test_a_file_that_is_none_of_ours(text: Optional[str]) -> None:
    assert read_memory(text) is None


VERDICTS = [
    ("idle", 0, False, 0, "idle"),
    ("idle", 1, False, 0, "restarting"),
    ("busy", 1, False, 1, "busy"),
    ("busy", 2, False, 1, "restarting"),
    ("starting", 1, False, 0, "restarting"),
    ("unknown", 1, False, 0, "restarting"),
    ("dead", 1, False, 0, "dead"),
    ("stuck", 5, True, 0, "stuck"),
    ("wrong_server", 5, True, 0, "wrong_server"),
    ("dead", 5, True, 0, "crash_loop"),
    ("restarting", 0, True, 0, "crash_loop"),
    ("idle", 3, True, 9, "crash_loop"),
]


@pytest.mark.parametrize(("verdict", "count", "looping", "allowed", "wanted"), VERDICTS)
def test_restarts_are_part_of_the_verdict(verdict: str, count: int, looping: bool, allowed: int, wanted: str) -> None:
    restarts = Restarts(count, count, (Restart(NOW - 120, count),) if count else (), looping)
    found = with_restarts(Judgement(verdict, "it was seen", "do this", 3.0), restarts, allowed, "s", NOW)
    assert found.verdict == wanted and "it was seen" in found.sentence
    assert (found.remedy == "do this") is (wanted == verdict)
    assert ("since the last look" in found.sentence) is bool(count or looping)
    if count:
        assert f"{count} time" in found.sentence and "2 min ago" in found.sentence
