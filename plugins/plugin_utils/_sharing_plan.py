# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: sharing plan - who brings a thing into the network, who shares it, and who fetches from whom.

A thing is an image or a model, known by a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

State = Mapping[str, Any]
# Beside the next ones on the ring, each host knows those at distances of powers of two: whatever their number, all
# hosts are connected, and each by a few.
_NEAR = 4


def sharing_plan(
    states: Sequence[State], host: str, batch: Sequence[str], sources: int = 1
) -> dict[str, list[dict[str, Any]]]:
    """Return what one host of a batch has to do.

    `states` are the hosts of the play that were looked at so far: host, wanted and held (lists of names), address and
    settings. Hosts of earlier batches may share; only those of this one fetch.
    """
    here = [state for state in states if state["host"] in batch]
    plan: dict[str, list[dict[str, Any]]] = {"pulls": [], "shares": [], "fetches": []}
    names = sorted({name for state in here for name in state["wanted"]})
    for number, name in enumerate(names):
        _add(plan, name, number, host, here, _holders(name, here, states)[: max(1, sources)])
    return plan


def _holders(name: str, here: Sequence[State], states: Sequence[State]) -> list[State]:
    """Return who has a thing: the hosts of this batch first, as they do nothing else meanwhile."""
    elsewhere = [state for state in states if state not in here]
    return [state for state in [*here, *elsewhere] if name in state["held"]]


def _add(
    plan: dict[str, list[dict[str, Any]]],
    name: str,
    number: int,
    host: str,
    here: Sequence[State],
    holders: Sequence[State],
) -> None:
    wanting = [state for state in here if name in state["wanted"]]
    lacking = [state for state in wanting if name not in state["held"]]
    sharing, pulls = list(holders), False
    if lacking and not sharing:
        sharing, pulls = [lacking.pop(0)], True
    if pulls and sharing[0]["host"] == host:
        plan["pulls"].append({"name": name})
    if not lacking:
        return
    local = {state["host"] for state in here}
    sources = [_source(state, local, wanting[0]["host"]) for state in sharing]
    for state, source in zip(sharing, sources, strict=True):
        if source["runner"] == host:
            row = {"name": name, "number": number, "host": state["host"], "settings": state["settings"]}
            plan["shares"].append(row)
    for turn, state in enumerate(lacking):
        if state["host"] == host:
            others = [_other(lacking[place]) for place in neighbours(turn, len(lacking))]
            row = {"name": name, "number": number, **sources[turn % len(sources)]}
            plan["fetches"].append({**row, "sources": sources, "others": others})


def _source(state: State, local: set[str], first: str) -> dict[str, Any]:
    """Return who shares, at what address, and the host of this batch that has it do so."""
    runner = state["host"] if state["host"] in local else first
    return {"host": state["host"], "address": state["address"], "runner": runner}


def _other(state: State) -> dict[str, Any]:
    return {"host": state["host"], "address": state["address"], "settings": state["settings"]}


def neighbours(place: int, count: int) -> list[int]:
    """Return the places on a ring of `count` that the one at `place` knows: all of a few, some of many."""
    reach = {*range(1, _NEAR + 1), *(2**power for power in range(count.bit_length()))}
    return sorted({(place + way) % count for step in reach for way in (step, -step)} - {place})
