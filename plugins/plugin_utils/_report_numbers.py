# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report numbers, the report's tables of what the repeats tell, and of tokens and times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import PLACE, Table, place
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points

Entry = Mapping[str, Any]

_PERCENTILES = ("p50", "p90", "p99")


def repeats(entries: Sequence[Entry]) -> Table:
    """Return the table of pass@k, majority and single repeats; nothing where each question was asked once."""
    shown = [entry for entry in entries if entry.get("pass_at_k") and (entry.get("n_repeats") or 0) > 1]
    columns = list(dict.fromkeys(row["k"] for entry in shown for row in entry["pass_at_k"]))
    numbers = (*(f"pass@{k}" for k in sorted(columns)), "Majority", "Tied", "Repeats")
    rows = [(*place(entry), *_passes(entry, sorted(columns)), *_votes(entry), _range(entry)) for entry in shown]
    return Table((*PLACE, *numbers), rows, numbers)


def speed(entries: Sequence[Entry]) -> Table:
    """Return the table of tokens and times."""
    numbers = (
        *("Prompt tokens", "Reasoning tokens", "Answer tokens", "Seconds", "Tokens/s"),
        *(f"Latency {name}" for name in (*_PERCENTILES, "max")),
        *(f"First token {name}" for name in _PERCENTILES),
    )
    rows = [(*place(entry), *_tokens(entry), *_times(entry)) for entry in entries if entry.get("n_samples")]
    return Table((*PLACE, *numbers), rows, numbers)


def _passes(entry: Entry, columns: Iterable[int]) -> list[str]:
    own = {row["k"]: row["score"] for row in entry["pass_at_k"]}
    return [points(own.get(k)) for k in columns]


def _votes(entry: Entry) -> tuple[Any, ...]:
    majority = entry.get("majority") or {}
    return points(majority.get("score")), majority.get("n_tied")


def _range(entry: Entry) -> str | None:
    scores = [score for score in entry.get("repeat_scores") or [] if score is not None]
    return f"{points(min(scores))} to {points(max(scores))}" if scores else None


def _tokens(entry: Entry) -> list[Any]:
    tokens = entry.get("tokens") or {}
    answer = tokens.get("answer")
    # A server that does not tell reasoning apart counts it in what it completed.
    return [
        tokens.get("prompt"),
        *(("-", tokens.get("completion")) if answer is None else (tokens["reasoning"], answer)),
    ]


def _times(entry: Entry) -> list[str | None]:
    latency, first = entry.get("latency") or {}, entry.get("time_to_first_token") or {}
    return [
        seconds(entry.get("seconds")),
        None if entry.get("tokens_per_second") is None else f"{entry['tokens_per_second']:.0f}",
        *(seconds(latency.get(name)) for name in (*_PERCENTILES, "max")),
        *(seconds(first.get(name)) for name in _PERCENTILES),
    ]


def seconds(value: float | None) -> str | None:
    """Return a time in seconds, as text, with three digits at most where they are few."""
    if value is None:
        return None
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
