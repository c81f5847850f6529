# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint fleet - servers that are alike, the middle of their fingerprints, and how far each is from it.

What may be is told by the fleet's own spread: median + 6 MAD of the others' distances (MAD scaled by 1.4826 to be a
standard deviation of normal values; Leys et al. 2013, J. Exp. Soc. Psychol. 49:764), between a floor and a ceiling.
docs/fingerprint.md tells where these come from.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import Distance, centre_of, distance
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_words import Against
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import BAD, GOOD, SUSPECT

Row = Mapping[str, Any]

_MADS = 6.0
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Limits:
    """Mean absolute differences of log-probabilities, in nats.

    notable: worth a look where the others of the same build agree better; floor: so much is rounding, whatever the
    fleet's spread; ceiling: more is never excused by it, nor by a server's own load; other_build: what another vLLM
    version or kind of GPU may make.
    """

    notable: float = 0.005
    floor: float = 0.02
    ceiling: float = 0.1
    other_build: float = 0.1

    @classmethod
    def of(cls, tolerance: float) -> Limits:
        """Return the limits around another floor."""
        return cls(min(cls.notable, tolerance), tolerance, max(cls.ceiling, tolerance), max(cls.other_build, tolerance))


USUAL_LIMITS = Limits()


@dataclass(frozen=True)
class Unit:
    """One server's fingerprint."""

    host: str
    row: Row

    @property
    def server(self) -> str:
        return str(self.row["server"])

    @property
    def name(self) -> tuple[str, str]:
        return self.host, self.server

    @property
    def like(self) -> tuple[Any, ...]:
        """What two fingerprints must have in common to be compared."""
        row = self.row
        prompts = (row.get("prompts") or {}).get("digest")
        return row.get("model"), prompts, row.get("moe_activation"), bool(row.get("simulated"))

    @property
    def build(self) -> tuple[Any, ...]:
        """What besides rounds differently."""
        return self.row.get("vllm_version"), self.row.get("gpu_family")


@dataclass(frozen=True)
class Comparison:
    """A server against a centre, and how far the others are from it."""

    against: Against
    distance: Distance
    allowed: float
    spread: float | None = None  # the median of the others' distances, None where there are too few
    usual: float = math.inf  # more than this is worth a look

    @property
    def verdict(self) -> str:
        if self.distance.mean > self.allowed or self.distance.n_tokens > 0:
            return BAD
        return SUSPECT if self.distance.mean > self.usual else GOOD


class Fleet:
    """Servers that are alike: their centre, and how far each of them is from it."""

    def __init__(self, members: Sequence[Unit], limits: Limits) -> None:
        self.members = list(members)
        self.limits = limits
        self.builds = {member.build for member in members}
        self.centre = centre_of([member.row["replies"] for member in members])
        self._distances = {member.name: distance(member.row["replies"], self.centre) for member in members}

    def others(self, unit: Unit) -> list[Unit]:
        """Return the members but the unit, those in the middle first."""
        others = [member for member in self.members if member.name != unit.name]
        return sorted(others, key=lambda member: self._distances[member.name].mean)

    @property
    def agrees(self) -> bool:
        """Whether most are near the centre; else it stands for nobody."""
        near = sum(each.mean <= self.limits.ceiling and not each.n_tokens for each in self._distances.values())
        return near * 2 > len(self.members)

    def compare(self, unit: Unit) -> Comparison:
        """Return the unit against the centre."""
        same_build = self.builds <= {unit.build}
        floor = self.limits.floor if same_build else self.limits.other_build
        others = [self._distances[other.name].mean for other in self.others(unit)]
        found = self._distances.get(unit.name) or distance(unit.row["replies"], self.centre)
        against = Against("fleet", len(others))
        if len(others) < 2:
            return Comparison(against, found, floor)
        spread = statistics.median(others)
        mad = statistics.median(abs(value - spread) for value in others)
        usual = spread + _MADS * _MAD_TO_SD * mad
        allowed = max(floor, min(self.limits.ceiling, usual))
        return Comparison(against, found, allowed, spread, max(self.limits.notable, usual) if same_build else math.inf)
