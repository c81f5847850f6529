# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: sequential, group-sequential bounds for looks at an eval after each of its repeats.

A server's difference from its reference is looked at after repeats 1, 2, ... K. It fails where the difference is too
low for an equally good server, and passes where it is too high for one that is worse by the margin (non-inferiority).
Both errors are spent over the looks as functions of the information (Lan and DeMets 1983, Biometrika 70:659; the power
family of Kim and DeMets 1987, Biometrika 74:149), so that the bounds hold whatever the reference's own noise is; with
power 3 the failing side is close to O'Brien and Fleming's (1979, Biometrics 35:549). The two bounds are found together,
as each look is reached only by who has neither failed nor passed before (Pampallona and Tsiatis 1994, J. Statist.
Plann. Inference 42:19), by the recursive integration of Armitage, McPherson and Rowe (1969, J. R. Statist. Soc. A
132:235).

The statistic of look k is z_k = difference / standard error. With the information I_k = 1 / standard error^2 and the
fraction t_k = I_k / I_K, the score process s_k = z_k * sqrt(t_k) is a Brownian motion at the times t_k, whose drift is
the true difference * sqrt(I_K). That holds too where the reference was measured beforehand and stays as it is, as the
covariance of two looks' differences is then the later one's variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._statistics import normal_cdf

# alpha and beta are spent as these powers of the information's share: the smaller, the earlier. Chosen for few requests
# at 8 looks; what other choices cost is in docs/verdicts.md.
_FAIL_POWER = 2.0
_PASS_POWER = 1.0
_POINTS = 60  # intervals of the grid; even, for Simpson's rule
_REACH = 6.0  # standard deviations of one step beyond which nothing is reached
_FAR = 12.0  # of the score process: beyond it no probability is left, whatever the drift

Nodes = Sequence[tuple[float, float]]  # values of the score process, each with its weight


@dataclass(frozen=True)
class Design:
    """How sure a decision must be."""

    margin: float = 0.03  # how much worse than the reference a server may be at the most; a share
    alpha: float = 0.05  # chance that any server of a healthy fleet fails
    beta: float = 0.05  # chance that a server that is worse by the margin passes


@dataclass(frozen=True)
class Bounds:
    """Of one look, in standard errors: who is at `fail` or below has failed, at `passing` or above has passed."""

    fail: float
    passing: float


def information_fractions(own: float, centre: Sequence[float]) -> tuple[float, ...]:
    """Return each look's share of the last look's information.

    own: the variance of a score of one repeat; centre: the variance of what it is compared with, at each look.
    """
    variances = [own / look + each for look, each in enumerate(centre, 1)]
    return tuple(variances[-1] / variance for variance in variances)


@lru_cache(maxsize=4096)
def bounds(
    fractions: tuple[float, ...], alpha: float, beta: float, drift: float, n_looks: int | None = None
) -> tuple[Bounds, ...]:
    """Return the bounds of the first looks, against an equally good server's failing and a worse one's passing.

    fractions: each look's share of the information, up to 1. drift: margin / standard error at the last look. With
    beta 0 nothing passes before the last look. There, and where the two bounds meet before, who has not failed passes;
    how sure that makes it that a worse one fails is told by `rates`.
    """
    found: list[tuple[float, float]] = []
    nodes: Nodes = [(0.0, 1.0)]
    before = 0.0
    wanted = fractions[:n_looks]
    for fraction in wanted:
        step = math.sqrt(fraction - before)
        low = _solve(partial(_below, nodes, step), alpha * _spent(fraction, before, _FAIL_POWER))
        if fraction == fractions[-1]:
            found.append((low, low))
            break
        # Under a drift the process has the density of the undrifted one times the likelihood ratio of both.
        worse = [(s, weight * math.exp(-drift * s - drift * drift * before / 2)) for s, weight in nodes]
        spend = beta * _spent(fraction, before, _PASS_POWER)
        high = -_solve(partial(_below, _mirrored(worse), step), spend) - drift * step * step if beta else _FAR
        found.append((low, max(low, high)))
        if high <= low:
            break
        if len(found) < len(wanted):
            nodes = _propagate(nodes, low, high, step)
        before = fraction
    found += [found[-1]] * (len(wanted) - len(found))
    roots = map(math.sqrt, wanted)
    return tuple(Bounds(low / root, high / root) for (low, high), root in zip(found, roots, strict=True))


@lru_cache(maxsize=4096)
def rates(limits: tuple[Bounds, ...], fractions: tuple[float, ...], drift: float) -> list[tuple[float, float]]:
    """Return each look's probabilities to fail and to pass there; drift: true difference / last standard error."""
    nodes: Nodes = [(0.0, 1.0)]
    before = 0.0
    results = []
    for limit, fraction in zip(limits, fractions, strict=True):
        root, step = math.sqrt(fraction), math.sqrt(fraction - before)
        low, high = limit.fail * root, limit.passing * root
        shift = drift * step * step
        results.append((_below(nodes, step, low - shift), _below(_mirrored(nodes), step, shift - high)))
        nodes = _propagate(nodes, low, high, step, shift) if nodes and high > low else []
        before = fraction
    return results


def _spent(now: float, before: float, power: float) -> float:
    return now**power - before**power


def _below(nodes: Nodes, step: float, x: float) -> float:
    return math.fsum(weight * normal_cdf((x - s) / step) for s, weight in nodes)


def _mirrored(nodes: Nodes) -> Nodes:
    return [(-s, weight) for s, weight in nodes]


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    """Return where a rising function has a value, by bisection."""
    low, high = -_FAR, _FAR
    for _unused in range(26):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def _propagate(nodes: Nodes, low: float, high: float, step: float, shift: float = 0.0) -> Nodes:
    """Return the process between two bounds one step later, as nodes of Simpson's rule."""
    low = max(low, nodes[0][0] + shift - _REACH * step)
    high = min(high, nodes[-1][0] + shift + _REACH * step)
    width = (high - low) / _POINTS
    scale = 1 / (step * math.sqrt(2 * math.pi))
    results = []
    for index in range(_POINTS + 1):
        x = low + index * width
        simpson = width / 3 * (1 if index in (0, _POINTS) else 4 if index % 2 else 2)
        density = scale * math.fsum(w * math.exp(-0.5 * ((x - shift - s) / step) ** 2) for s, w in nodes)
        results.append((x, simpson * density))
    return results
