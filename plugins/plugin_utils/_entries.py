# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: entries, judgements as the plain data of a fleet's facts."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._comparisons import Comparison
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Judgement
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import Finding

# Taken over from a score row into the fleet's facts; the outcomes of each question stay with their host.
_FROM_ROW = (
    "model", "identity", "sampler", "score", "n_questions", "n_repeats", "through_repeat",
    "n_samples", "n_measured", "n_correct",
    "n_wrong", "n_unparsed", "n_truncated", "n_refused", "n_errors", "n_timeouts", "n_cut_off", "n_fallback", "n_empty",
    "standard_error", "standard_error_within", "confidence_interval", "confidence_interval_within", "pass_at_k",
    "majority", "repeat_scores", "tokens", "tokens_per_second", "latency", "time_to_first_token", "seconds",
    "concurrency", "gpu_load",
    "max_tokens", "max_tokens_fitted_from", "journal", "data_sha256", "simulated", "vllm_version", "image_digest",
    "revision", "started", "finished", "engine", "data_origins",
)  # fmt: skip
_OF_A_REFERENCE = ("id", "source", "date", "hardware", "sampler", "n_correct", "n", "n_paired")


def score_entry(judgement: Judgement) -> dict[str, Any]:
    """Return what the fleet's facts say of one expected score."""
    cell = judgement.cell
    verdict, reasons = judgement.verdict()
    by_kind = {finding.comparison.against: finding for finding in judgement.findings}
    return {
        **{name: (cell.row or {}).get(name) for name in _FROM_ROW},
        "host": cell.key.host,
        "server": cell.key.server,
        "task": cell.key.task,
        "reasoning_effort": cell.key.effort,
        "simulated": bool((cell.row or {}).get("simulated")),
        "n_repeats_wanted": cell.n_repeats or None,
        "stopped": bool((cell.row or {}).get("stopped")),
        "fleet": _finding(by_kind["fleet"]) if "fleet" in by_kind else None,
        "reference": _finding(by_kind["reference"]) if "reference" in by_kind else None,
        "orientation": [
            {**_comparison(comparison), "why_not": "; ".join(why_not)} for comparison, why_not in judgement.orientation
        ],
        "verdict": verdict,
        "reason": "; ".join(reasons),
    }


def pooled_entry(finding: Finding) -> dict[str, Any]:
    """Return what the fleet's facts say of one server's efforts together."""
    cells = finding.comparison.cells
    key = cells[0].key
    return {"host": key.host, "server": key.server, "task": key.task, "n_efforts": len(cells), **_finding(finding)}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    facts = {
        "centre": comparison.centre,
        "difference": comparison.difference,
        "standard_error": comparison.standard_error,
        "confidence_interval": list(comparison.interval),
    }
    if comparison.source is not None:
        facts |= {name: comparison.source.get(name) for name in _OF_A_REFERENCE}
    return facts


def _finding(finding: Finding) -> dict[str, Any]:
    comparison = finding.comparison
    return {
        **_comparison(comparison),
        "p": comparison.p,
        "p_holm": finding.p_holm,
        "p_discovery": finding.p_discovery,
        "exact": comparison.exact,
        "n_others": comparison.n_others,
        "verdict": finding.verdict,
        "reason": finding.sentence,
    }
