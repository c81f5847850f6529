# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import random
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import load_references
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import score_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points
from fleet_examples import EFFORTS, answer, difficulties, make_row, spread

SERVER = "gpt-oss-20b"
AIME = (("aime25", "low", 0.35), ("aime25", "high", 0.8625))
ORIGINAL = {
    ("openai/gpt-oss-20b", "gpqa"): ((889, "56.1"), (1006, "63.5"), (1142, "72.1")),
    ("openai/gpt-oss-20b", "aime25"): ((84, "35.0"), (179, "74.6"), (207, "86.3")),
    ("openai/gpt-oss-120b", "gpqa"): ((1029, "65.0"), (1114, "70.3"), (1256, "79.3")),
    ("openai/gpt-oss-120b", "aime25"): ((126, "52.5"), (178, "74.2"), (220, "91.7")),
}
ORIGINAL_METRICS = [
    0.5612373737373737, 0.63510101010101, 0.7209595959595959, 0.35, 0.7458333333333333, 0.8625,
    0.6496212121212122, 0.7032828282828283, 0.7929292929292929, 0.525, 0.7416666666666667, 0.9166666666666666,
]  # fmt: skip


def ask(
    n_hosts: int = 3, tasks: tuple[str, ...] = ("gpqa",), efforts: tuple[str, ...] = ("low",), **others: Any
) -> Question:
    return Question({f"node{host + 1}": [SERVER] for host in range(n_hosts)}, tasks, efforts, **others)


def gpqa_rows(*counts: int, **others: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        f"node{host + 1}": [make_row("gpqa", "low", spread(count, 198), **others)] for host, count in enumerate(counts)
    }


def verdicts(facts: dict[str, Any]) -> dict[str, str]:
    return {host["host"]: host["verdict"] for host in facts["hosts"]}


def score_of(facts: dict[str, Any], host: str) -> dict[str, Any]:
    return next(entry for entry in facts["scores"] if entry["host"] == host)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ((889, 895, 880), {"node1": "good", "node2": "good", "node3": "good"}),
        ((889, 895, 762), {"node1": "good", "node2": "good", "node3": "bad"}),
        (
            (889, 762, 895, 890, 760),
            {"node1": "good", "node2": "bad", "node3": "good", "node4": "good", "node5": "bad"},
        ),
    ],
)
def test_a_host_below_its_fleet_is_bad_and_moves_no_other(counts: tuple[int, ...], wanted: dict[str, str]) -> None:
    facts = fleet_facts(ask(len(counts)), gpqa_rows(*counts), {})
    assert verdicts(facts) == wanted
    assert facts["verdict"] == max(wanted.values(), key=["good", "bad"].index)
    assert facts["accepted"] is (facts["verdict"] == "good")
    assert [each["host"] for each in facts["quarantine"]] == [
        host for host, verdict in wanted.items() if verdict == "bad"
    ]


def test_hosts_that_are_quite_broken_do_not_hide_one_that_is_a_little_off() -> None:
    facts = fleet_facts(ask(8), gpqa_rows(889, 895, 880, 890, 800, 100, 110, 105), {})
    assert list(verdicts(facts).values()) == ["good"] * 4 + ["bad"] * 4


def test_a_bad_host_is_named_with_its_numbers() -> None:
    facts = fleet_facts(ask(), gpqa_rows(889, 889, 762), {})
    assert facts["sentence"].startswith(
        "Fleet verdict: BAD - node3 is bad: GPQA low 8.0 points below the fleet median 56.1 (p = "
    )
    assert facts["sentence"].endswith("Holm over 3 tests). 2 of 3 hosts good.")
    comparison = score_of(facts, "node3")["fleet"]
    low, high = comparison["confidence_interval"]
    assert low < comparison["difference"] < high < 0
    assert comparison["difference"] == pytest.approx((762 - 889) / 1584)


def test_a_good_host_is_shown_against_the_fleet_without_the_bad_one() -> None:
    facts = fleet_facts(ask(), gpqa_rows(889, 889, 762), {})
    assert score_of(facts, "node1")["fleet"]["difference"] == 0
    assert score_of(facts, "node1")["reason"] == "equal to the fleet median 56.1, within noise"


@pytest.mark.parametrize(
    ("change", "wanted", "said"),
    [
        (None, "missing", "the eval failed"),
        ({"registered": 10.0}, "missing", "earlier run"),
        ({"complete": False, "n_measured": 900}, "missing", "incomplete: 900 of 1584"),
        ({"sampler": "chat_completions"}, "missing", "wanted responses"),
        ({"n_repeats": 1}, "missing", "n_repeats 1, wanted 8"),
        ({"verdict": "void", "reason": "40 of 1584 samples were not measured"}, "void", "40 of 1584"),
        ({"score": None, "outcomes": []}, "void", "measured nothing"),
    ],
)
def test_what_was_not_measured_in_this_run_never_passes(change: dict | None, wanted: str, said: str) -> None:
    rows = gpqa_rows(889, 895, 885)
    rows["node2"] = [] if change is None else [rows["node2"][0] | change]
    failures = {"node2": "the eval failed: connection refused"} if change is None else {}
    question = ask(wanted=Wanted(since=50.0, sampler="responses", n_repeats=8))
    facts = fleet_facts(question, rows, failures)
    assert verdicts(facts)["node2"] == wanted
    assert said in score_of(facts, "node2")["reason"]
    assert not facts["accepted"]
    assert [each["host"] for each in facts["quarantine"]] == ["node2"]
    assert [each["host"] for each in facts["missing"]] == (["node2"] if wanted == "missing" else [])
    assert verdicts(facts)["node1"] == "unjudged"  # two are left, and no reference was given


def test_a_host_without_servers_is_missing() -> None:
    facts = fleet_facts(Question({"node1": []}, ["gpqa"], ["low"]), {}, {})
    assert facts["verdict"] == "missing"
    assert "vllm_servers" in facts["sentence"]


def test_two_hosts_cannot_judge_each_other() -> None:
    facts = fleet_facts(ask(2), gpqa_rows(889, 880), {})
    assert verdicts(facts) == {"node1": "unjudged", "node2": "unjudged"}
    assert "fewer than 3 servers" in score_of(facts, "node1")["reason"]
    facts = fleet_facts(ask(2), gpqa_rows(889, 762), {})
    assert verdicts(facts) == {"node1": "unjudged", "node2": "suspect"}
    assert "nobody can say which one is off" in score_of(facts, "node2")["reason"]


@pytest.mark.parametrize(
    ("others", "any_data", "judged"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"data_sha256": ["41d1213cd7a4998605a26c2798500652572007161b3a92817ba46b35befcd305"]}, False, True),
        ({"sampler": "chat_completions"}, True, False),
        ({"n_questions": 20}, True, False),
        ({"model": "openai/gpt-oss-120b"}, True, True),
        ({"model": "another"}, True, False),
    ],
)
def test_a_reference_judges_only_what_is_like_it(others: dict, any_data: bool, judged: bool) -> None:
    question = ask(1, references=load_references(), any_data=any_data)
    facts = fleet_facts(question, gpqa_rows(700, **others), {})
    assert verdicts(facts)["node1"] == ("bad" if judged else "unjudged")
    entry = score_of(facts, "node1")
    assert bool(entry["reference"]) is judged
    assert len(entry["orientation"]) == (0 if others.get("model") == "another" else 5 - judged)


def test_a_reference_without_its_number_of_samples_judges_nothing() -> None:
    reference = {"model": SERVER, "task": "gpqa", "reasoning_effort": "low", "score": 0.9, "source": "a paper"}
    facts = fleet_facts(ask(1, references=[reference | {"sampler": "responses"}]), gpqa_rows(889), {})
    assert verdicts(facts)["node1"] == "unjudged"
    assert "number of samples is not known" in score_of(facts, "node1")["orientation"][0]["why_not"]


def test_the_original_scores_are_replayed_to_the_last_digit() -> None:
    seen = []
    for (model, task), cells in ORIGINAL.items():
        n_questions = {"gpqa": 198, "aime25": 30}[task]
        rows = [
            make_row(task, effort, spread(count, n_questions), model=model)
            for effort, (count, _text) in zip(EFFORTS, cells, strict=True)
        ]
        question = ask(1, (task,), EFFORTS, references=load_references(), any_data=True)
        facts = fleet_facts(question, {"node1": rows}, {})
        assert verdicts(facts) == {"node1": "good"}
        assert [points(entry["score"]) for entry in facts["scores"]] == [text for _count, text in cells]
        assert [entry["reference"]["difference"] for entry in facts["scores"]] == pytest.approx([0, 0, 0], abs=1e-12)
        lines = score_table(facts)
        assert all(f" {text} " in line for line, (_count, text) in zip(lines[2:], cells, strict=False))
        seen += [entry["score"] for entry in facts["scores"]]
    assert seen == ORIGINAL_METRICS


def test_hosts_that_answered_once_are_judged_by_the_exact_test() -> None:
    rows = {
        f"node{host + 1}": [make_row("aime25", "low", [[int(q >= missed), 1] for q in range(30)], n_repeats=1)]
        for host, missed in enumerate((6, 6, 6, 22))
    }
    facts = fleet_facts(ask(4, ("aime25",)), rows, {})
    assert verdicts(facts) == {"node1": "good", "node2": "good", "node3": "good", "node4": "bad"}
    assert score_of(facts, "node4")["fleet"]["exact"]


def test_hosts_on_other_questions_are_not_compared() -> None:
    rows = gpqa_rows(889, 890, 885)
    rows["node3"][0]["data_sha256"] = ["another"]
    assert set(verdicts(fleet_facts(ask(), rows, {})).values()) == {"unjudged"}


def test_the_facts_are_plain_data() -> None:
    facts = fleet_facts(ask(references=load_references()), gpqa_rows(889, 895, 762), {})
    assert json.loads(json.dumps(facts)) == facts


def judge_simulated(rng: random.Random, cells: dict[tuple[str, str], list[float]], drop: float = 0.0) -> dict[str, str]:
    """Judge eight hosts' made-up answers; the first one's GPQA low is worse by the drop."""
    rows = {
        f"node{host + 1}": [
            make_row(
                task, effort, answer(rng, chances, drop if host == 0 and (task, effort) == ("gpqa", "low") else 0.0)
            )
            for (task, effort), chances in cells.items()
        ]
        for host in range(8)
    }
    tasks, efforts = tuple(dict.fromkeys(task for task, _e in cells)), tuple(dict.fromkeys(e for _task, e in cells))
    return verdicts(fleet_facts(ask(8, tasks, efforts), rows, {}))


def test_a_healthy_fleet_passes_and_eight_points_are_found() -> None:
    """A few fleets of 8 hosts, seeded. Of 800 healthy ones with six cells each, 8 had a bad host (1.0 %)."""
    rng = random.Random(20250811)
    cells = {
        (task, effort): difficulties(rng, task, mean)
        for task, effort, mean in (("gpqa", "low", 0.561), ("gpqa", "high", 0.721), *AIME)
    }
    healthy = [judge_simulated(rng, cells) for _unused in range(40)]
    assert sum("bad" in found.values() for found in healthy) <= 1
    degraded = [judge_simulated(rng, cells, 0.08) for _unused in range(20)]
    assert sum(found["node1"] == "bad" for found in degraded) >= 19
    assert sum("bad" in list(found.values())[1:] for found in degraded) <= 1
