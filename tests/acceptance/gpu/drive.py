"""Shows the collection at work on this machine's GPUs, step by step. run.sh prepares what it needs.

usage: drive.py RESULTS [SECONDS]

RESULTS takes results.json, transcript.txt and logs.tar.gz. SECONDS (3600) is the budget of this call: a later call with
the same state goes on with the steps that were not well. Ends with 1 where a step was not well.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from machine import Machine
from record import Record, Step
from several import SeveralSteps
from single import SingleSteps


def main() -> int:
    machine = Machine()
    budget = float(sys.argv[2]) if len(sys.argv) > 2 else 3600.0
    facts = {"gpus": machine.gpus, "image": machine.image, "vllm_version": machine.version, "cores": os.cpu_count()}
    # On a slow machine each step may take so many times as long.
    patience = float(os.environ.get("ACCEPTANCE_PATIENCE", "1"))
    record = Record(Path(sys.argv[1]), machine.state / "results.json", machine.logs, facts)
    wanted = [name for name in os.environ.get("ACCEPTANCE_STEPS", "").split(",") if name]
    several = SeveralSteps(machine, [name for name in wanted if name != "several"])
    steps: list[Step] = list((several if wanted or len(machine.gpus) > 1 else SingleSteps(machine)).steps())
    return 0 if record.run(steps, budget, patience, machine.limit) else 1


if __name__ == "__main__":
    sys.exit(main())
