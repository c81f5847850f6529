# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: observation - what one look at a running server shows: its container, /health, its engines' counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import EngineCounters, total
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stages import epoch


@dataclass(frozen=True)
class Container:
    """A container as the engine inspects it. Times are seconds since the epoch, None for never."""

    id: str
    status: str
    running: bool
    restarting: bool
    paused: bool
    exit_code: int
    oom_killed: bool
    pid: int
    restart_count: int
    restart_policy: str
    created: float
    started: Optional[float]
    finished: Optional[float]

    @property
    def serves(self) -> bool:
        """Tell whether its process runs and is not between two attempts."""
        return self.running and not self.restarting


@dataclass(frozen=True)
class Observation:
    """One look, at `at` seconds of a monotonic clock.

    `health` is the status of /health, None without a whole reply; `problem` then says why, and `silent` whether the
    server took the request and said nothing. `engines` is None where no metrics were read.
    """

    at: float
    container: Optional[Container]
    health: Optional[int] = None
    problem: str = ""
    silent: bool = False
    engines: Optional[Mapping[str, EngineCounters]] = None

    @property
    def total(self) -> Optional[EngineCounters]:
        """Return the engines as one, None where nothing is counted."""
        return total(self.engines.values()) if self.engines else None


@dataclass(frozen=True)
class Probe:
    """One tiny completion: `state` is unused, waiting, answered or failed; `tokens` is what it generates at most."""

    state: str = "unused"
    seconds: float = 0.0
    tokens: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Listed:
    """What /v1/models told: the names, or why there are none."""

    names: tuple[str, ...] = ()
    problem: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Settings:
    """How long is watched, in seconds, and whether a completion may be asked for."""

    model: Optional[str] = None
    window: float = 5.0
    stall_seconds: float = 60.0
    start_seconds: float = 1800.0
    probe: bool = True


@dataclass(frozen=True)
class Case:
    """All that is known when a server is judged. `stage` is the furthest that its log shows since its start."""

    name: str
    settings: Settings
    observations: tuple[Observation, ...]
    now: float
    listed: Optional[Listed] = None
    probe: Probe = field(default_factory=Probe)
    stage: str = ""

    @property
    def last(self) -> Observation:
        """Return the newest observation."""
        return self.observations[-1]

    @property
    def watched(self) -> float:
        """Return for how many seconds the server was watched."""
        return self.last.at - self.observations[0].at


def container_of(inspected: Optional[Mapping[str, Any]]) -> Optional[Container]:
    """Return an inspected container in short, None for none."""
    if inspected is None:
        return None
    state = inspected["State"]
    policy = (inspected.get("HostConfig") or {}).get("RestartPolicy") or {}
    return Container(
        id=str(inspected["Id"]),
        status=str(state.get("Status") or ""),
        running=bool(state.get("Running")),
        restarting=bool(state.get("Restarting")),
        paused=bool(state.get("Paused")),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        pid=int(state.get("Pid") or 0),
        restart_count=int(inspected.get("RestartCount") or 0),
        restart_policy=str(policy.get("Name") or "no"),
        created=epoch(str(inspected.get("Created") or "")) or 0.0,
        started=epoch(str(state.get("StartedAt") or "")),
        finished=epoch(str(state.get("FinishedAt") or "")),
    )
