# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: waivers, verdicts that somebody accepts for a time, with a reason. A waiver hides nothing: it only keeps a
verdict from failing the play.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import GOOD, UNJUDGED

Entry = dict[str, Any]

_MUST = ("host", "reason", "expires")
_MAY = ("server", "task", "reasoning_effort")


class WaiverError(Exception):
    """A waiver lacks a field, or holds what cannot be one."""


@dataclass(frozen=True)
class Waiver:
    """What is accepted of a host until the end of a day (UTC): all, or what the narrower fields name."""

    host: str
    reason: str
    expires: date
    server: str | None = None
    task: str | None = None
    reasoning_effort: str | None = None

    def covers(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether it speaks of this entry: a score, a task's pooled efforts, or an extra finding."""
        named = ((name, getattr(self, name)) for name in ("host", *_MAY))
        return all(entry.get(name) == value for name, value in named if value is not None)

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "host": self.host,
            "server": self.server,
            "task": self.task,
            "reasoning_effort": self.reasoning_effort,
            "reason": self.reason,
            "expires": self.expires.isoformat(),
        }


def parse(rows: Sequence[Any]) -> list[Waiver]:
    """Return the waivers; raises WaiverError for the first row that is none."""
    return [_waiver(number, row) for number, row in enumerate(rows, 1)]


def apply(waivers: Sequence[Waiver], entries: Iterable[Entry], pooled: Iterable[Entry], today: date) -> None:
    """Give each entry its `waiver`: what accepts it, or None. What is good needs none.

    A task's efforts together are waived where each of the server's scores of this task that is not good is.
    """
    valid = [waiver for waiver in waivers if waiver.expires >= today]
    unfit: dict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        entry["waiver"] = _first(valid, entry)
        if entry["verdict"] not in (GOOD, UNJUDGED):
            unfit[_place(entry)].append(entry)
    for each in pooled:
        own = unfit[_place(each)]
        whole = each["verdict"] != GOOD and own and all(entry["waiver"] for entry in own)
        each["waiver"] = _first(valid, each) or (own[0]["waiver"] if whole else None)


def unmet(waivers: Iterable[Waiver], entries: Sequence[Entry], today: date) -> list[dict[str, Any]]:
    """Return the waivers that did nothing, and why; entries: all that were judged, with their waivers."""
    used = [entry["waiver"] for entry in entries if entry["waiver"]]
    results = []
    for waiver in waivers:
        facts = waiver.facts()
        if waiver.expires < today:
            results.append({**facts, "problem": "expired", "sentence": f"{_name(waiver)} expired on {waiver.expires}"})
        elif facts not in used:
            text = f"{_name(waiver)} is not used: nothing of that is suspect, bad, void or missing; take it away"
            results.append({**facts, "problem": "unused", "sentence": text})
    return results


def _waiver(number: int, row: Any) -> Waiver:
    wanted = (
        "wanted host, reason and expires (a date such as 2026-12-31), and where it is narrower server, task, "
        "reasoning_effort"
    )
    if not isinstance(row, Mapping):
        raise WaiverError(f"Waiver {number} is {row!r}: {wanted}.")
    lacking = [name for name in _MUST if not str(row.get(name) or "").strip()]
    unknown = sorted(set(row) - {*_MUST, *_MAY})
    if lacking or unknown:
        parts = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has {', '.join(unknown)}"] * bool(unknown)
        raise WaiverError(f"Waiver {number} {' and '.join(parts)}: {wanted}.")
    try:
        expires = date.fromisoformat(str(row["expires"])[:10])
    except ValueError as exc:
        raise WaiverError(f"Waiver {number} expires on {row['expires']!r}: wanted a date such as 2026-12-31.") from exc
    narrower = {name: str(row[name]) for name in _MAY if row.get(name)}
    return Waiver(str(row["host"]), str(row["reason"]), expires, **narrower)


def _first(waivers: Iterable[Waiver], entry: Mapping[str, Any]) -> dict[str, Any] | None:
    if entry["verdict"] in (GOOD, UNJUDGED):
        return None
    return next((waiver.facts() for waiver in waivers if waiver.covers(entry)), None)


def _place(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return entry["host"], entry["server"], entry["task"]


def _name(waiver: Waiver) -> str:
    what = [text for text in (waiver.server, waiver.task, waiver.reasoning_effort) if text]
    return f"The waiver of {' '.join([waiver.host, *what])} ({waiver.reason})"
