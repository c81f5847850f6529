# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval targets, what is scored by itself on a host: a server, or the replicas of an entry together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._spec import base_url

# Bind addresses that a server's own host reaches by loopback.
_EVERYWHERE = ("", "0.0.0.0", "::")


def eval_targets(
    entries: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]], together: bool, containers: bool
) -> list[dict[str, Any]]:
    """Return an entry for each eval; entries: one for each server; servers: the same with replicas not written out."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(_base_name(entry, servers) if together else str(entry["name"]), []).append(entry)
    return [
        {
            **group[0],
            "name": name,
            **_place(group[0], containers),
            "replicas": [_place(e, containers) for e in group[1:]],
        }
        for name, group in groups.items()
    ]


def _base_name(entry: Mapping[str, Any], servers: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of the entry that a server is a replica of; else its own."""
    name = str(entry["name"])
    base, _dash, number = name.rpartition("-")
    replicated = {str(server["name"]) for server in servers if server.get("replicas") is not None}
    return base if number.isdigit() and base in replicated else name


def _place(entry: Mapping[str, Any], containers: bool) -> dict[str, Any]:
    address = str(entry.get("bind_address") or "")
    place = {"base_url": base_url("127.0.0.1" if address in _EVERYWHERE else address, entry["port"])}
    return {**place, "container": str(entry["name"])} if containers else place
