# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import random
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import compare
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._looks import decide
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sequential import (
    Bounds,
    Design,
    bounds,
    information_fractions,
    rates,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._statistics import normal_cdf
from fleet_examples import difficulties, make_row
from test_fleet import ask, verdicts

EQUAL = tuple(look / 8 for look in range(1, 9))
WANTED = Wanted(n_repeats=8, stopped=True)


def test_one_look_is_the_plain_test() -> None:
    (only,) = bounds((1.0,), 0.05, 0.05, 3.0)
    assert only.fail == only.passing == pytest.approx(-1.6449, abs=1e-4)


def test_the_rates_of_obrien_and_flemings_bounds_are_the_published_ones() -> None:
    """2.024 * sqrt(4 / k) at 4 looks: 5 % on two sides (Jennison and Turnbull 2000, table 2.3), so 2.5 % on one."""
    limits = tuple(Bounds(-2.024 * math.sqrt(4 / look), 99.0 if look < 4 else -2.024) for look in range(1, 5))
    found = rates(limits, (0.25, 0.5, 0.75, 1.0), 0.0)
    assert sum(fail for fail, _pass in found) == pytest.approx(0.025, abs=2e-4)
    assert sum(fail + passed for fail, passed in found) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("drift", [2.0, 3.4, 6.0])
def test_both_errors_are_spent_and_no_more(drift: float) -> None:
    limits = bounds(EQUAL, 0.05, 0.05, drift)
    equal, worse = rates(limits, EQUAL, 0.0), rates(limits, EQUAL, -drift)
    assert sum(fail for fail, _pass in equal) <= 0.0501
    assert sum(passed for _fail, passed in worse[:-1]) <= 0.0501
    # What may be spent by a look grows as the square of the share of what is known by then.
    spent = [0.05 * (look**2 - (look - 1) ** 2) / 64 for look in range(1, 5)]
    assert [fail for fail, _pass in equal][:4] == pytest.approx(spent, rel=1e-3)
    assert sum(fail + passed for fail, passed in worse) == pytest.approx(1.0, abs=1e-5)


def test_the_rates_are_those_of_a_simulated_walk() -> None:
    limits, rng, n = bounds(EQUAL, 0.05, 0.05, 3.4), random.Random(1), 4000
    failed = 0
    for _walk in range(n):
        s = 0.0
        for limit, t in zip(limits, EQUAL, strict=True):
            s += rng.gauss(-3.4 / 8, math.sqrt(1 / 8))
            if s <= limit.fail * math.sqrt(t) or s >= limit.passing * math.sqrt(t):
                failed += s <= limit.fail * math.sqrt(t)
                break
    wanted = sum(fail for fail, _pass in rates(limits, EQUAL, -3.4))
    assert failed / n == pytest.approx(wanted, abs=4 * math.sqrt(wanted * (1 - wanted) / n))


def test_a_reference_that_stays_leaves_less_to_learn() -> None:
    assert information_fractions(8.0, [0.0] * 8) == pytest.approx(EQUAL)
    assert information_fractions(8.0, [1.0] * 8)[0] == pytest.approx(2 / 9)
    assert normal_cdf(0) == 0.5


def counts(rng: random.Random, chances: list[float], drop: float) -> list[list[int]]:
    """Return after each repeat how many right answers there are to each question."""
    so_far = [0] * len(chances)
    found = []
    for _repeat in range(8):
        so_far = [n + (rng.random() < chance - drop) for n, chance in zip(so_far, chances, strict=True)]
        found.append(so_far)
    return found


def rows_at(answers: dict[str, list[list[int]]], repeats: dict[str, int]) -> dict[str, Any]:
    return {
        host: [
            make_row(
                *("gpqa", "low", [[n, repeats[host]] for n in own[repeats[host] - 1]]),
                through_repeat=repeats[host],
                stopped=repeats[host] < 8,
            )
        ]
        for host, own in answers.items()
    }


def run(drops: list[float], seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Ask hosts repeat by repeat; return the last decisions, and the rows."""
    rng = random.Random(seed)
    chances = difficulties(rng, "gpqa", 0.6)
    answers = {f"node{number + 1}": counts(rng, chances, drop) for number, drop in enumerate(drops)}
    question = ask(len(drops), wanted=WANTED)
    repeats = dict.fromkeys(answers, 0)
    decisions: list[dict[str, Any]] = []
    asked = set(answers)
    while asked:
        repeats = {host: n + (host in asked) for host, n in repeats.items()}
        compared = compare(question, rows_at(answers, repeats), {})
        cells = [judgement.cell for judgement in compared.judgements.values()]
        decisions = decide(cells, compared.comparisons, Design(), decisions)
        asked = {each["host"] for each in decisions if each["decision"] == "go on"}
    return decisions, rows_at(answers, repeats)


def test_a_bad_host_fails_early_and_good_ones_pass_before_the_end() -> None:
    decisions, rows = run([0.0] * 7 + [0.12], 3)
    assert [each["decision"] for each in decisions] == ["pass"] * 7 + ["fail"]
    assert decisions[-1]["look"] <= 2
    assert sum(each["n_requests"] for each in decisions) < 0.7 * sum(each["n_requests_whole"] for each in decisions)
    facts = fleet_facts(ask(8, wanted=WANTED), rows, {}, (), {"servers": decisions})
    assert list(verdicts(facts).values()) == ["good"] * 7 + ["bad"]
    assert facts["scores"][-1]["stopped"]
    assert "failed at look" in facts["scores"][-1]["reason"]
    assert "stopped after repeat" in facts["scores"][-1]["reason"]


def test_what_is_not_decided_is_no_pass() -> None:
    decisions, rows = run([0.0] * 4, 5)
    undecided = [{**decisions[0], "decision": "go on"}, *decisions[1:3]]
    facts = fleet_facts(ask(4, wanted=WANTED), rows, {}, (), {"servers": undecided})
    assert [host["verdict"] for host in facts["hosts"]] == ["missing", "good", "good", "missing"]
    assert "not decided at look" in facts["scores"][0]["reason"]


def test_a_stopped_score_is_missing_where_nothing_was_to_be_stopped() -> None:
    _decisions, rows = run([0.0] * 4, 5)
    stopped = {host: [own[0] | {"through_repeat": 3, "stopped": True}] for host, own in rows.items()}
    facts = fleet_facts(ask(4, wanted=Wanted(n_repeats=8)), stopped, {})
    assert set(verdicts(facts).values()) == {"missing"}
    assert "stopped after repeat 3 of 8" in facts["scores"][0]["reason"]


def test_a_server_that_misses_a_score_is_not_asked_on() -> None:
    compared = compare(ask(3, wanted=WANTED), {}, {"node1": "the disk is full"})
    cells = [judgement.cell for judgement in compared.judgements.values()]
    decisions = decide(cells, compared.comparisons, Design())
    assert {each["decision"] for each in decisions} == {"missing"}
    assert "the disk is full" in decisions[0]["reason"]
