# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: judgements, each expected score of a fleet with all that its comparisons found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _comparisons, _references, _verdicts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Cell, Key, Wanted, expected_keys, find_cell
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._comparisons import Comparison
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._looks import verdict_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import Finding, Levels
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._waivers import Waiver


@dataclass(frozen=True)
class Question:
    """What a fleet is asked: which scores must be there, from which evals, and how they are judged."""

    servers: Mapping[str, Sequence[str]]  # host -> names of its servers
    tasks: Sequence[str]
    efforts: Sequence[str]
    wanted: Wanted = Wanted()
    levels: Levels = Levels()
    references: Sequence[Mapping[str, Any]] = ()
    any_data: bool = False
    fail_on: Sequence[str] = (_verdicts.BAD, _verdicts.VOID, _verdicts.MISSING)
    # What eval_look decided last, where the evals were sequential: it judges in the place of the fleet's tests.
    decisions: Sequence[Mapping[str, Any]] | None = None
    waivers: Sequence[Waiver] = ()
    today: date = date.min  # against which waivers expire


@dataclass
class Judgement:
    """A cell and what was found about it; orientation: comparisons that may not judge, and why not.

    decided: the verdict and its reason, where a sequential eval's look has decided.
    """

    cell: Cell
    decided: tuple[str, str] | None = None
    findings: list[Finding] = field(default_factory=list)
    orientation: list[tuple[Comparison, list[str]]] = field(default_factory=list)

    def verdict(self) -> tuple[str, list[str]]:
        """Return the cell's verdict and its reasons."""
        return _verdicts.judge_cell(self.cell, self.findings, self.decided)


@dataclass(frozen=True)
class Compared:
    """All expected cells, each with a judgement that holds no finding yet, and what the usable ones compare with."""

    judgements: Mapping[Key, Judgement]
    usable: Sequence[Cell]
    comparisons: Sequence[Comparison]


def compare(
    question: Question, rows: Mapping[str, Sequence[Mapping[str, Any]]], failures: Mapping[str, str]
) -> Compared:
    """Return the comparisons of a fleet's cells. rows: each host's score rows; failures: why its eval failed."""
    cells = [
        find_cell(key, rows.get(key.host, ()), question.wanted, failures.get(key.host, ""))
        for key in expected_keys(question.servers, question.tasks, question.efforts)
    ]
    judgements = {cell.key: Judgement(cell) for cell in cells}
    usable = [cell for cell in cells if not cell.problem]
    fleet = _against_panel(usable) if question.wanted.stopped else _against_fleet(usable)
    comparisons = [*fleet, *_against_references(usable, question, judgements)]
    return Compared(judgements, usable, comparisons)


def judge_cells(
    question: Question, rows: Mapping[str, Sequence[Mapping[str, Any]]], failures: Mapping[str, str]
) -> tuple[list[Judgement], list[Finding]]:
    """Return the judgement of each expected cell, and the findings about servers with their efforts pooled.

    rows: each host's score rows. failures: why a host's eval failed, where it did.
    """
    compared = compare(question, rows, failures)
    judgements = compared.judgements
    findings = _verdicts.find(compared.comparisons, question.levels)
    if question.decisions is None:
        findings = _without_bad(findings, compared.usable)
    else:
        findings = [replace(each, verdict=_verdicts.UNJUDGED, p_holm=None, p_discovery=None) for each in findings]
        _decide(judgements.values(), question.decisions)
    for finding in findings:
        if finding.comparison.against != "efforts":
            judgements[finding.comparison.cells[0].key].findings.append(finding)
    return list(judgements.values()), [each for each in findings if each.comparison.against == "efforts"]


def _decide(judgements: Iterable[Judgement], decisions: Iterable[Mapping[str, Any]]) -> None:
    known = {(each["host"], each["server"]): each for each in decisions}
    for each in judgements:
        key = each.cell.key
        each.decided = verdict_of(known.get((key.host, key.server)), key.task, key.effort)


def _against_panel(cells: Iterable[Cell]) -> list[Comparison]:
    """Compare each cell with the answers of its fleet so far."""
    return [each for group in _groups(cells) if len(group) > 1 for each in _comparisons.with_panel(group)]


def _groups(cells: Iterable[Cell]) -> Iterable[list[Cell]]:
    """Return the cells that can be compared with each other."""
    groups: dict[Any, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.comparable].append(cell)
    return groups.values()


def _against_fleet(cells: Iterable[Cell], judging_only: bool = True) -> list[Comparison]:
    """Compare each cell with its fleet, and each server's efforts together."""
    singles = [each for group in _groups(cells) if len(group) > 1 for each in _comparisons.with_fleet(group)]
    by_server: dict[Any, list[Comparison]] = defaultdict(list)
    for each in singles:
        if each.judges or not judging_only:
            key = each.cells[0].key
            by_server[key.host, key.server, key.task].append(each)
    return [*singles, *(_comparisons.pooled(several) for several in by_server.values() if len(several) > 1)]


def _without_bad(findings: list[Finding], cells: Sequence[Cell]) -> list[Finding]:
    """Give the good servers' findings the centre of a fleet without the bad ones; what was judged stays.

    In a small fleet a bad server moves the others' median, and a good one would seem far above it.
    """
    bad = {id(cell) for each in findings if each.verdict == _verdicts.BAD for cell in each.comparison.cells}
    if not bad:
        return findings
    shown = {
        (each.against, tuple(map(id, each.cells))): each
        for each in _against_fleet([cell for cell in cells if id(cell) not in bad], judging_only=False)
    }
    results = []
    for finding in findings:
        old = finding.comparison
        new = shown.get((old.against, tuple(map(id, old.cells))))
        if new is not None and finding.verdict == _verdicts.GOOD:
            finding = replace(finding, comparison=replace(new, p=old.p, exact=old.exact, judges=True))
        results.append(finding)
    return results


def _against_references(
    cells: Iterable[Cell], question: Question, judgements: Mapping[Key, Judgement]
) -> list[Comparison]:
    judging: list[Comparison] = []
    for cell in cells:
        row = cell.row or {}
        for reference in _references.for_cell(row, question.references):
            reasons = _references.obstacles(row, reference, question.any_data)
            same = not _references.obstacles(row, reference, False)
            comparison = _comparisons.with_reference(cell, reference, same)
            if not reasons and not any(each.cells[0] is cell for each in judging[-1:]):
                judging.append(comparison)
            else:
                reasons = reasons or ["another reference, listed earlier, judges already"]
                judgements[cell.key].orientation.append((comparison, reasons))
    return judging
