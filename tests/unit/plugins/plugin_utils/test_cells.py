# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which row a cell takes, and why it has none that can be judged."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import (
    Cell,
    Key,
    Wanted,
    expected_keys,
    find_cell,
    tallies,
)

KEY = Key("node1", "one", "gpqa", "low")
NOT_THERE = "no score was registered: the eval did not run, or did not end"


def row(**others: Any) -> dict[str, Any]:
    return {
        "server": "one", "task": "gpqa", "reasoning_effort": "low", "sampler": "responses", "n_repeats": 8,
        "score": 0.5, "outcomes": [[4, 8], [4, 8]], "n_questions": 2, "n_samples": 16, "n_measured": 16,
        "registered": 100.0, "finished": "2026-01-01", "complete": True, "verdict": None, "reason": "", **others,
    }  # fmt: skip


@pytest.mark.parametrize("others", [{"server": "two"}, {"task": "aime25"}, {"reasoning_effort": "high"}])
@pytest.mark.parametrize(("failure", "reason"), [("", NOT_THERE), ("the disk is full", "the disk is full")])
def test_another_cells_row_is_none(others: dict[str, Any], failure: str, reason: str) -> None:
    assert find_cell(KEY, [row(**others)], Wanted(), failure) == Cell(KEY, None, "missing", reason)


MINE = row()


@pytest.mark.parametrize(
    ("rows", "wanted", "taken"),
    [
        ([MINE, row(registered=99.0)], Wanted(), MINE),
        ([row(registered=None), MINE], Wanted(), MINE),
        ([row(registered=0.5), MINE, row(registered=None)], Wanted(), MINE),
        # One that fits goes before a newer one that does not.
        ([row(sampler="chat_completions", registered=200.0), MINE], Wanted(sampler="responses"), MINE),
        ([MINE], Wanted(since=100.0), MINE),
        ([MINE], Wanted(n_repeats=8, examples=2), MINE),
        ([MINE], Wanted(subset=2), MINE),
        ([MINE], Wanted(examples=2, subset=9), MINE),
    ],
)
def test_the_newest_row_that_fits_is_taken(rows: list[dict[str, Any]], wanted: Wanted, taken: dict[str, Any]) -> None:
    found = find_cell(KEY, rows, wanted)
    assert (found.key, found.problem, found.reason) == (KEY, None, "")
    assert found.row is taken


@pytest.mark.parametrize(
    ("others", "wanted", "reason"),
    [
        ({}, Wanted(since=100.5), "the only score is from an earlier run, finished 2026-01-01"),
        ({"finished": None}, Wanted(since=100.5), "the only score is from an earlier run, finished at an unknown time"),
        ({"registered": None}, Wanted(since=1.0), "the only score is from an earlier run, finished 2026-01-01"),
        ({}, Wanted(sampler="chat"), "the only score has sampler responses, wanted chat"),
        ({}, Wanted(n_repeats=4), "the only score has n_repeats 8, wanted 4"),
        ({"n_repeats_wanted": 16}, Wanted(n_repeats=8), "the only score has n_repeats 16, wanted 8"),
        ({}, Wanted(examples=3), "the only score is over 2 questions, wanted 3"),
        ({}, Wanted(subset=3), "the only score is over 2 questions, wanted 3"),
    ],
)
def test_a_row_of_another_eval_is_missing(others: dict[str, Any], wanted: Wanted, reason: str) -> None:
    assert find_cell(KEY, [row(**others)], wanted) == Cell(KEY, None, "missing", reason)
    assert find_cell(KEY, [row(**others)], wanted, "it died").reason == f"{reason}; it died"


@pytest.mark.parametrize(
    ("others", "problem", "reason"),
    [
        ({"complete": False, "n_measured": 9}, "missing", "the eval is incomplete: 9 of 16 samples; it died"),
        ({"stopped": True, "through_repeat": 3}, "missing", "the eval was stopped after repeat 3 of 8; it died"),
        ({"verdict": "void", "reason": "too many errors"}, "void", "too many errors"),
        ({"score": None}, "void", "the eval measured nothing"),
        ({"outcomes": []}, "void", "the eval measured nothing"),
    ],
)
def test_what_cannot_be_judged_keeps_its_row(others: dict[str, Any], problem: str, reason: str) -> None:
    found = row(**others)
    assert find_cell(KEY, [found], Wanted(), "it died") == Cell(KEY, found, problem, reason)


def test_a_row_that_does_not_say_so_is_complete_and_one_without_a_count_has_none() -> None:
    silent = row()
    del silent["complete"]
    assert find_cell(KEY, [silent], Wanted()).problem is None
    uncounted = row(complete=False)
    del uncounted["n_measured"]
    assert find_cell(KEY, [uncounted], Wanted()).reason == "the eval is incomplete: 0 of 16 samples"


def test_a_stopped_score_is_taken_where_scores_may_be_stopped() -> None:
    assert find_cell(KEY, [row(stopped=True)], Wanted(stopped=True)).problem is None


@pytest.mark.parametrize("outcomes", ["4/8 0/1 3/3", [[4, 8], [0, 1], [3, 3]], [(4, 8), (0, 1), (3, 3)]])
def test_outcomes_are_read_in_both_forms(outcomes: Any) -> None:
    found = tallies(outcomes)
    assert found == [(4, 8), (0, 1), (3, 3)]
    assert [tally.measured for tally in found] == [8, 1, 3]
    assert Cell(KEY, {"outcomes": outcomes}).summary.n_measured == 12


@pytest.mark.parametrize(
    ("found", "n_repeats", "through"),
    [
        (None, 0, 0),
        ({}, 0, 0),
        ({"n_repeats": 8}, 8, 8),
        ({"n_repeats": 3, "n_repeats_wanted": 8, "through_repeat": 3}, 8, 3),
    ],
)
def test_how_far_a_cell_was_asked(found: dict[str, Any] | None, n_repeats: int, through: int) -> None:
    assert (Cell(KEY, found).n_repeats, Cell(KEY, found).through_repeat) == (n_repeats, through)


@pytest.mark.parametrize(
    "others",
    [
        {"model": "b"},
        {"sampler": "chat"},
        {"data_sha256": ["z"]},
        {"questions": [0, 2]},
        {"questions": [], "n_questions": 3},
        {"simulated": True},
    ],
)
def test_what_two_scores_must_have_in_common(others: dict[str, Any]) -> None:
    base = {"model": "a", "sampler": "responses", "data_sha256": ["x", "y"], "questions": [0, 1], "simulated": False}
    assert Cell(KEY, base).comparable == Cell(KEY._replace(host="b"), {**base, "data_sha256": ["y", "x"]}).comparable
    assert Cell(KEY, base).comparable != Cell(KEY, {**base, **others}).comparable
    assert Cell(KEY, base).comparable != Cell(KEY._replace(effort="high"), base).comparable


def test_each_score_of_each_server_is_expected() -> None:
    found = expected_keys({"a": ["one", "two"], "b": []}, ["gpqa"], ["low", "high"])
    assert found == [("a", server, "gpqa", effort) for server in ("one", "two") for effort in ("low", "high")]
