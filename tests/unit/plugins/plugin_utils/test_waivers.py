# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _waivers
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._extra_findings import ExtraFinding
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import score_table
from test_fleet import ask, gpqa_rows, score_of, verdicts

TODAY = date(2026, 6, 1)
WAIVER = {"host": "node3", "reason": "ticket 4711", "expires": "2026-06-01"}
SLOW = ExtraFinding("performance", "node2", "gpt-oss-20b", None, None, "suspect", "half as fast as its fleet", {"x": 2})


def judge(*waivers: dict[str, Any], extra: tuple[ExtraFinding, ...] = (), **others: Any) -> dict[str, Any]:
    """Judge three hosts, the third of which is bad."""
    question = ask(waivers=_waivers.parse(waivers), today=TODAY, **others)
    return fleet_facts(question, gpqa_rows(889, 895, 762), {}, extra)


def accepted(facts: dict[str, Any]) -> list[str]:
    return [host["host"] for host in facts["hosts"] if host["accepted"]]


def test_a_waived_verdict_is_shown_and_fails_nothing() -> None:
    facts = judge(WAIVER)
    assert verdicts(facts)["node3"] == "bad"
    assert facts["accepted"] and facts["quarantine"] == []
    assert score_of(facts, "node3")["waiver"]["reason"] == "ticket 4711"
    (waived,) = facts["waived"]
    assert waived["expires"] == "2026-06-01" and "below the fleet median" in waived["why"]
    assert facts["waivers_unmet"] == []
    assert "[waived until 2026-06-01: ticket 4711]" in facts["sentence"]
    assert "node3 accepted by waiver" in facts["sentence"]
    assert any(line.endswith("BAD, waived until 2026-06-01") for line in score_table(facts))


@pytest.mark.parametrize(
    ("change", "problem", "said"),
    [
        ({"expires": "2026-05-31"}, "expired", "expired on 2026-05-31"),
        ({"task": "aime25"}, "unused", "node3 aime25 (ticket 4711) is not used"),
        ({"reasoning_effort": "high"}, "unused", "not used"),
        ({"server": "other"}, "unused", "not used"),
        ({"host": "node1"}, "unused", "node1"),
    ],
)
def test_a_waiver_that_does_nothing_is_told(change: dict[str, Any], problem: str, said: str) -> None:
    facts = judge({**WAIVER, **change})
    assert accepted(facts) == ["node1", "node2"]
    assert [host["host"] for host in facts["quarantine"]] == ["node3"]
    (unmet,) = facts["waivers_unmet"]
    assert unmet["problem"] == problem and said in unmet["sentence"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("node3", "Waiver 1 is 'node3': wanted host"),
        ({"host": "node3"}, "lacks reason, expires"),
        ({**WAIVER, "until": "x"}, "has until"),
        ({**WAIVER, "expires": "soon"}, "expires on 'soon': wanted a date"),
        ({**WAIVER, "reason": " "}, "lacks reason"),
    ],
)
def test_what_is_no_waiver_is_refused(row: Any, said: str) -> None:
    with pytest.raises(_waivers.WaiverError, match=said):
        _waivers.parse([row])


def test_the_efforts_together_are_waived_with_the_scores_that_are_not_good() -> None:
    place = {"host": "node1", "server": "s", "task": "gpqa"}
    scores = [{**place, "reasoning_effort": effort, "verdict": v} for effort, v in (("low", "bad"), ("high", "good"))]
    pooled = [{**place, "n_efforts": 2, "verdict": "bad"}]
    _waivers.apply(_waivers.parse([{**WAIVER, "host": "node1", "reasoning_effort": "low"}]), scores, pooled, TODAY)
    assert pooled[0]["waiver"] == scores[0]["waiver"]
    scores[1]["verdict"] = "suspect"
    _waivers.apply(_waivers.parse([{**WAIVER, "host": "node1", "reasoning_effort": "low"}]), scores, pooled, TODAY)
    assert pooled[0]["waiver"] is None


def test_what_else_speaks_against_a_host_is_its_verdict_too() -> None:
    facts = judge(WAIVER, extra=(SLOW,), fail_on=("bad", "suspect"))
    assert verdicts(facts) == {"node1": "good", "node2": "suspect", "node3": "bad"}
    assert accepted(facts) == ["node1", "node3"]
    assert facts["hosts"][1]["reasons"] == ["speed: half as fast as its fleet"]
    assert facts["findings"][0]["numbers"] == {"x": 2}
    waived = judge(WAIVER, {**WAIVER, "host": "node2"}, extra=(SLOW,), fail_on=("bad", "suspect"))
    assert waived["accepted"] and verdicts(waived)["node2"] == "suspect"


def test_a_finding_about_a_cell_names_it() -> None:
    place = ("kernel", "node1", "gpt-oss-20b", "gpqa", "low")
    facts = judge(extra=(ExtraFinding(*place, "bad", "the log shows TRITON, wanted FlashInfer"),))
    assert facts["hosts"][0]["reasons"] == ["GPQA low kernels: the log shows TRITON, wanted FlashInfer"]
