# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: verdicts, what a fleet's comparisons say together, each with its reason in a sentence.

All tests of a fleet (each cell against the fleet, each server's efforts pooled, each cell against its reference) are
one family. "bad": rejected by Holm at alpha, so that a healthy fleet has any bad cell with at most alpha. "suspect": on
the list of Benjamini and Hochberg at the false discovery rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _statistics
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._comparisons import FLEET_MINIMUM, Comparison
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import p_value, points, task_title

GOOD, UNJUDGED, SUSPECT, VOID, MISSING, BAD = "good", "unjudged", "suspect", "void", "missing", "bad"
FROM_BEST_TO_WORST = (GOOD, UNJUDGED, SUSPECT, VOID, MISSING, BAD)


@dataclass(frozen=True)
class Levels:
    """How rare false alarms must be: alpha for "bad" (over the whole fleet), false_discovery_rate for "suspect"."""

    alpha: float = 0.01
    false_discovery_rate: float = 0.05


@dataclass(frozen=True)
class Finding:
    """A comparison with its place among all tests of the fleet."""

    comparison: Comparison
    verdict: str  # good, suspect, bad or unjudged
    p_holm: float | None
    p_discovery: float | None
    n_tests: int

    @property
    def sentence(self) -> str:
        """The comparison in words, its size first."""
        each = self.comparison
        text = f"{_distance(each.difference)} {_centre_name(each)}"
        if self.verdict == UNJUDGED:
            return text
        if self.verdict == GOOD:
            return text if each.interval[0] > 0 else f"{text}, within noise"
        if self.p_holm is None:
            return f"{text} ({p_value(each.p)}); of two that differ nobody can say which one is off"
        if self.verdict == BAD:
            return f"{text} ({p_value(self.p_holm)}, Holm over {self.n_tests} tests)"
        return f"{text} ({p_value(each.p)}: worth a look, no proof among {self.n_tests} tests)"


def find(comparisons: Sequence[Comparison], levels: Levels) -> list[Finding]:
    """Return each comparison's finding, in the same order."""
    judging = [each for each in comparisons if each.judges]
    adjusted = dict(
        zip(
            map(id, judging),
            zip(
                _statistics.holm([each.p for each in judging]),
                _statistics.benjamini_hochberg([each.p for each in judging]),
                strict=True,
            ),
            strict=True,
        )
    )
    findings = []
    for each in comparisons:
        if id(each) not in adjusted:
            findings.append(Finding(each, _verdict_of_pair(each, levels), None, None, len(judging)))
            continue
        p_holm, p_discovery = adjusted[id(each)]
        verdict = BAD if p_holm <= levels.alpha else SUSPECT if p_discovery <= levels.false_discovery_rate else GOOD
        findings.append(Finding(each, verdict, p_holm, p_discovery, len(judging)))
    return findings


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst of some verdicts; "missing" when there are none, as nothing shown is no pass."""
    return max(verdicts, key=FROM_BEST_TO_WORST.index, default=MISSING)


def judge_cell(
    cell: Cell, findings: Sequence[Finding], decided: tuple[str, str] | None = None
) -> tuple[str, list[str]]:
    """Return a cell's verdict and its reasons, the deciding ones first. decided: by a sequential eval, and why."""
    if cell.problem:
        return cell.problem, [cell.reason]
    warnings = [cell.reason or str((cell.row or {}).get("reason") or ""), _stopped(cell)]
    if decided is not None:
        return decided[0], [decided[1], *filter(None, warnings)]
    judged = [finding for finding in findings if finding.verdict != UNJUDGED]
    if not judged:
        unjudged = [finding.sentence for finding in findings]
        text = f"nothing judges it: fewer than {FLEET_MINIMUM} servers measured this cell, and no reference applies"
        return UNJUDGED, [text, *unjudged, *filter(None, warnings)]
    verdict = worst(finding.verdict for finding in judged)
    deciding = [finding.sentence for finding in judged if finding.verdict == verdict]
    return verdict, [*deciding, *filter(None, warnings)]


def _stopped(cell: Cell) -> str:
    if not (cell.row or {}).get("stopped"):
        return ""
    return f"stopped after repeat {cell.through_repeat} of {cell.n_repeats}"


def cell_title(task: str, effort: str) -> str:
    """Return the name of a cell as it is read aloud."""
    return f"{task_title(task)} {effort}"


def _verdict_of_pair(comparison: Comparison, levels: Levels) -> str:
    return SUSPECT if comparison.p <= levels.alpha else UNJUDGED


def _centre_name(comparison: Comparison) -> str:
    centre = points(comparison.centre)
    if comparison.against == "reference":
        return f"the reference {centre}"
    if not comparison.judges:
        return f"the only other server, {centre}"
    if comparison.against == "efforts":
        return comparison.centre_is
    return f"{comparison.centre_is} {centre}"


def _distance(difference: float) -> str:
    size = points(abs(difference))
    if float(size) == 0:
        return "equal to"
    return f"{size} points {'below' if difference < 0 else 'above'}"
