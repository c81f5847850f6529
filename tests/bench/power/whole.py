# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole evals: how often a healthy fleet has a bad host, and how often a degraded one is found, by several tests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question, compare
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._statistics import holm
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import find
from scipy import stats
from simulate import EFFORTS, N_REPEATS, Test, answers, make_test, row

ALPHA = 0.01
CELL, POOLED, HOST = "each effort", "efforts pooled", "either"
_NAIVE = ("two proportions, Holm 1 %", "two proportions, 5 % each")
_FIXED = ("below 95 % of the reference", "below the reference - 0.05")
WAYS = (CELL, POOLED, HOST, *_NAIVE, *_FIXED)


@dataclass(frozen=True)
class Plan:
    """Fleets to simulate: the first host is worse by the drop, at every effort."""

    task: str
    n_hosts: int
    drop: float
    n_fleets: int

    @property
    def tests(self) -> list[Test]:
        return [make_test(self.task, effort) for effort in EFFORTS]


@dataclass
class Seen:
    """What was counted over the fleets of a plan, by the way of judging."""

    plan: Plan
    n_fleets: int = 0
    false_fleets: Counter[str] = field(default_factory=Counter)  # with a healthy host called bad
    found: Counter[str] = field(default_factory=Counter)  # the degraded host called bad; each effort counts a third

    def add(self, way: str, bad_hosts: Iterable[int], share_found: float) -> None:
        self.false_fleets[way] += any(host != 0 or self.plan.drop == 0 for host in bad_hosts)
        self.found[way] += share_found

    def false_rate(self, way: str) -> float:
        return self.false_fleets[way] / self.n_fleets

    def power(self, way: str) -> float:
        return self.found[way] / self.n_fleets

    def merge(self, other: Seen) -> Seen:
        return Seen(
            self.plan,
            self.n_fleets + other.n_fleets,
            self.false_fleets + other.false_fleets,
            self.found + other.found,
        )


def simulate(plan: Plan, n_fleets: int, seed: int) -> Seen:
    """Judge so many fleets of a plan."""
    rng = np.random.default_rng(seed)
    seen = Seen(plan)
    tests = plan.tests
    names = [f"host{host}" for host in range(plan.n_hosts)]
    question = Question({name: ["server"] for name in names}, [plan.task], EFFORTS)
    for _fleet in range(n_fleets):
        seen.n_fleets += 1
        correct = [answers(rng, test, plan.n_hosts) for test in tests]
        if plan.drop:
            for own, test in zip(correct, tests, strict=True):
                own[0] = answers(rng, test.degraded(plan.drop), 1)[0]
        _judge(seen, question, names, tests, correct)
        references = [answers(rng, test, 1)[0] for test in tests]
        for way, bad in _gates(tests, correct, references).items():
            seen.add(way, np.flatnonzero(bad.any(axis=0)).tolist(), float(bad[:, 0].mean()))
    return seen


def _judge(seen: Seen, question: Question, names: Sequence[str], tests: Sequence[Test], correct: Sequence[Any]) -> None:
    """Judge a fleet with the product's own functions."""
    lists = [own.tolist() for own in correct]
    rows = {
        name: [row(test, own[host]) for test, own in zip(tests, lists, strict=True)] for host, name in enumerate(names)
    }
    findings = find(compare(question, rows, {}).comparisons, question.levels)
    bad = [each.comparison for each in findings if each.verdict == "bad"]
    for way, kinds in ((CELL, ("fleet",)), (POOLED, ("efforts",)), (HOST, ("fleet", "efforts"))):
        numbers = [names.index(each.cells[0].key.host) for each in bad if each.against in kinds]
        share = numbers.count(0) / len(tests) if way == CELL else float(0 in numbers)
        seen.add(way, numbers, share)


def _gates(tests: Sequence[Test], correct: Sequence[Any], references: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return by way which efforts (rows) of which hosts (columns) are bad, against one run that counts as reference."""
    n = len(tests[0].chances) * N_REPEATS
    scores = np.array([own.sum(axis=1) / n for own in correct])
    reference = np.array([own.sum() / n for own in references])[:, None]
    share = (scores + reference) / 2
    p = stats.norm.cdf((scores - reference) / np.sqrt(share * (1 - share) * 2 / n))
    adjusted = np.array(holm(p.ravel().tolist())).reshape(p.shape)
    bad = (adjusted <= ALPHA, p <= 0.05, scores < 0.95 * reference, scores < reference - 0.05)
    return dict(zip((*_NAIVE, *_FIXED), bad, strict=True))


def n_tests(plan: Plan) -> int:
    """Return over how many tests Holm's method goes: each cell, and each host's efforts together."""
    return plan.n_hosts * (len(EFFORTS) + 1)


def bound(plan: Plan, way: str) -> float:
    """Return the power of a z test that knows the noise within the questions, and the fleet's true score, exactly."""
    z = -stats.norm.ppf(ALPHA / n_tests(plan))
    pairs = [(test.deviation(), test.degraded(plan.drop).deviation()) for test in plan.tests]
    if way == POOLED:
        pairs = [tuple(math.sqrt(sum(pair[k] ** 2 for pair in pairs)) / len(pairs) for k in (0, 1))]  # type: ignore[misc]
    return float(np.mean([stats.norm.cdf((plan.drop - z * healthy) / own) for healthy, own in pairs]))


def smallest_seen(plan: Plan, way: str, power: float) -> float:
    """Return the smallest drop that the bound finds with this power."""
    low, high = 0.0, 0.3
    while high - low > 1e-4:
        middle = (low + high) / 2
        at = Plan(plan.task, plan.n_hosts, middle, plan.n_fleets)
        low, high = (middle, high) if bound(at, way) < power else (low, middle)
    return high
