# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A baseline of accepted full runs, and how it judges scores over a part of the questions."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell, Key
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._comparisons import with_reference
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reference_file import (
    accepted_cells,
    dump,
    load,
    references_of,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import (
    ReferenceError,
    load_references,
    obstacles,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report import report_markdown
from fleet_examples import answer, difficulties, make_row

Outcomes = Sequence[Sequence[int]]


def row_of(outcomes: Outcomes, questions: Sequence[int] | None = None, **others: Any) -> dict[str, Any]:
    return make_row("gpqa", "low", outcomes, **{"questions": questions, "identity": "i", **others})


def cell_of(outcomes: Outcomes, questions: Sequence[int] | None = None, host: str = "a", **others: Any) -> Cell:
    return Cell(Key(host, "gpt-oss-20b", "gpqa", "low"), row_of(outcomes, questions, **others))


def entry(host: str, verdict: str = "good", **others: Any) -> dict[str, Any]:
    names = {"server": "gpt-oss-20b", "task": "gpqa", "reasoning_effort": "low", "identity": "i"}
    return {"host": host, "verdict": verdict, **names, **others}


def test_only_accepted_full_runs_are_taken() -> None:
    full = [[6, 8]] * 10
    rows = {
        "good": [row_of(full)],
        "bad": [row_of(full)],
        "part": [row_of(full, list(range(10)))],
        "stopped": [row_of(full, stopped=True, through_repeat=2, n_repeats=8)],
        "torn": [row_of(full, complete=False)],
        "other": [row_of(full, identity="another")],
        "bare": [{**row_of(full), "outcomes": []}],
    }
    entries = [entry(host, "bad" if host == "bad" else "good") for host in (*rows, "gone")]
    cells, left_out = accepted_cells(entries, rows, ["good"])
    assert [cell.key.host for cell in cells] == ["good"]
    reasons = {each["host"]: each["reason"] for each in left_out}
    assert reasons["bad"] == "it is bad, wanted good"
    assert "over a part of the questions (10)" in reasons["part"]
    assert "over 2 of 8 repeats, wanted a full run" in reasons["stopped"]
    assert "not complete" in reasons["torn"]
    assert all("evaluate again" in reasons[host] for host in ("other", "bare", "gone"))


def test_the_answers_of_several_hosts_are_added_up() -> None:
    cells = [cell_of([[6, 8], [0, 8]], host="a"), cell_of([[8, 8], [1, 7]], host="b", finished="2026-02-03T00:00:00Z")]
    (reference,) = references_of(cells)
    assert reference["outcomes"] == [[14, 16], [1, 15]]
    assert (reference["n_correct"], reference["n"], reference["n_questions"]) == (15, 31, 2)
    assert reference["score"] == 15 / 31
    assert reference["source"] == "accepted full runs of a/gpt-oss-20b and b/gpt-oss-20b"
    assert reference["date"] == "2026-02-03"


def test_scores_of_different_questions_are_not_mixed() -> None:
    cells = [cell_of([[6, 8]] * 3), cell_of([[6, 8]] * 3, data_sha256=["other"]), cell_of([[6, 8]] * 3, simulated=True)]
    references = references_of(cells)
    assert len(references) == 3
    assert references[2]["source"].startswith("SIMULATED: ")


def test_a_file_comes_back_as_it_was_and_is_the_same_each_time() -> None:
    references = references_of([cell_of([[6, 8], [0, 8]]), cell_of([[1, 8], [2, 8]], sampler="chat_completions")])
    text = dump(references)
    assert load(text, "f") == references
    assert dump(load(text, "f")) == text
    assert len(text.splitlines()) == 4
    assert load(dump([]), "f") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "f is not JSON"),
        ("[]", "no file of gpt_oss.fleet.eval_baseline"),
        ('{"baseline": 2, "scores": []}', "no file of gpt_oss.fleet.eval_baseline"),
        ('{"baseline": 1, "scores": [{}]}', "f: Reference 1 lacks model"),
    ],
)
def test_another_file_is_refused_by_its_name(text: str, said: str) -> None:
    with pytest.raises(ReferenceError) as caught:
        load(text, "f")
    assert said in str(caught.value)


@pytest.mark.parametrize("outcomes", [[[9, 8], [0, 8]], [[1, 8]], [[1], [0]], "text", [[-1, 8], [0, 8]]])
def test_outcomes_that_make_no_sense_are_refused(outcomes: Any) -> None:
    (reference,) = references_of([cell_of([[6, 8], [0, 8]])])
    with pytest.raises(ReferenceError, match="Reference 1 has outcomes"):
        load(json.dumps({"baseline": 1, "scores": [{**reference, "outcomes": outcomes}]}), "f")


BASELINE = references_of([cell_of([[8, 8], [6, 8], [4, 8], [0, 8]])])[0]


@pytest.mark.parametrize(
    ("questions", "change", "why_not"),
    [
        ([0, 2], {}, []),
        (None, {}, []),
        ([0, 7], {}, ["it lacks 1 of the 2 questions"]),
        ([0, 2], {"sampler": "chat_completions"}, ["its sampler is responses, not chat_completions"]),
        ([0, 2], {"data_sha256": ["other"]}, ["the questions are of another data set"]),
    ],
)
def test_what_a_baseline_may_judge(questions: list[int] | None, change: dict[str, Any], why_not: list[str]) -> None:
    outcomes = [[4, 4]] * (4 if questions is None else len(questions))
    assert obstacles(row_of(outcomes, questions, **change), BASELINE, False) == why_not


def test_a_simulated_baseline_judges_no_real_score() -> None:
    row = row_of([[4, 4]], [0])
    assert obstacles(row, {**BASELINE, "simulated": True}, True) == ["it comes from a simulator"]
    assert obstacles({**row, "simulated": True}, {**BASELINE, "simulated": True}, False) == []


def test_published_scores_judge_no_part_of_the_questions() -> None:
    row = row_of([[4, 4]] * 20, list(range(20)))
    published = [each for each in load_references() if each["task"] == "gpqa" and each["reasoning_effort"] == "low"]
    assert published and all("it is over 198 questions, not 20" in obstacles(row, each, True) for each in published)


def test_only_the_questions_that_both_measured_are_compared() -> None:
    """Questions 1 and 3 of the baseline (6/8 and 0/8) against 1/4 and 2/4; the third was not measured."""
    cell = cell_of([[0, 0], [1, 4], [2, 4]], [0, 1, 3])
    found = with_reference(cell, BASELINE, True)
    assert found.centre == pytest.approx(6 / 16)
    assert found.difference == pytest.approx((1 + 2) / 8 - 6 / 16)
    # Of question 1 7 of 12 are right, of question 3 2 of 12: p(1-p)*12/11, averaged; 8 answers against 16.
    unit = (7 / 12 * 5 / 12 + 2 / 12 * 10 / 12) * 12 / 11 / 2
    assert found.standard_error == pytest.approx(math.sqrt(unit / 8 + unit / 16))
    assert found.source is not None
    assert (found.source["n_correct"], found.source["n"], found.source["n_paired"]) == (6, 16, 2)


def test_the_interval_is_wider_the_fewer_answers_there_are() -> None:
    rng = random.Random(3)
    chances = difficulties(rng, "gpqa", 0.6)
    (reference,) = references_of([cell_of(answer(rng, chances))])
    full = cell_of(answer(rng, chances))
    part = cell_of([[sum(rng.random() < chances[q] for _unused in range(2)), 2] for q in range(40)], list(range(40)))
    wide, narrow = (with_reference(cell, reference, True).standard_error for cell in (part, full))
    assert wide > 2.5 * narrow
    assert full.row is not None
    # Two runs' noise within the questions.
    assert narrow == pytest.approx(full.row["standard_error_within"] * math.sqrt(2), rel=0.1)


def verdicts(rng: random.Random, drop: float, n_questions: int, repeats: int, runs: int) -> float:
    """Return how often a host whose chances dropped is called bad against one host's baseline."""
    bad = 0
    for _run in range(runs):
        chances = difficulties(rng, "gpqa", 0.6)
        (reference,) = references_of([cell_of(answer(rng, chances))])
        questions = sorted(rng.sample(range(len(chances)), n_questions))
        outcomes = [[sum(rng.random() < chances[q] - drop for _unused in range(repeats)), repeats] for q in questions]
        question = Question({"a": ["gpt-oss-20b"]}, ["gpqa"], ["low"], references=[reference])
        facts = fleet_facts(question, {"a": [row_of(outcomes, questions, n_repeats=repeats)]}, {})
        bad += facts["verdict"] == "bad"
    return bad / runs


def test_a_healthy_host_passes_and_a_broken_one_does_not() -> None:
    rng = random.Random(11)
    assert verdicts(rng, 0.0, 50, 4, 300) <= 0.02  # alpha is 0.01
    assert verdicts(rng, 0.15, 50, 4, 100) > 0.9
    assert verdicts(rng, 0.0, 20, 1, 300) <= 0.02
    assert verdicts(rng, 0.35, 20, 1, 100) > 0.5


def test_the_report_names_the_baseline() -> None:
    rng = random.Random(5)
    chances = difficulties(rng, "gpqa", 0.6)
    references = [*references_of([cell_of(answer(rng, chances), host="first")]), *load_references()]
    questions = list(range(50))
    outcomes = answer(rng, chances, 0.3)[:50]
    question = Question({"a": ["gpt-oss-20b"]}, ["gpqa"], ["low"], references=references)
    facts = fleet_facts(question, {"a": [row_of(outcomes, questions)]}, {})
    score = facts["scores"][0]
    assert score["verdict"] == "bad" and score["reference"]["n_paired"] == 50
    assert "it is over 198 questions, not 50" in score["orientation"][0]["why_not"]
    assert "accepted full run of first/gpt-oss-20b" in report_markdown(facts)
