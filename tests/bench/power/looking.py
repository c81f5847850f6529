# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequential evals: how many requests until a server passes or fails, and how often that is wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question, compare
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._looks import FAIL, GO_ON, decide
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sequential import (
    Bounds,
    Design,
    information_fractions,
    rates,
)
from scipy import optimize
from simulate import EFFORTS, N_REPEATS, Test, answers, looks, make_test, row

N_REFERENCE = 4  # pooled runs


@dataclass(frozen=True)
class Trial:
    """Evals to simulate, GPQA. One host is compared with a pooled reference; of several the first is degraded."""

    n_hosts: int
    n_efforts: int
    drop: float
    n_fleets: int
    alpha: float = 0.05
    only_effort: bool = False  # whether the drop is at the first effort alone

    @property
    def tests(self) -> list[Test]:
        return [make_test("gpqa", effort) for effort in EFFORTS[: self.n_efforts]]

    @property
    def degraded(self) -> list[Test]:
        return [
            test.degraded(self.drop) if number == 0 or not self.only_effort else test
            for number, test in enumerate(self.tests)
        ]


@dataclass
class Ran:
    """What was counted; requests are per server."""

    trial: Trial
    n_fleets: int = 0
    first: Counter[str] = field(default_factory=Counter)  # failed, requests: of the first host
    others: Counter[str] = field(default_factory=Counter)  # of the healthy ones: failed, requests, false_fleets

    def merge(self, other: Ran) -> Ran:
        return Ran(self.trial, self.n_fleets + other.n_fleets, self.first + other.first, self.others + other.others)

    @property
    def failed(self) -> float:
        return self.first["failed"] / self.n_fleets

    @property
    def requests(self) -> float:
        """Of the degraded host; of a healthy fleet, or of a single host, of any."""
        if self.trial.drop or self.trial.n_hosts == 1:
            return self.first["requests"] / self.n_fleets
        return self.others["requests"] / self.n_fleets / self.trial.n_hosts

    @property
    def false_servers(self) -> float:
        return self.others["failed"] / self.n_fleets / (self.trial.n_hosts - bool(self.trial.drop))

    @property
    def false_fleets(self) -> float:
        return self.others["false_fleets"] / self.n_fleets


def simulate(trial: Trial, n_fleets: int, seed: int) -> Ran:
    """Run so many fleets of a trial to their last decision."""
    rng = np.random.default_rng(seed)
    ran = Ran(trial)
    for _fleet in range(n_fleets):
        ran.n_fleets += 1
        correct = [looks(rng, test, trial.n_hosts) for test in trial.tests]
        for own, test in zip(correct, trial.degraded, strict=True):
            own[0] = looks(rng, test, 1)[0]
        references = [_reference(rng, test) for test in trial.tests] if trial.n_hosts == 1 else []
        decisions = _run(trial, correct, references)
        first = decisions[0]
        ran.first.update(failed=first["decision"] == FAIL, requests=first["n_requests"])
        healthy = decisions if not trial.drop else decisions[1:]
        failed = sum(each["decision"] == FAIL for each in healthy)
        requests = sum(each["n_requests"] for each in healthy)
        ran.others.update(failed=failed, requests=requests, false_fleets=bool(failed))
    return ran


def _run(trial: Trial, correct: Sequence[Any], references: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take looks with the product's own functions, and ask on only the servers that are not decided."""
    names = [f"host{host}" for host in range(trial.n_hosts)]
    efforts = [test.effort for test in trial.tests]
    wanted = Wanted(n_repeats=N_REPEATS, stopped=True)
    question = Question({name: ["server"] for name in names}, ["gpqa"], efforts, wanted, references=references)
    rows: dict[str, Any] = {}
    decisions: list[dict[str, Any]] = []
    asked = set(names)
    for look in range(1, N_REPEATS + 1):
        for name in asked:
            host = names.index(name)
            own = (counts[host, look - 1].tolist() for counts in correct)
            rows[name] = [row(test, counts, look) for test, counts in zip(trial.tests, own, strict=True)]
        compared = compare(question, rows, {})
        cells = [judgement.cell for judgement in compared.judgements.values()]
        decisions = decide(cells, compared.comparisons, Design(alpha=trial.alpha), decisions)
        asked = {each["host"] for each in decisions if each["decision"] == GO_ON}
        if not asked:
            break
    return decisions


def _reference(rng: np.random.Generator, test: Test) -> dict[str, Any]:
    """Return pooled runs as a reference, question by question."""
    n = N_REPEATS * N_REFERENCE
    correct = answers(rng, test, 1, n)[0].tolist()
    return {
        "model": "openai/gpt-oss-20b",
        "task": test.task,
        "reasoning_effort": test.effort,
        "sampler": "responses",
        "source": "accepted runs",
        "score": sum(correct) / len(correct) / n,
        "n": len(correct) * n,
        "n_questions": len(correct),
        "outcomes": [[each, n] for each in correct],
    }


def obrien_fleming(trial: Trial) -> float:
    """Return the requests of O'Brien and Fleming's bounds for both decisions, computed, at the same false failures.

    Known are the noise and what is compared with; the three efforts are one score.
    """
    own = sum(test.deviation(1) ** 2 for test in trial.tests) / trial.n_efforts**2
    centre = [_centre(trial, own, look) for look in range(1, N_REPEATS + 1)]
    fractions = information_fractions(own, centre)
    error = math.sqrt(own / N_REPEATS + centre[-1])
    level = trial.alpha / trial.n_hosts

    def limits(c: float) -> tuple[Bounds, ...]:
        drift = Design.margin / error
        both = [
            (-c / math.sqrt(t), max(-drift * math.sqrt(t) + c / math.sqrt(t), -c / math.sqrt(t))) for t in fractions
        ]
        both[-1] = (both[-1][0], both[-1][0])
        return tuple(Bounds(*each) for each in both)

    def excess(c: float) -> float:
        return sum(fail for fail, _pass in rates(limits(c), fractions, 0.0)) - level

    found = rates(limits(optimize.brentq(excess, 0.5, 6.0, xtol=1e-4)), fractions, -trial.drop / error)
    per_look = sum(len(test.chances) for test in trial.tests)
    return sum(look * per_look * sum(each) for look, each in enumerate(found, 1))


def _centre(trial: Trial, own: float, look: int) -> float:
    if trial.n_hosts == 1:
        return own / N_REPEATS / N_REFERENCE
    return own / look * math.pi / 2 / (trial.n_hosts - 1)
