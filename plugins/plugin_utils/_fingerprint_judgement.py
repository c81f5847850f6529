# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint judgement - which servers' log-probabilities are not those of their fleet, or of a baseline.

A server is compared with the median of its like: the same model, texts and mode of the mixture of experts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import Distance, distance
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._extra_findings import ExtraFinding
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import (
    USUAL_LIMITS,
    Comparison,
    Fleet,
    Limits,
    Unit,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_words import (
    Against,
    difference_words,
    pair_words,
    repeat_words,
    unsteady_words,
    with_place,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import (
    BAD,
    GOOD,
    MISSING,
    SUSPECT,
    UNJUDGED,
    worst,
)

Row = Mapping[str, Any]
# So many times its difference from itself may a server differ from others before that is more than unsteadiness.
_UNSTEADY = 3


@dataclass(frozen=True)
class Judgement:
    """A server's verdict with its reasons, and the numbers of the comparison that decided.

    `undecided`: servers differ, and it cannot be told from them which one is off.
    """

    unit: Unit
    verdict: str
    reasons: Sequence[str]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    undecided: bool = False


def judge(
    units: Sequence[Unit], peers: Sequence[Unit], baseline: Sequence[Row] = (), limits: Limits = USUAL_LIMITS
) -> list[Judgement]:
    """Return each unit's judgement. peers: whose fingerprints make the consensus; baseline: accepted ones of before."""
    sound = [peer for peer in peers if peer.row.get("replies")]
    groups: dict[tuple[Any, ...], list[Unit]] = defaultdict(list)
    for peer in sound:
        groups[peer.like].append(peer)
    fleets = {like: Fleet(own, limits) for like, own in groups.items()}
    kept = [Unit("baseline", row) for row in baseline]
    return _with_places([_judge(unit, fleets, kept, limits) for unit in units])


def _judge(unit: Unit, fleets: Mapping[tuple[Any, ...], Fleet], baseline: Sequence[Unit], limits: Limits) -> Judgement:
    if not unit.row.get("replies"):
        return Judgement(unit, MISSING, [str(unit.row.get("problem") or "no fingerprint was taken")])
    told = _of_baseline(unit, baseline, limits)
    # What was accepted decides where the fleet cannot.
    fleet = [each for each in _of_fleet(unit, fleets.get(unit.like)) if not (told and each.undecided)]
    found = [*_of_itself(unit, limits), *fleet, *told]
    if not found:
        return Judgement(unit, UNJUDGED, ["there is no other server like it, and no baseline"])
    verdict = worst(each.verdict for each in found)
    deciding = [each for each in found if each.verdict == verdict]
    return Judgement(unit, verdict, [reason for each in deciding for reason in each.reasons], deciding[0].numbers)


def _of_itself(unit: Unit, limits: Limits) -> list[Judgement]:
    repeat = unit.row.get("repeat")
    if not repeat or repeat["mean"] <= limits.ceiling:
        return []
    return [Judgement(unit, BAD, [repeat_words(repeat)], {"against": "itself", **repeat})]


def _of_fleet(unit: Unit, fleet: Fleet | None) -> list[Judgement]:
    others = fleet.others(unit) if fleet else []
    if fleet is None or not others:
        return []
    comparison = fleet.compare(unit)
    if len(others) == 1 and len(fleet.members) == 2:
        return [_of_two(unit, others[0], comparison)]
    if not fleet.agrees:
        words = f"no verdict: the {len(fleet.members)} servers that are alike do not agree with each other"
        return [Judgement(unit, SUSPECT, [words], _numbers(comparison), undecided=True)]
    return [_verdict(unit, comparison, others[0].row, fleet.limits)]


def _of_two(unit: Unit, other: Unit, comparison: Comparison) -> Judgement:
    """Of two that differ nobody can say which one is off. Each is half of their distance from the middle."""
    apart = replace(comparison, distance=distance(unit.row["replies"], other.row["replies"]))
    verdict = GOOD if apart.verdict == GOOD else SUSPECT
    words = pair_words(apart.distance, f"{other.host}/{other.server}")
    return Judgement(unit, verdict, [words], _numbers(apart), undecided=verdict != GOOD)


def _of_baseline(unit: Unit, baseline: Sequence[Unit], limits: Limits) -> list[Judgement]:
    alike = [kept for kept in baseline if kept.like == unit.like]
    if not alike:
        return []
    kept = next((kept for kept in alike if kept.build == unit.build), alike[0])
    allowed = limits.floor if kept.build == unit.build else limits.other_build
    found = distance(unit.row["replies"], kept.row["replies"])
    return [_verdict(unit, Comparison(Against("baseline"), found, allowed), kept.row, limits)]


def _verdict(unit: Unit, comparison: Comparison, other: Row, limits: Limits) -> Judgement:
    unsteady = comparison.verdict == BAD and _differs_from_itself_as_much(unit, comparison.distance, limits)
    verdict = SUSPECT if unsteady else comparison.verdict
    words = difference_words(comparison.against, comparison.distance, comparison.spread, unit.row, other, verdict)
    if unsteady:
        words += unsteady_words(unit.row["repeat"])
    return Judgement(unit, verdict, [words], _numbers(comparison))


def _differs_from_itself_as_much(unit: Unit, found: Distance, limits: Limits) -> bool:
    """Whether a difference that may be rounding is no larger than a few times that from one round to the next.

    A server that computes other requests too rounds otherwise from round to round (docs/real_gpus.md).
    """
    itself = (unit.row.get("repeat") or {}).get("mean", 0.0)
    return found.n_tokens == 0 and found.mean <= min(limits.ceiling, _UNSTEADY * itself)


def _numbers(comparison: Comparison) -> dict[str, Any]:
    return {
        "against": comparison.against.what,
        "n_others": comparison.against.n_others,
        **comparison.distance.numbers(),
        "allowed": round(comparison.allowed, 4),
        "spread": None if comparison.spread is None else round(comparison.spread, 4),
    }


def _with_places(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Return the judgements; a bad one among others of its host says whether the GPU or the host is likely to blame."""
    by_host: dict[str, list[Judgement]] = defaultdict(list)
    for each in judgements:
        by_host[each.unit.host].append(each)
    return [
        replace(each, reasons=with_place(each.reasons, each.unit.row, *_counts(by_host[each.unit.host])))
        if each.verdict == BAD
        else each
        for each in judgements
    ]


def _counts(own: Sequence[Judgement]) -> tuple[int, int]:
    return sum(each.verdict == GOOD for each in own), sum(each.verdict == BAD for each in own)


def fingerprint_findings(
    rows: Mapping[str, Sequence[Row]],
    servers: Mapping[str, Sequence[str]],
    since: float | None = None,
    limits: Limits = USUAL_LIMITS,
) -> list[ExtraFinding]:
    """Return what the fingerprints say of each server that has one.

    rows: each host's fact gpt_oss_fingerprints; servers: the names that count; since: seconds since 1970, from
    which on fingerprints count. A server without one gets no finding: nothing was asked of it.
    """
    units = [
        Unit(host, row)
        for host, own in rows.items()
        for row in own
        if str(row["server"]) in servers.get(host, ()) and (since is None or (row.get("taken") or 0) >= since)
    ]
    return [
        ExtraFinding(
            *("fingerprint", each.unit.host, each.unit.server, None, None),
            each.verdict,
            "; ".join(each.reasons),
            each.numbers,
        )
        for each in judge(units, units, (), limits)
        if each.verdict != UNJUDGED
    ]
