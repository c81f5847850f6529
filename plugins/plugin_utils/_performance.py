# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: performance - which servers were slower than their fleet during the evals, from the score rows alone.

A server is compared on each measure with the fleet's median, cell by cell, as the logarithm of the ratio; its cells are
averaged. It is slow where that is beyond the tolerance and its robust z value, the distance from the median in MAD
(scaled by 1.4826), is above 3.5 (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers, ASQC, volume 16).
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._extra_findings import ExtraFinding
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import GOOD, SUSPECT

# Fewer servers tell nothing of what is usual.
FLEET_MINIMUM = 3
TOLERANCE = 0.2
_MAD_TO_SD = 1.4826
_Z = 3.5
# Servers that are all but equal make no spread: 10 % are then 3.5 of it.
_SMALLEST_SPREAD = math.log(1.1) / _Z

Row = Mapping[str, Any]
Name = tuple[str, str]  # host, server


class Measure(NamedTuple):
    """What is compared. `keys`: where it stands in a row; `allowed`: how much of the tolerance, in multiples."""

    name: str
    keys: tuple[str, ...]
    unit: str
    more_is_slower: bool
    allowed: float
    judges: bool = True


# The time to the first token is a few numbers of a histogram and varies most; power alone is no fault.
MEASURES = (
    Measure("tokens_per_second", ("tokens_per_second",), "tokens/s", False, 1.0),
    Measure("latency", ("latency", "p50"), "s median latency", True, 1.0),
    Measure("time_to_first_token", ("time_to_first_token", "p50"), "s to the first token", True, 4.0),
    Measure("sm_clock", ("gpu_load", "sm_clock_mhz"), "MHz SM clock", False, 0.5),
    Measure("power", ("gpu_load", "power_watts"), "W a GPU", False, 1.0, judges=False),
)


class Standing(NamedTuple):
    """A server on one measure: its value and the fleet's (geometric means over its cells), and how far it is off."""

    measure: Measure
    own: float
    fleet: float
    slowness: float  # the logarithm of the ratio, above 0 where the server is slower
    z: float
    n_cells: int

    def is_slow(self, tolerance: float) -> bool:
        """Tell whether a server is slower than the tolerance, a share, and the fleet's spread allow."""
        share = min(0.95, tolerance * self.measure.allowed)
        limit = math.log1p(tolerance * self.measure.allowed) if self.measure.more_is_slower else -math.log1p(-share)
        return self.slowness > limit and self.z > _Z

    def words(self) -> str:
        """Return the comparison in words."""
        ratio = self.own / self.fleet
        size = f"{abs(1.0 - ratio) * 100:.0f} % {'below' if ratio < 1 else 'above'}"
        if self.measure.more_is_slower:
            size = f"{ratio:.1f} x"
        return f"{_number(self.own)} {self.measure.unit}, {size} the fleet's {_number(self.fleet)}"

    def numbers(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "own": round(self.own, 4),
            "fleet": round(self.fleet, 4),
            "ratio": round(self.own / self.fleet, 4),
            "z": round(self.z, 2),
            "n_cells": self.n_cells,
        }


def performance_findings(
    rows: Mapping[str, Sequence[Row]], tolerance: float = TOLERANCE, verdict: str = SUSPECT
) -> list[ExtraFinding]:
    """Return a finding for each server that can be compared, the good ones too.

    rows: each host's fact gpt_oss_scores. tolerance: by how much, as a share, a server may be slower. verdict: what a
    slow one is called. Rows are compared with those of the same model, questions, sampler and concurrency only.
    """
    standings: dict[Name, list[Standing]] = defaultdict(list)
    for measure in MEASURES:
        for name, standing in _standings(measure, rows).items():
            standings[name].append(standing)
    return [_finding(name, own, tolerance, verdict) for name, own in standings.items()]


def _standings(measure: Measure, rows: Mapping[str, Sequence[Row]]) -> dict[Name, Standing]:
    cells = _cells(measure, rows)
    ratios: dict[Name, list[tuple[float, float]]] = defaultdict(list)
    for values in cells.values():
        if len(values) >= FLEET_MINIMUM:
            median = statistics.median(values.values())
            for name, value in values.items():
                ratios[name].append((value, median))
    off = {name: statistics.fmean(_slowness(measure, *pair) for pair in own) for name, own in ratios.items()}
    if not off:
        return {}
    centre = statistics.median(off.values())
    mad = statistics.median(abs(value - centre) for value in off.values())
    spread = max(_SMALLEST_SPREAD, _MAD_TO_SD * mad)
    return {
        name: Standing(
            measure,
            statistics.geometric_mean(value for value, _median in ratios[name]),
            statistics.geometric_mean(median for _value, median in ratios[name]),
            value,
            (value - centre) / spread,
            len(ratios[name]),
        )
        for name, value in off.items()
    }


def _cells(measure: Measure, rows: Mapping[str, Sequence[Row]]) -> dict[tuple[Any, ...], dict[Name, float]]:
    cells: dict[tuple[Any, ...], dict[Name, float]] = defaultdict(dict)
    for host, own in rows.items():
        for row in own:
            value = _value(row, measure.keys)
            if value is not None and value > 0 and row.get("complete", True):
                cells[_cell(row)][host, str(row["server"])] = value
    return cells


def _cell(row: Row) -> tuple[Any, ...]:
    """Return what two rows must have in common: a server that is asked less at a time is not slower for that."""
    names = ("model", "task", "reasoning_effort", "sampler", "concurrency", "n_samples", "max_tokens")
    return (*(row.get(name) for name in names), bool(row.get("simulated")))


def _value(row: Row, keys: Iterable[str]) -> float | None:
    found: Any = row
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _slowness(measure: Measure, value: float, median: float) -> float:
    return math.log(value / median) if measure.more_is_slower else math.log(median / value)


def _finding(name: Name, standings: Sequence[Standing], tolerance: float, verdict: str) -> ExtraFinding:
    slow = [each for each in standings if each.measure.judges and each.is_slow(tolerance)]
    told = (
        [*slow, *(each for each in standings if each not in slow and not each.measure.judges)]
        if slow
        else standings[:1]
    )
    words = [f"{each.words()} ({each.z:.0f} x its spread)" if each in slow else each.words() for each in told]
    numbers = {each.measure.name: each.numbers() for each in standings}
    return ExtraFinding(
        "performance",
        *name,
        None,
        None,
        verdict if slow else GOOD,
        "; ".join(words),
        {**numbers, "tolerance": tolerance},
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
