# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fabric, waits until all GPUs are in the NVLink fabric, and no longer when the fabric manager is dead."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_driver import read_fabric_manager
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smi import parse
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wait import wait

# nvidia-smi takes about a second for eight GPUs: asking more often would only keep it busy.
PAUSE = 2.0
_DEAD = ("failed", "inactive")
_SETTLED = ("Completed", "N/A")


@dataclass(frozen=True)
class Seen:
    """One observation: the GPUs' fabric, and the state of the fabric manager's unit ("unknown" without systemd)."""

    fabric: tuple[dict[str, Any], ...]
    unit: str

    @property
    def ready(self) -> bool:
        """Tell whether every GPU has come to an end."""
        return bool(self.fabric) and all(gpu["state"] in _SETTLED for gpu in self.fabric)


def observe(commands: Commands, unit: str) -> Seen:
    """Return what nvidia-smi and systemd say now."""
    answer = commands.run("nvidia-smi", "-q", "-x")
    devices = parse(answer.output).devices if answer and answer.output.lstrip().startswith("<") else ()
    fabric = tuple({"index": gpu["index"], **gpu["fabric"]} for gpu in devices)
    shown = commands.run("systemctl", "show", "--property=ActiveState", "--value", unit)
    return Seen(fabric, (shown.output.strip() if shown and shown.code == 0 else "") or "unknown")


def wait_for_fabric(
    commands: Commands,
    unit: str,
    timeout: float,
    root: Path = Path("/"),
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Return how the wait ended: ready, seconds, the unit's state, each GPU's fabric, and notable lines of the log."""
    waited = wait(
        lambda: observe(commands, unit),
        lambda seen: seen.ready or seen.unit in _DEAD,
        timeout,
        lambda _seconds: pause(PAUSE),
        clock,
    )
    return {
        "ready": waited.seen.ready,
        "seconds": round(waited.seconds, 1),
        "unit": waited.seen.unit,
        "fabric": list(waited.seen.fabric),
        "log": [] if waited.seen.ready else read_fabric_manager(root, commands)["log"],
    }
