# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon the eval client and `vllm bench serve` ask again when 128 replies come at once; fails where ours is later.

usage: again.py     run.sh makes what it needs; prints its table as Markdown

Replies that are all as long, as those of weights of chance, come in waves: then a server has nothing to do until it
is asked again. Of the server only the waiting is imitated (waves.py). A wave counts whose requests were all followed by
another.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

from asking import QUESTIONS, client_command, said

# What asking has named the folders of.
# isort: split
import load
from measure import serving

CONCURRENCY, REPEATS, TOKENS, TURNS = 128, 128, 512, 3
SETTINGS = {"concurrency": CONCURRENCY, "model": "waves", "words": 450}

# Asks the server at an address; what it wants to write goes to a folder.
Ask = Callable[[str, Path], object]


def client(url: str, folder: Path) -> object:
    return said(client_command(url, "waves", str(folder), REPEATS, CONCURRENCY, TOKENS))


def bench(url: str, folder: Path) -> object:
    prompts = folder / "prompts.jsonl"
    count = load.write_prompts(prompts, QUESTIONS, REPEATS)
    _name, *asked = load.bench_command(url, "waves", str(prompts), count, CONCURRENCY, TOKENS)
    command = [f"{os.environ['BENCH_VENV']}/bin/vllm", *asked, "--tokenizer", os.environ["ACCEPTANCE_MODEL"]]
    return said(command, PYTHONPATH=os.environ["BENCH_PACKAGES"], HF_HUB_OFFLINE="1")


def waves_of(ask: Ask) -> list[list[float]]:
    """Return the milliseconds after which each request of a whole wave was followed by the next, wave by wave."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(SETTINGS, Path(__file__).parent / "waves.py") as (url, _server),
    ):
        ask(url, Path(folder))
        with urllib.request.urlopen(f"{url}/delays", timeout=5) as reply:
            told = json.load(reply)
    whole = [delays for delays in told.values() if len(delays) == CONCURRENCY]
    if len(whole) < 3:
        raise SystemExit(f"wanted three waves of {CONCURRENCY} requests, found {sorted(map(len, told.values()))}")
    return whole


def table(seen: dict[str, list[list[float]]]) -> Iterator[str]:
    """Yield the lines of what both showed."""
    yield f"| {CONCURRENCY} replies at once | `vllm bench serve` | the eval's client | ratio |"
    yield "| --- | ---: | ---: | ---: |"
    each = {who: [delay for wave in waves for delay in wave] for who, waves in seen.items()}
    rows = {
        "asked again after, ms, median": {who: median(delays) for who, delays in each.items()},
        "nine of ten after, ms": {who: quantiles(delays, n=10)[-1] for who, delays in each.items()},
        "all of a wave after, ms, median of the waves": {
            who: median(max(wave) for wave in waves) for who, waves in seen.items()
        },
    }
    for title, row in rows.items():
        yield f"| {title} | {row['bench']:.1f} | {row['client']:.1f} | {row['client'] / row['bench']:.2f} |"


def main() -> int:
    seen: dict[str, list[list[float]]] = {"bench": [], "client": []}
    for number in range(TURNS):
        for who, ask in (("bench", bench), ("client", client))[:: -1 if number % 2 else 1]:
            seen[who] += waves_of(ask)
    print("\n".join(table(seen)), end="\n\n", flush=True)
    late = median(map(max, seen["client"])) > median(map(max, seen["bench"]))
    if late:
        print("the client asks again later than the bench does", file=sys.stderr)
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
