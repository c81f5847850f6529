# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eval client under load for long: 2,000 requests at once for ten minutes, and a server that fails now and then.

usage: soak.py [SECONDS [CONCURRENCY]]     fails where a limit is exceeded; prints its table as Markdown

The server on loopback (tests/eval_server.py) takes 4 s for a reply (median; lognormal, sigma 0.5), and answers the
first request of each fiftieth sample with 503. There are as many samples as that server can answer in SECONDS. Wanted:
every sample in the journal once, each with an answer, and no more memory at the end than after a fifth of the time, but
for what is kept of each answer for the scores (outcome, times, tokens), which is measured by reading the journal again.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "evals"))
from clients import OURS  # noqa: E402
from measure import COLLECTIONS, QUESTIONS, make_data, raise_file_limit, serving  # noqa: E402

sys.path.insert(0, str(COLLECTIONS))
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import MEASURED  # noqa: E402

MEDIAN, SIGMA = 4.0, 0.5
FAULT = {"kind": "status", "status": 503, "retry_after": "0", "every": 50, "times": 1}
# Growth of the client's memory from a fifth of the time to its end, less the answers' marks.
GROWTH, EARLY = 1.05, 0.2
# What the marks of a journal take, in MB, in a process that has read nothing else.
MARKS = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import read_journal
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
before = resident()
contents = read_journal(sys.argv[2], json.loads(open(sys.argv[2]).readline())["sha256"])
print(resident() - before, len(contents.marks))
"""
_PAGE = os.sysconf("SC_PAGE_SIZE")


def repeats_for(seconds: float, concurrency: int) -> int:
    """Return how many repeats of all questions take so long, were the client's own time nothing."""
    mean = MEDIAN * math.exp(SIGMA**2 / 2)
    return max(1, round(seconds * concurrency / mean / QUESTIONS))


def watch(client: subprocess.Popen[bytes]) -> list[tuple[float, float]]:
    """Return the seconds and the resident MB, twice a second until the client has ended."""
    begun, seen = time.monotonic(), []
    while client.poll() is None:
        resident = int(Path(f"/proc/{client.pid}/statm").read_text().split()[1]) * _PAGE / 1e6
        if resident:
            seen.append((time.monotonic() - begun, resident))
        time.sleep(0.5)
    return seen


def journalled(folder: Path) -> tuple[Counter[tuple[str, int]], Counter[str]]:
    """Return how often each sample is in the journals below a folder, and how often each outcome."""
    samples: Counter[tuple[str, int]] = Counter()
    outcomes: Counter[str] = Counter()
    for path in folder.rglob("gpqa-*.jsonl"):
        with path.open() as journal:
            for row in map(json.loads, journal):
                if "outcome" in row:
                    samples[str(row["question"]), row["repeat"]] += 1
                    outcomes[row["outcome"]] += 1
    return samples, outcomes


def marks_of(folder: Path) -> float:
    """Return the MB that the marks of the answers in the journal below a folder take."""
    (journal,) = folder.rglob("gpqa-*.jsonl")
    command = [sys.executable, "-c", MARKS, str(COLLECTIONS), str(journal)]
    return float(subprocess.check_output(command, text=True).split()[0])


def soak(seconds: float, concurrency: int, folder: Path) -> dict[str, Any]:
    """Run the eval and return what was seen. SystemExit when the client failed."""
    repeats = repeats_for(seconds, concurrency)
    settings = {"latency": {"lognormal": [MEDIAN, SIGMA]}, "words": 100, "fault": FAULT}
    with serving(settings) as (base, _server):
        params = {
            "server": "soak", "base_url": f"{base}/v1", "model": "test-model", "tasks": ["gpqa"],
            "reasoning_efforts": ["low"], "n_repeats": repeats, "concurrency": concurrency,
            "request_timeout": 600.0, "retry_timeout": 60.0, "data": {"gpqa": [str(make_data(folder))]},
            "run_path": str(folder / "runs"),
        }  # fmt: skip
        begun = time.monotonic()
        with (folder / "errors").open("wb") as errors:
            command = [sys.executable, "-c", OURS, str(COLLECTIONS), json.dumps(params)]
            client = subprocess.Popen(command, stdout=errors, stderr=errors)
            memory = watch(client)
        if client.returncode:
            raise SystemExit((folder / "errors").read_text()[-3000:])
        seen = json.load(urllib.request.urlopen(f"{base}/window", timeout=30))
    samples, outcomes = journalled(folder / "runs")
    early = [resident for at, resident in memory if at >= EARLY * memory[-1][0]]
    return {
        "seconds": time.monotonic() - begun,
        "wanted": QUESTIONS * repeats,
        "samples": samples,
        "outcomes": outcomes,
        "most": seen["most"],
        "requests": seen["requests"],
        "early": early[0],
        "late": max(resident for _at, resident in memory[-20:]),
        "marks": (1 - EARLY) * marks_of(folder / "runs"),
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    concurrency = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    raise_file_limit()
    with tempfile.TemporaryDirectory() as name:
        found = soak(seconds, concurrency, Path(name))
    samples, outcomes, wanted = found["samples"], found["outcomes"], found["wanted"]
    twice = sum(count > 1 for count in samples.values())
    unanswered = sum(count for outcome, count in outcomes.items() if outcome not in MEASURED)
    growth = (found["late"] - found["marks"]) / found["early"]
    rows = [
        ("seconds", f"{found['seconds']:.0f}", "", True),
        ("most requests under way", found["most"], f"= {concurrency}", found["most"] == concurrency),
        ("samples lost", wanted - len(samples), "= 0", len(samples) == wanted),
        ("samples twice in the journal", twice, "= 0", twice == 0),
        ("samples without an answer", unanswered, "= 0", unanswered == 0),
        ("samples", wanted, "", True),
        ("requests, with those refused", found["requests"], f"> {wanted}", found["requests"] > wanted),
        ("memory after a fifth, MB", f"{found['early']:.1f}", "", True),
        ("memory at the end, MB", f"{found['late']:.1f}", "", True),
        ("of that marks of the answers since, MB", f"{found['marks']:.1f}", "", True),
        ("growth of all else", f"{growth:.3f}", f"≤ {GROWTH}", growth <= GROWTH),
    ]
    print("| | seen | wanted | kept |\n|---|---|---|---|")
    for title, value, limit, kept in rows:
        print(f"| {title} | {value} | {limit} | {'' if not limit else 'yes' if kept else 'NO'} |")
    if not all(kept for *_row, kept in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
