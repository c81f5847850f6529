# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm state - how a host's part in a swarm stands, in plain values. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

CHECKING, METADATA, FETCHING, SEEDING = "checking", "metadata", "fetching", "seeding"


@dataclass(frozen=True)
class Observation:
    """How it stands. `done` and `total` are bytes of the content (0 while it is not known), `sent` and `received` of
    this process, `failed` those that were thrown away as they were not what the hashes say."""

    state: str
    done: int = 0
    total: int = 0
    sent: int = 0
    received: int = 0
    failed: int = 0
    rate: int = 0
    peers: int = 0


@dataclass
class Notes:
    """What happened: the last error of each peer by its address, who was banned, what the disk refused, and whether all
    that had arrived was written since that was asked for."""

    peers: dict[str, str] = field(default_factory=dict)
    banned: list[str] = field(default_factory=list)
    disk: str = ""
    flushed: bool = False
