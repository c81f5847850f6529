# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the simulations, and the limits that they must keep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from looking import Ran, obrien_fleming
from whole import ALPHA, CELL, HOST, POOLED, WAYS, Seen, bound, n_tests, smallest_seen

_TITLES = {"gpqa": "GPQA", "aime25": "AIME25"}
_POWER_LIMIT = 0.03
_FALSE_FAILURES = 0.055
# Requests of O'Brien and Fleming's bounds on one effort of GPQA (1,584 in all), one host against a pooled reference.
PUBLISHED = {0.0: 875, 0.05: 632, 0.1: 393, 0.3: 198}


def whole_table(seen: Sequence[Seen]) -> list[str]:
    """Return the table of whole evals: false alarms a healthy fleet, then power for each drop."""
    lines = []
    for own in _groups(seen):
        plan = own[0].plan
        lines += [
            "",
            f"### {_TITLES[plan.task]}, {plan.n_hosts} hosts, 3 efforts: "
            f"Holm at {ALPHA:.0%} over {n_tests(plan)} tests",
            "",
            f"| judged by | fleets with a false alarm | {' | '.join(_drop(each) for each in own[1:])} |",
            f"|---|---|{'---|' * (len(own) - 1)}",
        ]
        for way in WAYS:
            powers = " | ".join(f"{each.power(way):.2f}" for each in own[1:])
            lines.append(f"| {_title(way)} | {own[0].false_rate(way):.3f} | {powers} |")
            if way in (CELL, POOLED):
                bounds = " | ".join(f"{bound(each.plan, way):.2f}" for each in own[1:])
                lines.append(f"| *{way}: bound* | | {bounds} |")
    return lines


def blind_table(seen: Sequence[Seen]) -> list[str]:
    """Return what cannot be seen: the drops that the theoretical bound finds in 5, 50, 80 and 95 of 100 fleets."""
    powers = (0.05, 0.5, 0.8, 0.95)
    lines = [
        "### What cannot be seen: the drop, in points, that is found with this probability",
        "",
        f"| task | hosts | judged by | {' | '.join(f'{power:.2f}' for power in powers)} |",
        f"|---|---|---|{'---|' * len(powers)}",
    ]
    for own in _groups(seen):
        for way in (CELL, POOLED):
            drops = " | ".join(f"{100 * smallest_seen(own[0].plan, way, power):.1f}" for power in powers)
            lines.append(f"| {_TITLES[own[0].plan.task]} | {own[0].plan.n_hosts} | {way} | {drops} |")
    return lines


def sequential_table(ran: Sequence[Ran]) -> list[str]:
    """Return the table of sequential evals. False failures: of healthy servers, and of fleets with any such."""
    lines = [
        "### Sequential: margin 3 points, beta 5 %, at most 8 looks",
        "",
        "| hosts | efforts | alpha of the fleet | points worse | fails | false, servers | false, fleets |"
        " requests a server | of the whole | O'Brien-Fleming, same alpha |",
        f"|{'---|' * 10}",
    ]
    for each in ran:
        trial = each.trial
        drop = f"{100 * trial.drop:.0f}" + (" at one effort" if trial.only_effort else "")
        fails = f"{each.failed:.3f}" if trial.drop else "-"
        false = (
            ("-", "-")
            if trial.drop and trial.n_hosts == 1
            else (f"{each.false_servers:.4f}", f"{each.false_fleets:.3f}")
        )
        rival = "-" if trial.only_effort else f"{obrien_fleming(trial):.0f}"
        share = each.requests / (1584 * trial.n_efforts)
        lines.append(
            f"| {trial.n_hosts} | {trial.n_efforts} | {trial.alpha:g} | {drop} | {fails} | {' | '.join(false)} |"
            f" {each.requests:.0f} | {share:.0%} | {rival} |"
        )
    return lines


def whole_problems(seen: Sequence[Seen]) -> list[str]:
    """Return the limits that are exceeded, of the product's own verdicts."""
    found = []
    for each in seen:
        plan = each.plan
        where = f"{plan.task}, {plan.n_hosts} hosts, drop {plan.drop:.2f}"
        if not plan.drop:
            limit = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / each.n_fleets)
            found += [
                f"{where}: {way}: {each.false_rate(way):.4f} of healthy fleets have a bad host, limit {limit:.4f}"
                for way in (CELL, POOLED, HOST)
                if each.false_rate(way) > limit
            ]
        elif plan.task == "gpqa" and plan.n_hosts == 64:
            found += [
                f"{where}: {way}: power {each.power(way):.3f}, bound {bound(plan, way):.3f}"
                for way in (CELL, POOLED)
                if each.power(way) < bound(plan, way) - _POWER_LIMIT
            ]
    return found


def sequential_problems(ran: Sequence[Ran]) -> list[str]:
    """Return the limits that are exceeded: the published figures, and those of the same alpha for fleets."""
    found = []
    for each in ran:
        trial = each.trial
        where = f"sequential, {trial.n_hosts} hosts, {trial.n_efforts} efforts, alpha {trial.alpha}, drop {trial.drop}"
        of_servers = trial.n_hosts > 1 and trial.alpha == 0.05 * trial.n_hosts
        rate, n = (
            (each.false_servers, each.n_fleets * trial.n_hosts) if of_servers else (each.false_fleets, each.n_fleets)
        )
        limit = _FALSE_FAILURES + 2 * math.sqrt(_FALSE_FAILURES * (1 - _FALSE_FAILURES) / n)
        if not trial.drop and rate > limit:
            found.append(f"{where}: {rate:.3f} false failures, limit {limit:.3f}")
        if trial.only_effort:
            continue
        limits = [obrien_fleming(trial)]
        if trial.n_efforts == 1 and (of_servers or trial.n_hosts == 1 or trial.drop != 0.05):
            limits += [PUBLISHED[trial.drop]] if trial.drop in PUBLISHED else []
        if each.requests > min(limits) + 0.5:
            found.append(f"{where}: {each.requests:.0f} requests a server, limit {min(limits):.0f}")
    return found


def _groups(seen: Iterable[Seen]) -> list[list[Seen]]:
    groups: dict[tuple[str, int], list[Seen]] = {}
    for each in seen:
        groups.setdefault((each.plan.task, each.plan.n_hosts), []).append(each)
    return list(groups.values())


def _drop(seen: Seen) -> str:
    return f"{100 * seen.plan.drop:.0f} points"


def _title(way: str) -> str:
    return f"**{way}**" if way in (CELL, POOLED, HOST) else way
