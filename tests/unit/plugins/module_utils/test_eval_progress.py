# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, CellState
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import PAUSED, Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pace import Pace
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import summarize

SPEC = cast(EvalSpec, SimpleNamespace(server="s", model="m", max_tokens=131072))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def cell(effort: str, total: int = 100) -> Cell:
    return Cell("gpqa", effort, {}, f"sha-{effort}", f"/j/{effort}", cast(Any, [None] * total))


def mark(outcome: str = "correct", tokens: int = 10) -> Mark:
    return Mark(outcome, 5, tokens, 0, 0.0, 1.0)


def started(*cells: Cell, clock: Clock) -> Progress:
    progress = Progress(SPEC, [CellState(each, None, 0, 100) for each in cells], clock)
    for each in cells:
        progress.count(each, {})
    return progress


def test_a_steady_pace_is_told_from_the_start_and_in_the_long_run() -> None:
    pace = Pace(20.0, 0.0)
    for second in range(1, 601):
        pace.add(5.0, second - 0.5)
        if second in (1, 5, 60, 600):
            assert pace.rate(second) == pytest.approx(5.0, rel=0.03)


def test_a_pace_follows_and_does_not_jump_to_nothing() -> None:
    pace = Pace(20.0, 0.0)
    for second in range(1, 201):
        pace.add(5.0, float(second))
    before = pace.rate(200.0)
    assert pace.rate(215.0) > 0.4 * before  # a window of 15 seconds would say 0
    for second in range(216, 400):
        pace.add(1.0, float(second))
    assert pace.rate(400.0) == pytest.approx(1.0, rel=0.1)
    assert Pace(20.0, 0.0).rate(0.0) == 0.0


def test_the_status_tells_the_score_so_far_with_its_errors() -> None:
    clock = Clock()
    low = cell("low")
    progress = started(low, clock=clock)
    marks = {}
    for number, outcome in enumerate(["correct", "correct", "wrong", "correct", "error", "wrong"]):
        question, repeat = divmod(number, 2)
        marks[question, repeat] = mark(outcome)
        clock.now += 1
        progress.record(low, question, marks[question, repeat])
    told = progress.snapshot("running")["cells"][0]
    row = summarize(marks, [0, 1, 2], 2)
    for name in ("score", "standard_error", "standard_error_within"):
        assert told[name] == row[name]
    assert {name: told[name] for name in ("done", "total", "correct", "measured", "errors", "tokens")} == {
        "done": 6, "total": 100, "correct": 3, "measured": 5, "errors": 1, "tokens": 60,
    }  # fmt: skip


def test_the_time_left_counts_tokens_and_not_requests() -> None:
    """At low effort 90 of 100 are left at 10 tokens, at high effort 90 at 100: 9,900 tokens at 110 a second."""
    clock = Clock()
    low, high = cell("low"), cell("high")
    progress = started(low, high, clock=clock)
    for number in range(10):
        clock.now += 1
        progress.record(low, number, mark(tokens=10))
        progress.record(high, number, mark(tokens=100))
    status = progress.snapshot("running")
    assert status["eta_s"] == pytest.approx(90, rel=0.05)
    assert status["tokens_per_second"] == pytest.approx(110, rel=0.4)


def test_an_effort_without_replies_is_taken_for_as_long_as_it_usually_is() -> None:
    """High at 80 tokens: 90 are left of it and 100 of low, which usually is a sixteenth: 7,200 + 500 at 80 a second."""
    clock = Clock()
    low, high = cell("low"), cell("high")
    progress = started(low, high, clock=clock)
    for number in range(10):
        clock.now += 1
        progress.record(high, number, mark(tokens=80))
    assert progress.snapshot("running")["eta_s"] == pytest.approx(7700 / 80, rel=0.05)


def test_the_estimate_is_taken_once_each_cell_has_replies() -> None:
    clock = Clock()
    low, high = cell("low"), cell("high")
    progress = started(low, high, clock=clock)
    progress.estimate = {"tokens": 500}
    for number in range(10):
        clock.now += 1
        progress.record(high, number, mark(tokens=50))
    assert progress.snapshot("running")["eta_s"] > 50
    progress.record(low, 0, mark(tokens=50))
    assert progress.snapshot("running")["eta_s"] == pytest.approx(500 / 55, rel=0.05)


def test_there_is_a_time_left_while_a_long_answer_is_waited_for() -> None:
    clock = Clock()
    low = cell("low")
    progress = started(low, clock=clock)
    for number in range(50):
        clock.now += 1
        progress.record(low, number, mark(tokens=0))
    clock.now += 60
    assert 50 < progress.snapshot("running")["eta_s"] < 200


def test_a_pause_is_told_and_does_not_slow_the_pace_down() -> None:
    clock = Clock()
    low = cell("low")
    progress = started(low, clock=clock)
    for number in range(50):
        clock.now += 1
        progress.record(low, number, mark())
    before = progress.snapshot("running")["eta_s"]
    progress.pause(PAUSED, "the server died", "start it")
    clock.now += 900
    paused = progress.snapshot("running")
    assert (paused["phase"], paused["cause"], paused["eta_s"]) == (PAUSED, "the server died", None)
    progress.resume()
    assert progress.snapshot("running")["eta_s"] == before
    assert before == pytest.approx(50, rel=0.05)


def test_what_the_server_counts_is_shown_before_what_was_received() -> None:
    progress = started(cell("low"), clock=Clock())
    progress.tokens_per_second = 4321.0
    assert progress.snapshot("running")["tokens_per_second"] == 4321.0


def test_cells_that_this_job_has_not_begun() -> None:
    row = summarize({(0, 0): mark(), (1, 0): mark("wrong")}, [0, 1], 1)
    states = [CellState(cell("low", 2), row, 2, 0), CellState(cell("high"), None, 30, 70)]
    low, high = Progress(SPEC, states, Clock()).snapshot("running")["cells"]
    assert (low["done"], low["score"], low["standard_error"], low["errors"]) == (2, 0.5, row["standard_error"], 0)
    assert (high["done"], high["total"], high["score"], high["errors"]) == (30, 100, None, 0)
