# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: looks, what a sequential eval decides of each server after a repeat: fail, pass or go on.

A server is tested by all its answers together, and by each of its cells, against its fleet and against its references.
It fails where any of these tests crosses its bound; alpha is shared by all tests of the fleet (Bonferroni). It passes
where all its answers together are within the margin, by the fleet where there is one, and no test is doubtful.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._comparisons import Comparison
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sequential import (
    Bounds,
    Design,
    bounds,
    information_fractions,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import BAD, GOOD, UNJUDGED, cell_title
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import MISSING as VERDICT_MISSING

PASS, FAIL, GO_ON, MISSING = "pass", "fail", "go on", "missing"

_DOUBTFUL = -2.0  # standard errors: a test below keeps its server from passing before the last look
_MOST_DRIFT = 20.0  # margin in standard errors; more changes nothing
_STEPS = 40  # fractions of information are rounded to these, so that servers with nearly the same share their bounds

Server = tuple[str, str]


@dataclass(frozen=True)
class Trial:
    """One test of a server at a look: a difference, and how its noise goes on over the looks."""

    against: str  # "fleet" or "reference"
    cells: tuple[Cell, ...]
    difference: float
    standard_error: float
    z: float
    own: float  # variance of the server's score of one repeat
    centre: tuple[float, ...]  # variance of what it is compared with, at each look

    @property
    def error_of_whole(self) -> float:
        """The standard error that the difference will have at the last look."""
        return math.sqrt(self.own / len(self.centre) + self.centre[-1])


@dataclass(frozen=True)
class Decision:
    """What a look decides of a server; bounds are on the difference, in shares."""

    host: str
    server: str
    decision: str
    look: int
    n_looks: int
    n_requests: int
    n_requests_whole: int
    reason: str = ""
    trial: Trial | None = None  # of all answers together, or the one that failed
    fail_below: float | None = None
    pass_above: float | None = None


def decide(
    cells: Sequence[Cell], comparisons: Iterable[Comparison], design: Design, before: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Return the decision on each server, as plain data.

    cells: all expected ones. comparisons: of single cells, those that judge. before: the decisions of the look before;
    who has passed or failed stays so.
    """
    servers: dict[Server, list[Cell]] = defaultdict(list)
    for cell in cells:
        servers[cell.key.host, cell.key.server].append(cell)
    looks = _looks_of_fleets(cells)
    singles: dict[Server, dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for each in comparisons:
        if each.judges and len(each.cells) == 1:
            key = each.cells[0].key
            singles[key.host, key.server][each.against].append(_trial(each, looks[each.cells[0].comparable]))
    trials = {server: _with_whole(by_kind) for server, by_kind in singles.items()}
    level = design.alpha / max(1, sum(len(own) for own in trials.values()))
    settled = {(each["host"], each["server"]): each for each in before if each["decision"] in (PASS, FAIL)}
    return [
        dict(settled[server]) if server in settled else _facts(_decision(own, trials.get(server, []), design, level))
        for server, own in servers.items()
    ]


def verdict_of(decision: Mapping[str, Any] | None, task: str, effort: str) -> tuple[str, str]:
    """Return the verdict on a server's cell after the last look, and why. What is not decided is missing, no pass."""
    if decision is None:
        return VERDICT_MISSING, "no look of the sequential eval has decided on its server"
    at = f"at look {decision['look']} of {decision['n_looks']}"
    if decision["decision"] == PASS:
        return GOOD, f"passed {at}: {decision['reason']}"
    if decision["decision"] != FAIL:
        return VERDICT_MISSING, f"not decided {at}: {decision['reason']}"
    if [task, effort] in decision["cells"]:
        return BAD, f"failed {at}: {decision['reason']}"
    return UNJUDGED, f"its server failed {at} by another score"


def _facts(decision: Decision) -> dict[str, Any]:
    trial = decision.trial
    names = (
        "host", "server", "decision", "look", "n_looks", "n_requests", "n_requests_whole", "fail_below", "pass_above",
        "reason",
    )  # fmt: skip
    return {
        **{name: getattr(decision, name) for name in names},
        "cells": [[cell.key.task, cell.key.effort] for cell in trial.cells] if trial else [],
        "against": trial.against if trial else None,
        "difference": trial.difference if trial else None,
        "standard_error": trial.standard_error if trial else None,
    }


def _looks_of_fleets(cells: Iterable[Cell]) -> Mapping[Any, list[int]]:
    """Return through which repeat each server was asked, by what can be compared."""
    looks: dict[Any, list[int]] = defaultdict(list)
    for cell in cells:
        if not cell.problem:
            looks[cell.comparable].append(cell.through_repeat)
    return looks


def _trial(comparison: Comparison, looks: Sequence[int]) -> Trial:
    """Return a cell's test. A reference is what it is; the fleet's answers get more as long as servers go on."""
    cell = comparison.cells[0]
    now, last = cell.through_repeat, cell.n_repeats
    noise = max(0.0, comparison.standard_error**2 - comparison.own_variance)
    centre = (noise,) * last
    if comparison.against == "fleet":
        centre = tuple(noise * _fleet_noise(looks, now, step) for step in range(1, last + 1))
    z = _z(comparison.difference, comparison.standard_error)
    if comparison.exact:
        z = statistics.NormalDist().inv_cdf(min(max(comparison.p, 1e-300), 1 - 1e-16))
    own = comparison.own_variance * now
    return Trial(comparison.against, comparison.cells, comparison.difference, comparison.standard_error, z, own, centre)


def _fleet_noise(looks: Sequence[int], now: int, step: int) -> float:
    """Return the variance of the other servers' answers at a look, as a multiple of what it is now.

    looks: through which repeat each server was asked. Who was asked through `now` is taken to be asked on.
    """
    at_step = sum(min(look, step) if step <= now or look < now else step for look in looks) - step
    return (sum(min(look, now) for look in looks) - now) / at_step if at_step else 1.0


def _z(difference: float, error: float) -> float:
    if error > 0:
        return difference / error
    return 0.0 if difference >= 0 else -math.inf


def _with_whole(by_kind: Mapping[str, Sequence[Trial]]) -> list[Trial]:
    """Return a server's tests; the first is that of all its answers together, by the fleet where there is one."""
    wholes: list[Trial] = []
    parts: list[Trial] = []
    for kind in sorted(by_kind):  # "fleet" before "reference"
        own = by_kind[kind]
        wholes.append(_whole(own))
        if len(own) > 1:
            parts += own
    return [*wholes, *parts]


def _whole(trials: Sequence[Trial]) -> Trial:
    """Return the test of several cells together, each weighing as many answers as it has questions."""
    if len(trials) == 1:
        return trials[0]
    counts = [len(trial.cells[0].outcomes) for trial in trials]
    weights = [count / sum(counts) for count in counts]
    difference = math.fsum(w * trial.difference for w, trial in zip(weights, trials, strict=True))
    error = math.sqrt(math.fsum((w * trial.standard_error) ** 2 for w, trial in zip(weights, trials, strict=True)))
    n_looks = min(len(trial.centre) for trial in trials)
    return Trial(
        trials[0].against,
        tuple(cell for trial in trials for cell in trial.cells),
        difference,
        error,
        _z(difference, error),
        math.fsum(w * w * trial.own for w, trial in zip(weights, trials, strict=True)),
        tuple(
            math.fsum(w * w * trial.centre[look] for w, trial in zip(weights, trials, strict=True))
            for look in range(n_looks)
        ),
    )


def _decision(cells: Sequence[Cell], trials: Sequence[Trial], design: Design, level: float) -> Decision:
    undecided = _undecided(cells)
    problem = next((cell for cell in cells if cell.problem), None)
    if problem is not None:
        reason = f"{_title([problem])} is {problem.problem}: {problem.reason}"
        return replace(undecided, decision=MISSING, reason=reason)
    is_last = undecided.look >= undecided.n_looks
    if not trials:
        reason = "nothing judges it: no fleet of three, and no reference"
        return replace(undecided, decision=PASS if is_last else GO_ON, reason=reason)
    for trial in trials:
        limit = _limit(trial, design, level, undecided.look, trial is trials[0])
        if trial.z <= limit.fail:
            low = limit.fail * trial.standard_error
            reason = f"{_title(trial.cells)} {_size(trial)} (fails from {points(low, signed=True)} on)"
            return replace(undecided, decision=FAIL, reason=reason, trial=trial, fail_below=low)
    return _unfailed(undecided, trials, design, level, is_last)


def _undecided(cells: Sequence[Cell]) -> Decision:
    counts = [len(cell.outcomes) for cell in cells]
    return Decision(
        host=cells[0].key.host,
        server=cells[0].key.server,
        decision=GO_ON,
        look=min(cell.through_repeat for cell in cells),
        n_looks=max(cell.n_repeats for cell in cells),
        n_requests=sum(n * cell.through_repeat for n, cell in zip(counts, cells, strict=True)),
        n_requests_whole=sum(n * cell.n_repeats for n, cell in zip(counts, cells, strict=True)),
    )


def _unfailed(undecided: Decision, trials: Sequence[Trial], design: Design, level: float, is_last: bool) -> Decision:
    """Return the decision on a server that no test fails."""
    trial = trials[0]
    limit = _limit(trial, design, level, undecided.look, whole=True)
    doubtful = next((each for each in trials if each.z < _DOUBTFUL), None)
    if is_last:
        decision, reason = PASS, f"{_size(trial)}; all repeats were asked"
    elif trial.z < limit.passing:
        decision, reason = GO_ON, f"{_size(trial)}: not certain yet"
    elif doubtful is not None:
        decision, reason = GO_ON, f"{_title(doubtful.cells)} {_size(doubtful)}: doubtful"
    else:
        decision, reason = PASS, f"{_size(trial)}: certainly less than {points(design.margin)} points worse"
    return replace(
        undecided,
        decision=decision,
        reason=reason,
        trial=trial,
        fail_below=limit.fail * trial.standard_error,
        pass_above=limit.passing * trial.standard_error,
    )


def _limit(trial: Trial, design: Design, level: float, look: int, whole: bool) -> Bounds:
    """Return a test's bounds at a look; only the test of the whole can pass a server."""
    error = trial.error_of_whole
    drift = round(min(_MOST_DRIFT, design.margin / error if error else _MOST_DRIFT), 1)
    beta = design.beta if whole else 0.0
    return bounds(_fractions(trial), level, beta, drift if whole else 0.0, look)[-1]


def _fractions(trial: Trial) -> tuple[float, ...]:
    n_looks = len(trial.centre)
    if not trial.own:
        return tuple(look / n_looks for look in range(1, n_looks + 1))
    rounded = [round(each * _STEPS) / _STEPS for each in information_fractions(trial.own, trial.centre)]
    rising = all(before < after for before, after in zip([0.0, *rounded], rounded, strict=False))
    return tuple(rounded) if rising else information_fractions(trial.own, trial.centre)


def _title(cells: Sequence[Cell]) -> str:
    if len(cells) == 1:
        return cell_title(cells[0].key.task, cells[0].key.effort)
    return f"all {len(cells)} scores together"


def _size(trial: Trial) -> str:
    what = "the other servers" if trial.against == "fleet" else "the reference"
    side = "below" if trial.difference < 0 else "above"
    return f"{points(abs(trial.difference))} points {side} {what}"
