# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: extra findings, what else than its scores speaks for or against a server: fingerprint, speed, kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ExtraFinding:
    """One finding about a server, or about one of its cells where task and reasoning effort are given."""

    kind: str  # "fingerprint", "performance" or "kernel"
    host: str
    server: str
    task: str | None
    reasoning_effort: str | None
    verdict: str  # good, suspect, bad, void or missing
    reason: str  # in words, its size first
    numbers: Mapping[str, Any] = field(default_factory=dict)  # plain data that the verdict was made of


def finding_entry(finding: ExtraFinding) -> dict[str, Any]:
    """Return what the fleet's facts say of a finding."""
    return {
        "kind": finding.kind,
        "host": finding.host,
        "server": finding.server,
        "task": finding.task,
        "reasoning_effort": finding.reasoning_effort,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "numbers": dict(finding.numbers),
    }
