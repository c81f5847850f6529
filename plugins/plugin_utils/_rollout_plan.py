# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: rollout plan - which hosts are changed, in which wave, and why the others are not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _server_plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_waves import waves_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

AWAY = "away"
QUARANTINED = "quarantined"
_TO_DO = (_server_plan.PROVE, _server_plan.SWAP, _server_plan.START)
_MEANINGS = {
    _server_plan.DONE: "done already",
    _server_plan.UNFIT: "unfit",
    QUARANTINED: "in quarantine",
    AWAY: "away",
}


@dataclass(frozen=True)
class Seen:
    """What was seen of one host: its servers' plans (_server_plan), None when nothing; why it cannot take part."""

    servers: Sequence[Mapping[str, Any]] | None
    problem: str = ""


@dataclass(frozen=True)
class Wishes:
    """How the rollout shall go. `retest` names hosts of the quarantine that take part; True for all of them."""

    waves: Sequence[int | str]
    canaries: Sequence[str] = ()
    retest: bool | Collection[str] = False
    quarantine: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def rollout_plan(seen: Mapping[str, Seen], wishes: Wishes) -> dict[str, Any]:
    """Return the plan: a row for each host in `hosts`, the names of each wave in `waves`, and a sentence.

    Raises WavesError.
    """
    rows = [_row(host, found, wishes) for host, found in seen.items()]
    to_do = [row["host"] for row in rows if row["state"] in _TO_DO]
    canaries = [host for host in wishes.canaries if host in to_do]
    waves = waves_of([*canaries, *(host for host in to_do if host not in canaries)], wishes.waves)
    numbers = {host: number for number, wave in enumerate(waves, 1) for host in wave}
    rows = [{**row, "wave": numbers.get(row["host"])} for row in rows]
    return {"hosts": rows, "waves": waves, "sentence": _sentence(rows, waves)}


def _row(host: str, found: Seen, wishes: Wishes) -> dict[str, Any]:
    row = {"host": host, "state": AWAY, "servers": list(found.servers or []), "reason": found.problem}
    retested = wishes.retest is True or (not isinstance(wishes.retest, bool) and host in wishes.retest)
    if host in wishes.quarantine and not retested:
        return {**row, "state": QUARANTINED, "reason": wishes.quarantine[host].get("reason") or "no reason given"}
    if found.problem:
        return {**row, "state": _server_plan.UNFIT}
    if found.servers is None:
        return {**row, "reason": "it cannot be reached, or failed before anything was known of it"}
    state = _server_plan.host_state(found.servers)
    if state == _server_plan.DONE and host in wishes.quarantine:
        state = _server_plan.PROVE
    problems = [f"{server['name']}: {server['problem']}" for server in found.servers if server["problem"]]
    return {**row, "state": state, "reason": "; ".join(problems) or _none(found.servers)}


def _none(servers: Sequence[Any]) -> str:
    return "" if servers else "vllm_servers names no server"


def _sentence(rows: Sequence[Mapping[str, Any]], waves: Sequence[Sequence[str]]) -> str:
    others = []
    for state, meaning in _MEANINGS.items():
        hosts = [row["host"] for row in rows if row["state"] == state]
        if hosts:
            others.append(f"{meaning}: {listed(hosts)}")
    count = sum(map(len, waves))
    sizes = "+".join(str(len(wave)) for wave in waves)
    head = (
        f"{count} of {len(rows)} hosts in {'1 wave' if len(waves) == 1 else f'{len(waves)} waves'} ({sizes})"
        if count
        else "Nothing to roll out"
    )
    return f"{'. '.join([head, *others])}."
