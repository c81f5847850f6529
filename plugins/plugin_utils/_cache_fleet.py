# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cache fleet - what the caches of all hosts hold, what is wrong with them, and what went from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

# What a fleet's file systems have left, as a share, below which a remark is made.
_LITTLE = 0.1
_NOTHING_KNOWN = (
    "nothing is known of this host: it could not be reached, or the play ended there before a look; run the playbook "
    "for this host alone (--limit), and read its first error"
)
_BRING = "bring it again (playbook models)"
_PRUNE = "the playbook prune_models removes them"

Row = Mapping[str, Any]


def fleet_caches(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row for each revision of each host, a remark for all that is not as it should be, and a sentence.

    `hosts` maps each host to `cache` and `pruned`, its facts gpt_oss_cache and gpt_oss_cache_pruned (None where there
    are none), and to `problem`.
    """
    report: dict[str, Any] = {
        "hosts": [_host(name, own) for name, own in hosts.items()],
        "revisions": [{"host": name, **row} for name, own in hosts.items() for row in _of(own, "cache", "revisions")],
        "removed": [{"host": name, **row} for name, own in hosts.items() for row in _of(own, "pruned", "removed")],
        "kept": [{"host": name, **row} for name, own in hosts.items() for row in _of(own, "pruned", "kept")],
        "remarks": [{"host": name, "text": text} for name, own in hosts.items() for text in _remarks(own)],
        "pruned": [name for name, own in hosts.items() if own["pruned"]],
        "done": any(own["pruned"]["done"] for own in hosts.values() if own["pruned"]),
    }
    return {**report, "sentence": sentence(report)}


def size(n_bytes: float) -> str:
    """Return a size in few characters, in powers of 1,000 as disks are sold and as `hf cache ls` has it."""
    for unit in ("", "K", "M", "G", "T"):
        if n_bytes < 999.5 or unit == "T":
            break
        n_bytes /= 1000
    return f"{n_bytes:.1f}{unit}" if unit and n_bytes < 99.95 else f"{n_bytes:.0f}{unit}"


def sentence(report: Mapping[str, Any]) -> str:
    """Return how the caches are, in one sentence or two."""
    seen = [host for host in report["hosts"] if host["folder"]]
    failed = [host["host"] for host in report["hosts"] if host["problem"]]
    models = {row["repo_id"] for row in report["revisions"]}
    commits = {(row["repo_id"], row["commit"]) for row in report["revisions"]}
    total = sum(host["bytes"] for host in seen)
    parts = [
        f"{_count(len(seen), 'cache')}: {_count(len(commits), 'revision')} of {_count(len(models), 'model')}, "
        f"{size(total)} in all."
    ]
    if report["pruned"]:
        parts.append(_went(report))
    if failed:
        parts.append(f"{len(failed)} of {_count(len(report['hosts']), 'host')} failed: {listed(failed, 5)}.")
    return " ".join(parts)


def _went(report: Mapping[str, Any]) -> str:
    n_bytes = sum(row["bytes"] for row in report["removed"])
    if not report["removed"]:
        return "There is nothing to remove."
    hosts = _count(len({row["host"] for row in report["removed"]}), "host")
    if report["done"]:
        return f"Removed {size(n_bytes)} on {hosts}."
    return f"Nothing was removed: {size(n_bytes)} on {hosts} would go with -e hf_cache_prune=true."


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _of(own: Mapping[str, Any], fact: str, name: str) -> Sequence[Row]:
    return (own[fact] or {}).get(name) or []


def _host(name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    cache = own["cache"] or {}
    disk = cache.get("disk") or {}
    return {
        "host": name,
        "folder": cache.get("folder", ""),
        "problem": own["problem"] or ("" if cache else _NOTHING_KNOWN),
        "bytes": cache.get("bytes", 0),
        "total_bytes": disk.get("total_bytes"),
        "free_bytes": disk.get("free_bytes"),
        "leftover_bytes": sum(row["bytes"] for row in _of(own, "cache", "leftovers")),
    }


def _remarks(own: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is to be said of a host's cache, each with what to do."""
    cache = own["cache"]
    if own["problem"] or not cache:
        yield own["problem"] or _NOTHING_KNOWN
    if not cache:
        return
    yield from _of_disk(cache.get("disk") or {})
    for row in cache["revisions"]:
        yield from _of_revision(row)
    yield from _of_leftovers(cache["leftovers"])
    yield from _of_access(cache["access"])
    if cache["users_problem"] and cache["users_problem"] not in own["problem"]:
        yield f"who uses what cannot be told: {cache['users_problem']}"


def _of_disk(disk: Row) -> Iterator[str]:
    for what, unit in (("bytes", "space"), ("inodes", "inodes")):
        total, free = disk.get(f"total_{what}"), disk.get(f"free_{what}")
        if total and free is not None and free < _LITTLE * total:
            left = size(free) if what == "bytes" else f"{free:,}"
            share = f"{100 * free / total:.0f} %"
            yield f"{disk['mount']} has {left} of its {unit} left ({share}): prune, or move the cache"


def _of_revision(row: Row) -> Iterator[str]:
    name = f"{row['repo_id']} {row['commit'][:8]}"
    if row["brought_by"]:
        yield f"{name}: {row['brought_by']} is at work"
    elif row["verified"] == "part":
        yield f"{name} was never finished: {_BRING}, which goes on where it was, or prune it"
    if row["verified"] == "damaged":
        problems = [f"{file} {what}" for file, what in row["problems"].items()]
        yield f"{name} is damaged: {listed(problems, 3)}; {_BRING}, which fetches what is wrong"
    if row["tree_lacks"]:
        yield (
            f"{name}: huggingface_hub's list of it has {_count(row['tree_lacks'], 'file')} more than are here, so that "
            "vLLM 0.13 to 0.24 refuses it offline; the playbook models mends that"
        )


def _of_leftovers(leftovers: Sequence[Row]) -> Iterator[str]:
    if leftovers:
        kinds = Counter(row["kind"].replace("_", " ") for row in leftovers)
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        yield f"leftovers of {size(sum(row['bytes'] for row in leftovers))} ({counts}): {_PRUNE}"


def _of_access(access: Row) -> Iterator[str]:
    for name, what, remedy in (
        ("foreign", f"of others than {access['owner']}, as containers leave them", "set hf_cache_owner"),
        ("unreadable", "that some cannot read who may enter the cache", "the playbook models mends that"),
        ("unseen", "that could not be looked into", "run as root (ansible_become)"),
    ):
        if access[name]["count"]:
            yield f"{_count(access[name]['count'], 'path')} {what}, such as {access[name]['paths'][0]}: {remedy}"
