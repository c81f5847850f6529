# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu load - power, clock and temperature of a host's GPUs while they work, looked at now and then.

All GPUs of the host are looked at, those of other servers too. One that idles tells nothing of how fast it could be.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_commands import HostCommands

SECONDS = 30.0  # between two looks
# From so many per cent of the time on, in which some kernel ran, a GPU counts as working.
_WORKING = 50.0
_FIELDS = ("index", "utilization.gpu", "power.draw", "clocks.sm", "temperature.gpu")
_COMMAND = ("nvidia-smi", f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits")


class Look(NamedTuple):
    """One GPU at one moment: watts, MHz, degrees Celsius; None for what the driver does not tell."""

    gpu: int
    power: Optional[float]
    sm_clock: Optional[float]
    temperature: Optional[float]


class GpuLoad:
    """Looks at the GPUs. A day of looks is 3,000 for each."""

    def __init__(self, commands: Optional[Commands] = None) -> None:
        self._commands = commands or HostCommands()
        self._looks: dict[int, list[Look]] = defaultdict(list)

    async def look(self) -> None:
        """Look once; nothing happens where there is no nvidia-smi, or it fails."""
        answer = await asyncio.get_running_loop().run_in_executor(None, lambda: self._commands.run(*_COMMAND))
        if answer is not None and answer.code == 0:
            for look in working(answer.output):
                self._looks[look.gpu].append(look)

    def summary(self) -> Optional[dict[str, Any]]:
        """Return the means over the GPUs that worked, and the one with the slowest clock; None when none did."""
        gpus = {index: _means(looks) for index, looks in self._looks.items()}
        if not gpus:
            return None
        clocks = {index: gpu.sm_clock for index, gpu in gpus.items() if gpu.sm_clock is not None}
        slowest = min(clocks, key=lambda index: clocks[index], default=None)
        return {
            "n_gpus": len(gpus),
            "n_looks": max(len(looks) for looks in self._looks.values()),
            "power_watts": _mean(gpu.power for gpu in gpus.values()),
            "sm_clock_mhz": _mean(gpu.sm_clock for gpu in gpus.values()),
            "temperature_celsius": _mean(gpu.temperature for gpu in gpus.values()),
            "slowest_gpu": None if slowest is None else {"index": slowest, "sm_clock_mhz": clocks[slowest]},
        }


def working(output: str) -> list[Look]:
    """Return the GPUs that work, from what nvidia-smi says; a line that cannot be read is passed over."""
    looks = []
    for line in output.splitlines():
        values = [_number(text) for text in line.split(",")]
        if len(values) == len(_FIELDS) and values[0] is not None and (values[1] or 0.0) >= _WORKING:
            looks.append(Look(int(values[0]), *values[2:]))
    return looks


def _means(looks: Iterable[Look]) -> Look:
    looks = list(looks)
    return Look(
        looks[0].gpu,
        _mean(look.power for look in looks),
        _mean(look.sm_clock for look in looks),
        _mean(look.temperature for look in looks),
    )


def _mean(values: Iterable[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 1) if known else None


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None
