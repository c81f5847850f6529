# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment differences - who is the odd one out, key by key. Everything here is pure.

A key is compared between the hosts of which its part (host, gpu, or the server) is known. The usual value is that of
more than half of them; where there is none, all groups are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_keys import (
    Path,
    Table,
    dotted,
    fact_table,
    server_table,
    title_of,
)

# Which part of an environment, and of which server ("": of all servers of a host alike).
Part = tuple[str, str]
FACTS = {"host": "gpt_oss_host", "gpu": "gpt_oss_gpu"}


def differences(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return in what hosts differ.

    Each host has `servers` (the fact gpt_oss_environment), `host`, `gpu` (the facts, None where there are none) and
    `problem` (why there are no servers, or empty).

    Returns `hosts`, the compared ones; `not_collected`, rows of host, server and problem; `without_facts`, the names
    of facts and the hosts that lack them though others have them; `n_keys`; and `differences`, the most important
    first, each with `key`, `server`, `title`, `usual` (None when there is no majority or the majority has no value),
    `has_usual`, `n_usual`, and `odd`: rows of value and hosts.
    """
    parts = _parts(hosts)
    compared = [host for host in hosts if any(host in tables for tables in parts.values())]
    rows: list[dict[str, Any]] = []
    n_keys = 0
    for (_unused, server), tables in parts.items():
        for path in dict.fromkeys(path for table in tables.values() for path in table):
            n_keys += 1
            row = _difference(path, server, {host: table.get(path) for host, table in tables.items()})
            rows += [row] if row else []
    return {
        "hosts": compared,
        "not_collected": list(_not_collected(hosts)),
        "without_facts": _without_facts(hosts, compared),
        "n_keys": n_keys,
        "differences": sorted(rows, key=lambda row: (title_of(tuple(row["path"]))[0], row["key"], row["server"])),
    }


def _parts(hosts: Mapping[str, Mapping[str, Any]]) -> dict[Part, dict[str, Table]]:
    """Return the tables of each part by host."""
    found: dict[Part, dict[str, Table]] = {}
    for part in FACTS:
        known = {host: fact_table(part, own[part]) for host, own in hosts.items() if own[part]}
        found[part, ""] = known
    servers = {
        host: {name: server_table(row) for name, row in own["servers"].items() if row["collected"]}
        for host, own in hosts.items()
    }
    for server, host, table in _servers(servers):
        found.setdefault(("server", server), {})[host] = table
    return {part: tables for part, tables in found.items() if tables}


def _servers(servers: Mapping[str, Mapping[str, Table]]) -> Iterator[tuple[str, str, Table]]:
    """Yield server, host and table. What all servers of each host have alike is told once, of no server's name."""
    every = [tables for tables in servers.values() if tables]
    paths = dict.fromkeys(path for tables in every for table in tables.values() for path in table)
    alike = {path for path in paths if all(len({table.get(path) for table in own.values()}) == 1 for own in every)}
    for host, tables in servers.items():
        for position, (name, table) in enumerate(tables.items()):
            if position == 0:
                yield "", host, {path: value for path, value in table.items() if path in alike}
            if len(alike) < len(paths):
                yield name, host, {path: value for path, value in table.items() if path not in alike}


def _difference(path: Path, server: str, values: Mapping[str, str | None]) -> dict[str, Any] | None:
    groups: dict[str | None, list[str]] = {}
    for host, value in values.items():
        groups.setdefault(value, []).append(host)
    if len(groups) == 1:
        return None
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0] or ""))
    value, usual_hosts = ordered[0]
    has_usual = len(usual_hosts) * 2 > len(values)
    return {
        "key": dotted(path),
        "path": list(path),
        "server": server,
        "title": title_of(path)[1] + (f" of {server}" if server else ""),
        "usual": value if has_usual else None,
        "has_usual": has_usual,
        "n_usual": len(usual_hosts) if has_usual else 0,
        "odd": [{"value": value, "hosts": names} for value, names in (ordered[1:] if has_usual else ordered)],
    }


def _not_collected(hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    names: dict[str, int] = {}
    for own in hosts.values():
        for name in own["servers"]:
            names[name] = names.get(name, 0) + 1
    for host, own in hosts.items():
        if not own["servers"]:
            problem = own["problem"] or "nothing was collected: the host has no servers, or its run ended before"
            yield {"host": host, "server": None, "problem": problem}
        for name, row in own["servers"].items():
            if not row["collected"]:
                yield {"host": host, "server": name, "problem": row["problem"] or "it was not run"}
        for name, count in names.items():
            if own["servers"] and name not in own["servers"] and count * 2 > len(hosts):
                yield {"host": host, "server": name, "problem": "the host has no such server, most others have"}


def _without_facts(hosts: Mapping[str, Mapping[str, Any]], compared: Sequence[str]) -> dict[str, list[str]]:
    lacking = {fact: [host for host in compared if not hosts[host][part]] for part, fact in FACTS.items()}
    return {fact: names for fact, names in lacking.items() if names and len(names) < len(compared)}
