# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report csv, a fleet's scores as CSV, one row a score."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import shown_reference

Entry = Mapping[str, Any]

# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection): blanks first, and wide forms as well.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_FIRST = (
    "simulated", "host", "server", "model", "task", "reasoning_effort", "verdict", "reason", "score", "standard_error",
    "standard_error_within",
)  # fmt: skip
_COUNTS = (
    "n_questions", "n_repeats", "n_samples", "n_measured", "n_correct", "n_wrong", "n_unparsed", "n_truncated",
    "n_refused", "n_errors", "n_timeouts", "stopped", "tokens_per_second", "seconds",
)  # fmt: skip
_LAST = ("sampler", "max_tokens", "vllm_version", "image_digest", "revision", "data_sha256", "identity", "finished")
_OF_A_COMPARISON = ("centre", "difference", "standard_error", "low", "high", "p", "p_holm", "verdict")
_PERCENTILES = ("p50", "p90", "p99")

COLUMNS = (
    *_FIRST,
    *("interval_low", "interval_high"),
    *(f"fleet_{name}" for name in _OF_A_COMPARISON),
    *(f"reference_{name}" for name in _OF_A_COMPARISON),
    *("reference_source", "reference_judges", "waiver"),
    *_COUNTS,
    *(f"latency_{name}" for name in (*_PERCENTILES, "max")),
    *(f"first_token_{name}" for name in _PERCENTILES),
    *_LAST,
)


def report_csv(fleet: Mapping[str, Any]) -> str:
    """Return the scores as CSV (RFC 4180), with a line of headings; shares from 0 to 1, times in seconds."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for entry in fleet["scores"]:
        writer.writerow({name: _cell(value) for name, value in _row(entry).items()})
    return text.getvalue()


def _row(entry: Entry) -> dict[str, Any]:
    reference, judges = shown_reference(entry)
    interval = entry["confidence_interval"] or (None, None)
    latency, first = entry.get("latency") or {}, entry.get("time_to_first_token") or {}
    return {
        **{name: entry.get(name) for name in (*_FIRST, *_COUNTS, *_LAST)},
        "interval_low": interval[0],
        "interval_high": interval[1],
        **_comparison("fleet", entry["fleet"]),
        **_comparison("reference", reference),
        "reference_source": (reference or {}).get("source"),
        "reference_judges": judges if reference else None,
        "waiver": (entry.get("waiver") or {}).get("reason"),
        **{f"latency_{name}": latency.get(name) for name in (*_PERCENTILES, "max")},
        **{f"first_token_{name}": first.get(name) for name in _PERCENTILES},
    }


def _comparison(prefix: str, comparison: Entry | None) -> dict[str, Any]:
    known = dict(comparison or {})
    known["low"], known["high"] = known.get("confidence_interval") or (None, None)
    return {f"{prefix}_{name}": known.get(name) for name in _OF_A_COMPARISON}


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        value = " ".join(map(str, value))
    # A number may begin with a minus sign; a text that does is told to be one.
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
