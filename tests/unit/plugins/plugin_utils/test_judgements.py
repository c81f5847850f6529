# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each cell of a fleet is compared with, and what of it is shown and what judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _comparisons, _verdicts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Key, Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Judgement, Question, compare, judge_cells
from fleet_examples import make_row, spread

Rows = Mapping[str, list[dict[str, Any]]]
SERVER = "gpt-oss-20b"
REFERENCE = {
    "model": "openai/gpt-oss-20b", "task": "gpqa", "reasoning_effort": "low", "sampler": "responses", "score": 0.56,
    "n": 1584, "n_questions": 198, "n_repeats": 8, "data_sha256": ["made-up"], "source": "a paper",
}  # fmt: skip


def ask(n_hosts: int, efforts: tuple[str, ...] = ("low",), **others: Any) -> Question:
    return Question({f"node{host + 1}": [SERVER] for host in range(n_hosts)}, ("gpqa",), efforts, **others)


def rows(*counts: int, efforts: tuple[str, ...] = ("low",), **others: Any) -> Rows:
    return {
        f"node{host + 1}": [make_row("gpqa", effort, spread(count, 198), **others) for effort in efforts]
        for host, count in enumerate(counts)
    }


def of(judgements: list[Judgement], host: str) -> Judgement:
    return next(each for each in judgements if each.cell.key.host == host)


def test_each_cell_is_compared_with_its_fleet_and_each_servers_efforts_together() -> None:
    efforts = ("low", "high")
    compared = compare(ask(3, efforts), rows(889, 880, 870, efforts=efforts), {})
    found = [(each.against, [cell.key.host for cell in each.cells]) for each in compared.comparisons]
    hosts = ["node1", "node2", "node3"]
    assert found[:6] == [("fleet", [host]) for _effort in efforts for host in hosts]
    assert found[6:] == [("efforts", [host, host]) for host in hosts]
    pooled = compared.comparisons[6]
    singles = [each for each in compared.comparisons[:6] if each.cells[0].key.host == "node1"]
    assert pooled.difference == pytest.approx(_comparisons.pooled(singles).difference)
    assert pooled.standard_error == pytest.approx(_comparisons.pooled(singles).standard_error)


def test_one_effort_is_not_pooled() -> None:
    assert [each.against for each in compare(ask(3), rows(889, 880, 870), {}).comparisons] == ["fleet"] * 3


def test_two_servers_are_compared_and_their_efforts_not_pooled() -> None:
    efforts = ("low", "high")
    compared = compare(ask(2, efforts), rows(889, 700, efforts=efforts), {})
    assert [(each.against, each.judges) for each in compared.comparisons] == [("fleet", False)] * 4


@pytest.mark.parametrize(("n_hosts", "n_comparisons"), [(1, 0), (2, 2), (3, 3)])
@pytest.mark.parametrize(("stopped", "centre"), [(False, "the fleet median"), (True, "the other servers' answers")])
def test_a_sequential_eval_is_compared_with_all_answers(
    n_hosts: int, n_comparisons: int, stopped: bool, centre: str
) -> None:
    question = ask(n_hosts, wanted=Wanted(stopped=stopped))
    found = compare(question, rows(*[889] * n_hosts), {}).comparisons
    assert [each.centre_is for each in found] == [centre] * n_comparisons


def test_what_is_missing_is_compared_with_nothing_and_says_why() -> None:
    compared = compare(ask(4), rows(889, 880, 870), {"node4": "the disk is full"})
    missing = compared.judgements[Key("node4", SERVER, "gpqa", "low")].cell
    assert (missing.problem, missing.reason) == ("missing", "the disk is full")
    assert len(compared.usable) == len(compared.comparisons) == 3


def test_a_good_server_is_shown_without_the_bad_one_and_judged_with_it() -> None:
    efforts = ("low", "high")
    table = rows(889, 889, 700, efforts=efforts)
    judgements, pooled = judge_cells(ask(3, efforts), table, {})
    before = {each.cells[0].key: each for each in compare(ask(3, efforts), table, {}).comparisons[:6]}
    assert of(judgements, "node3").verdict()[0] == _verdicts.BAD
    assert [each.verdict for each in pooled] == [_verdicts.GOOD, _verdicts.GOOD, _verdicts.BAD]
    # Their efforts together, too.
    assert [each.comparison.difference for each in pooled[:2]] == pytest.approx([0.0, 0.0])
    for judgement in judgements:
        (finding,) = judgement.findings
        old, new = before[judgement.cell.key], finding.comparison
        assert (new.p, new.exact, new.judges) == (old.p, old.exact, True)
        if judgement.cell.key.host == "node3":
            assert new == old
        else:
            # The median of the others was that of a good one and of the bad one.
            assert old.difference > 0.05 and new.difference == pytest.approx(0.0)
            assert new.n_others == 1


def test_what_a_look_has_decided_stands_in_the_place_of_the_tests() -> None:
    judgements, _pooled = judge_cells(ask(3, decisions=[]), rows(889, 889, 700), {})
    for judgement in judgements:
        (finding,) = judgement.findings
        assert (finding.verdict, finding.p_holm, finding.p_discovery) == (_verdicts.UNJUDGED, None, None)
        assert judgement.decided == ("missing", "no look of the sequential eval has decided on its server")


def test_the_first_reference_judges_and_the_others_are_shown() -> None:
    question = ask(1, references=[REFERENCE, {**REFERENCE, "score": 0.5}, {**REFERENCE, "data_sha256": ["other"]}])
    compared = compare(question, rows(889), {})
    (judging,) = compared.comparisons
    assert judging.source == REFERENCE
    (judgement,) = compared.judgements.values()
    first, second = judgement.orientation
    assert first[1] == ["another reference, listed earlier, judges already"]
    assert second[0].source is not None and second[0].source["data_sha256"] == ["other"]
    assert second[1] and second[1] != first[1]


def test_each_cell_has_its_own_judging_reference() -> None:
    compared = compare(ask(2, references=[REFERENCE]), rows(889, 880), {})
    judging = [each.cells[0].key.host for each in compared.comparisons if each.against == "reference"]
    assert judging == ["node1", "node2"]


@pytest.mark.parametrize(("digest", "same"), [("made-up", True), ("other", False)])
def test_a_reference_on_other_data_is_taken_for_other_questions(digest: str, same: bool) -> None:
    reference = {**REFERENCE, "data_sha256": [digest]}
    compared = compare(ask(1, references=[reference], any_data=True), rows(889), {})
    (found,) = compared.comparisons
    (cell,) = compared.usable
    assert found == _comparisons.with_reference(cell, reference, same)
    assert found != _comparisons.with_reference(cell, reference, not same)
