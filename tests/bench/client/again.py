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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parents[1] / "acceptance/gpu"), str(_HERE.parent / "evals")]
import load  # noqa: E402
from clients import OURS  # noqa: E402
from measure import COLLECTIONS, free_port  # noqa: E402

QUESTIONS = _HERE.parents[1] / "acceptance/vllm/files/gpqa.csv"
CONCURRENCY, REPEATS, TOKENS, TURNS = 128, 128, 512, 3

# Asks a server on a port; what it wants to write goes to a folder.
Ask = Callable[[int, Path], None]


def client(port: int, folder: Path) -> None:
    told = {
        "server": "waves", "base_url": f"http://127.0.0.1:{port}/v1", "model": "waves", "tasks": ["gpqa"],
        "reasoning_efforts": ["low"], "n_repeats": REPEATS, "concurrency": CONCURRENCY, "max_tokens": TOKENS,
        "sampler": "chat_completions", "data": {"gpqa": [str(QUESTIONS)]}, "run_path": str(folder / "run"),
    }  # fmt: skip
    _run([sys.executable, "-c", OURS, str(COLLECTIONS), json.dumps(told)])


def bench(port: int, folder: Path) -> None:
    prompts = folder / "prompts.jsonl"
    count = load.write_prompts(prompts, QUESTIONS, REPEATS)
    _name, *asked = load.bench_command(f"http://127.0.0.1:{port}", "waves", str(prompts), count, CONCURRENCY, TOKENS)
    command = [f"{os.environ['BENCH_VENV']}/bin/vllm", *asked, "--tokenizer", os.environ["ACCEPTANCE_MODEL"]]
    _run(command, PYTHONPATH=os.environ["BENCH_PACKAGES"], HF_HUB_OFFLINE="1")


def _run(command: list[str], **more: str) -> None:
    environment = {**os.environ, **more}
    done = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command[:2]} ended with {done.returncode}:\n{done.stdout[-2000:]}")


def waves_of(ask: Ask) -> list[list[float]]:
    """Return the milliseconds after which each request of a whole wave was followed by the next, wave by wave."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(_HERE / "waves.py"), str(port), str(CONCURRENCY)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(1)
            ask(port, Path(folder))
        finally:
            server.terminate()
            told = server.communicate()[0]
    whole = [delays for delays in json.loads(told).values() if len(delays) == CONCURRENCY]
    if len(whole) < 3:
        raise SystemExit(f"wanted three waves of {CONCURRENCY} requests, found {len(whole)}: {told[-300:]}")
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
