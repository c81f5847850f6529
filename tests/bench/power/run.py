# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulate fleets of which one host is worse, and show what the product's verdicts find, beside simpler ones.

usage: run.py [--scale S] [--processes N]     prints its tables as Markdown; fails where a limit is exceeded
S multiplies the number of simulated fleets. All draws are seeded: the same S gives the same tables.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from multiprocessing import Pool
from typing import Any

import looking
import tables
import whole

_CHUNKS = 8

# (task, hosts): fleets for each drop, in points
WHOLE = {
    ("gpqa", 64): {0: 1600, 2: 500, 3: 800, 5: 300, 10: 100},
    ("gpqa", 16): {0: 1600, 2: 500, 3: 500, 5: 500, 10: 200},
    ("gpqa", 4): {0: 2400, 2: 800, 3: 800, 5: 800, 10: 400},
    ("aime25", 64): {0: 400, 5: 80, 10: 80, 20: 40, 30: 24},
    ("aime25", 16): {0: 400, 5: 160, 10: 160, 20: 80, 30: 40},
}
# (hosts, efforts, alpha over the fleet): the same, in sequential evals. 0.8 over 16 hosts is 5 % for each.
SEQUENTIAL = {
    (1, 1, 0.05): {0: 2400, 3: 800, 5: 800, 10: 400, 30: 80},
    (16, 1, 0.8): {0: 240, 3: 80, 5: 120, 10: 80, 30: 16},
    (16, 1, 0.05): {0: 400, 3: 120, 5: 160, 10: 80, 30: 16},
    (16, 3, 0.05): {0: 480, 3: 64, 5: 64, 10: 40, 30: 16},
    (64, 1, 0.05): {0: 256, 5: 80, 10: 48},
}


def main() -> int:
    arguments = _arguments()
    began = time.monotonic()
    plans = [
        whole.Plan(task, n_hosts, drop / 100, max(_CHUNKS, round(n * arguments.scale)))
        for (task, n_hosts), counts in WHOLE.items()
        for drop, n in counts.items()
    ]
    trials = [
        looking.Trial(n_hosts, n_efforts, drop / 100, max(_CHUNKS, round(n * arguments.scale)), alpha)
        for (n_hosts, n_efforts, alpha), counts in SEQUENTIAL.items()
        for drop, n in counts.items()
    ]
    trials.append(looking.Trial(16, 3, 0.05, max(_CHUNKS, round(64 * arguments.scale)), only_effort=True))
    with Pool(arguments.processes) as pool:
        seen = _simulated(pool, whole.simulate, plans)
        ran = _simulated(pool, looking.simulate, trials)
    print("\n".join([*tables.whole_table(seen), "", *tables.blind_table(seen), "", *tables.sequential_table(ran)]))
    problems = [*tables.whole_problems(seen), *tables.sequential_problems(ran)]
    print(f"\n{len(plans)} + {len(trials)} settings in {time.monotonic() - began:.0f} s")
    print("\n".join(f"LIMIT EXCEEDED: {problem}" for problem in problems) or "All limits hold.")
    return 1 if problems else 0


def _simulated(pool: Any, simulate: Callable[..., Any], plans: Sequence[Any]) -> list[Any]:
    """Simulate each plan in parts, which the processes share."""
    parts = [
        pool.apply_async(simulate, (plan, size, 1000 * number + chunk))
        for number, plan in enumerate(plans)
        for chunk, size in enumerate(_sizes(plan.n_fleets))
    ]
    found = iter([part.get() for part in parts])
    return [reduce(lambda left, right: left.merge(right), (next(found) for _size in _sizes(p.n_fleets))) for p in plans]


def _sizes(n: int) -> Iterator[int]:
    for chunk in range(_CHUNKS):
        yield math.ceil((n - chunk) / _CHUNKS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
