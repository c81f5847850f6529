# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: overlaps - names, ports and GPUs that two servers of a host would both take."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import HostGpus
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._placement import Placement, shared_gpus


def overlaps(placements: Sequence[Placement], addresses: Mapping[int, str], host: HostGpus) -> Iterator[str]:
    """Say what servers would share; `addresses` holds the bind addresses by the numbers of the entries."""
    names = Counter(one.name for one in placements if one.name)
    yield from _counted("name", names)
    clashing: dict[Any, set[Placement]] = {}
    for one, other in combinations(placements, 2):
        if one.port == other.port != 0 and _overlap(addresses.get(one.entry), addresses.get(other.entry)):
            clashing.setdefault(one.port, set()).update((one, other))
    yield from _counted("port", Counter({port: len(servers) for port, servers in clashing.items()}))
    for one, other in combinations(placements, 2):
        shared = shared_gpus(one, other, host)
        if shared:
            yield _shared(one, other, shared)


def _counted(what: str, counts: Mapping[Any, int]) -> Iterator[str]:
    for value, count in counts.items():
        if count > 1:
            yield f"{count} servers have the {what} {value}; give each its own"


def _overlap(one: str | None, other: str | None) -> bool:
    """Tell whether what listens on one address keeps the other from listening on the same port."""
    first, second = (ipaddress.ip_address(address or "127.0.0.1") for address in (one, other))
    return first == second or first.is_unspecified or second.is_unspecified


def _shared(one: Placement, other: Placement, shared: list[str]) -> str:
    remedy = 'give each its own, such as gpus: "0", or gpus: auto'
    if one.gpus == other.gpus == "all":
        return f"servers {one.name} and {other.name} would both use all GPUs; {remedy}"
    what = f"GPU {shared[0]}" if len(shared) == 1 else f"the GPUs {', '.join(shared)}"
    return f"servers {one.name} and {other.name} would both use {what}; {remedy}"
