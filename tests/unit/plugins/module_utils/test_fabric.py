# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fabric import wait_for_fabric

UNIT = "nvidia-fabricmanager.service"
JOURNAL = "Detected NVL5+ system\nsome other line\n/opt/nvidia/nvlsm/sbin/nvlsm does not exist\n"


class Host:
    """GPUs that move by one state with each look, a unit, and a clock that runs while one waits."""

    def __init__(self, states: list[list[str]], units: list[str]) -> None:
        self.states, self.units, self.now, self.looks = states, units, 0.0, 0

    def has(self, _name: str) -> bool:
        return True

    def run(self, *command: str) -> Optional[Answer]:
        if command[0] == "nvidia-smi":
            states = self.states[min(self.looks, len(self.states) - 1)]
            self.looks += 1
            return Answer(0, smi(states)) if states else Answer(9, "NVIDIA-SMI has failed")
        if command[0] == "systemctl":
            return Answer(0, self.units[min(self.looks - 1, len(self.units) - 1)] + "\n")
        if command[0] == "journalctl":
            return Answer(0, JOURNAL)
        return Answer(0, "Fabric Manager version is : 580.95.05")

    def pause(self, seconds: float) -> None:
        self.now += seconds


def smi(states: list[str]) -> str:
    gpus = "".join(f"<gpu><fabric><state>{state}</state><status>Success</status></fabric></gpu>" for state in states)
    return f'<?xml version="1.0" ?>\n<nvidia_smi_log>{gpus}</nvidia_smi_log>'


WAITS = [
    # states look by look, the unit's, timeout -> ready, looks, seconds
    ([["Completed"] * 2], ["active"], 60, True, 1, 0.0),
    ([["In Progress"] * 2, ["Completed", "In Progress"], ["Completed"] * 2], ["active"], 60, True, 3, 4.0),
    ([[], ["Completed"]], ["activating", "active"], 60, True, 2, 2.0),
    ([["N/A"]], ["unknown"], 60, True, 1, 0.0),
    ([["In Progress"]], ["active"], 10, False, 6, 10.0),
    ([["In Progress"]], ["active"], 0, False, 1, 0.0),
    # Dead: no use to wait.
    ([["In Progress"]], ["active", "failed"], 60, False, 2, 2.0),
    ([["In Progress"]], ["inactive"], 60, False, 1, 0.0),
]


@pytest.mark.parametrize(("states", "units", "timeout", "ready", "looks", "seconds"), WAITS)
def test_waiting_for_the_fabric(
    states: list[list[str]], units: list[str], timeout: float, ready: bool, looks: int, seconds: float, tmp_path: Path
) -> None:
    machine = Host(states, units)
    found = wait_for_fabric(machine, UNIT, timeout, tmp_path, machine.pause, lambda: machine.now)
    assert (found["ready"], machine.looks, found["seconds"]) == (ready, looks, seconds)
    notable = ["Detected NVL5+ system", "/opt/nvidia/nvlsm/sbin/nvlsm does not exist"]
    assert found["log"] == ([] if ready else notable)
    assert [gpu["index"] for gpu in found["fabric"]] == list(range(len(found["fabric"])))
