# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fleet, all hosts' scores to the fleet's facts: cells, hosts, quarantine, missing, verdict."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _verdicts, _waivers
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._entries import pooled_entry, score_entry
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._extra_findings import ExtraFinding, finding_entry
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_verdicts import host_verdicts, titled
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question, judge_cells
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

_MOST_REASONS = 3  # of each verdict, in the fleet's sentence
_LONGEST_REASON = 200  # characters, in the fleet's sentence; the hosts' own reasons are whole
_UNFIT = (_verdicts.BAD, _verdicts.VOID, _verdicts.MISSING)

Entry = Mapping[str, Any]


def fleet_facts(
    question: Question,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    failures: Mapping[str, str],
    extra: Sequence[ExtraFinding] = (),
    sequential: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the facts of a fleet.

    rows: each host's score rows; failures: why a host's eval failed, where it did; extra: what else was found about
    the servers than their scores; sequential: what eval_look decided last. Verdicts are the true ones, whatever is
    waived; `accepted` takes the waivers in.
    """
    if sequential is not None:
        question = replace(question, decisions=sequential["servers"])
    judgements, over_efforts = judge_cells(question, rows, failures)
    entries = [score_entry(judgement) for judgement in judgements]
    pooled = [pooled_entry(finding) for finding in over_efforts]
    findings = [finding_entry(each) for each in extra if each.host in question.servers]
    _waivers.apply(question.waivers, [*entries, *findings], pooled, question.today)
    whole_hosts = {each.host: each.facts() for each in question.waivers if each.covers({"host": each.host})}
    own = titled(entries, pooled, findings)
    hosts = host_verdicts(question.servers, own, failures, question.fail_on, whole_hosts)
    verdict = _verdicts.worst(host["verdict"] for host in hosts)
    return {
        "verdict": verdict,
        "sentence": _sentence(verdict, hosts, entries),
        "accepted": all(host["accepted"] for host in hosts),
        "simulated": any(entry["simulated"] for entry in entries),
        "hosts": hosts,
        "cells": _cells(entries),
        "scores": entries,
        "pooled": pooled,
        "findings": findings,
        "quarantine": [
            {"host": host["host"], "verdict": host["verdict"], "reason": _in_short(host["reasons"])}
            for host in hosts
            if host["verdict"] in _UNFIT and not (host["waived"] and host["accepted"])
        ],
        "missing": [
            {name: entry[name] for name in ("host", "server", "task", "reasoning_effort", "reason")}
            for entry in entries
            if entry["verdict"] == _verdicts.MISSING
        ],
        "waived": [_waived(entry) for entry in (*entries, *pooled, *findings) if entry["waiver"]],
        "sequential": dict(sequential) if sequential is not None else None,
        "waivers_unmet": _waivers.unmet(question.waivers, [*entries, *pooled, *findings], question.today),
        "settings": _settings(question),
    }


def _waived(entry: Entry) -> dict[str, Any]:
    """Return a waived verdict: what it is of, its own reason as `why`, and the waiver's."""
    place = {name: entry.get(name) for name in ("host", "server", "task", "reasoning_effort", "kind", "verdict")}
    return {**place, "why": entry["reason"], "reason": entry["waiver"]["reason"], "expires": entry["waiver"]["expires"]}


def _cells(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return each cell (model, task, effort) over the fleet: median and spread of the scores, verdicts counted."""
    groups: dict[tuple[str | None, str, str], list[Entry]] = defaultdict(list)
    models = Counter(entry["model"] for entry in entries if entry["model"])
    for entry in entries:
        groups[entry["model"], entry["task"], entry["reasoning_effort"]].append(entry)
    return [_cell(key, group) for key, group in groups.items() if key[0] or not models]


def _cell(key: tuple[str | None, str, str], group: Sequence[Entry]) -> dict[str, Any]:
    model, task, effort = key
    scored = [entry for entry in group if entry["score"] is not None and entry["verdict"] not in _UNFIT[1:]]
    scores = [entry["score"] for entry in scored]
    within = [entry["standard_error_within"] for entry in scored if entry["standard_error_within"] is not None]
    return {
        "model": model,
        "task": task,
        "reasoning_effort": effort,
        "median": statistics.median(scores) if scores else None,
        "lowest": min(scores, default=None),
        "highest": max(scores, default=None),
        "standard_deviation": statistics.stdev(scores) if len(scores) > 1 else None,
        "standard_error_within": statistics.median(within) if within else None,
        "hosts": [entry["host"] for entry in scored],
        "verdicts": dict(Counter(entry["verdict"] for entry in group)),
    }


def _sentence(verdict: str, hosts: Sequence[Entry], entries: Sequence[Entry]) -> str:
    parts = []
    for each in reversed(_verdicts.FROM_BEST_TO_WORST[1:]):
        by_reason: dict[str, list[str]] = defaultdict(list)
        for host in hosts:
            if host["verdict"] == each:
                by_reason[_in_short(host["reasons"])].append(host["host"])
        told = list(by_reason.items())[:_MOST_REASONS]
        parts += [f"{listed(names)} {_are(names)} {each}: {reason}" for reason, names in told]
        others = [name for names in list(by_reason.values())[_MOST_REASONS:] for name in names]
        if others:
            parts.append(f"{listed(others)} {_are(others)} {each} too")
    good = sum(host["verdict"] == _verdicts.GOOD for host in hosts)
    whole = f"all {len(entries)} scores of {len(hosts)} host{'s' * (len(hosts) > 1)} are within noise"
    parts.append(f"{good} of {len(hosts)} hosts good" if good < len(hosts) else whole)
    waived = [host["host"] for host in hosts if host["waived"] and host["accepted"]]
    if waived:
        parts.append(f"{listed(waived)} accepted by waiver")
    return f"Fleet verdict: {verdict.upper()} - {'. '.join(parts)}."


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _in_short(reasons: Sequence[str]) -> str:
    more = len(reasons) - 1
    first = textwrap.shorten(reasons[0].rstrip("."), _LONGEST_REASON, placeholder=" [...]")
    return first + (f", and {more} more reason{'s' * (more > 1)}" if more else "")


def _settings(question: Question) -> dict[str, Any]:
    wanted = question.wanted
    return {
        "alpha": question.levels.alpha,
        "false_discovery_rate": question.levels.false_discovery_rate,
        "fail_on": list(question.fail_on),
        "reference_data": "any" if question.any_data else "matching",
        "sampler": wanted.sampler,
        "n_repeats": wanted.n_repeats,
        "examples": wanted.examples,
        "subset": wanted.subset,
    }
