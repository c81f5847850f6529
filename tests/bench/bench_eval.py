# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the eval client against gpt_oss.evals: the same 1,584 GPQA requests to the same loopback server, in one run.

usage: REFERENCE_PYTHON=/path/to/python bench_eval.py [--concurrency 128] [--words 700]
REFERENCE_PYTHON has gpt_oss 0.0.9 and what its evals import. Without it our client is measured alone.
"CPU ms a request" is the process's CPU seconds, start-up taken off, over its requests; "start-up" is the CPU of a run
that asks one question.
"window" is from the first request to the last reply as the server sees it; of our client it is the best of three.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVER = HERE.parent / "eval_server.py"
COLLECTIONS = HERE.parents[1] / ".ansible" / "collections"
QUESTIONS, REPEATS = 198, 8
REQUESTS = QUESTIONS * REPEATS

OURS = """
import sys, json
sys.path.insert(0, sys.argv[1])
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _eval_plan, _probe
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_job import run_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
spec = EvalSpec.from_params(json.loads(sys.argv[2]))
spec.folder.mkdir(parents=True)
facts = _probe.probe_server(spec, None)
cells = _eval_plan.build_cells(spec, _eval_plan.load_data(spec), facts)
run_job(spec, [_eval_plan.cell_state(cell, spec) for cell in cells], facts, None)
assert _eval_plan.cell_state(cells[0], spec).finished
"""

REFERENCE = """
import sys, os
url, data, examples, repeats, concurrency, sampler = sys.argv[1:]
os.environ["OPENAI_API_KEY"] = "none"
import pandas
read_csv = pandas.read_csv
pandas.read_csv = lambda *a, **k: read_csv(data)
from gpt_oss.evals import gpqa_eval, responses_sampler, chat_completions_sampler
kinds = {
    "responses": responses_sampler.ResponsesSampler,
    "chat_completions": chat_completions_sampler.ChatCompletionsSampler,
}
asker = kinds[sampler](model="test-model", reasoning_model=True, reasoning_effort="low", temperature=1.0, base_url=url,
                       max_tokens=131072)
run = gpqa_eval.GPQAEval(n_repeats=int(repeats), num_examples=int(examples) or None, n_threads=int(concurrency))
result = run(asker)
"""


@dataclass(frozen=True)
class Run:
    """One client process: CPU seconds, peak memory (MB), the server's view of its requests."""

    cpu: float
    rss: float
    window: float
    most_in_flight: int
    requests: int


def make_data(path: Path) -> None:
    """Write questions about as long as GPQA's."""
    generator = random.Random(1)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Question", "Correct Answer", *(f"Incorrect Answer {n}" for n in (1, 2, 3))])
        for number in range(QUESTIONS):
            words = " ".join(f"word{generator.randrange(1000)}" for _unused in range(80))
            table.writerow([f"Question {number}: {words}?", *(f"choice {number} {n}" for n in range(4))])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure(command: list[str], latency: float, words: int, url_at: int) -> Run:
    """Run a client against a fresh server; ``command[url_at]`` holds {url}."""
    port = free_port()
    settings = json.dumps({"latency": latency, "words": words})
    server = subprocess.Popen([sys.executable, str(SERVER), str(port), settings])
    try:
        base = f"http://127.0.0.1:{port}"
        while True:
            try:
                urllib.request.urlopen(f"{base}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        command = [*command]
        command[url_at] = command[url_at].replace("{url}", f"{base}/v1")
        client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        errors = client.stderr.read() if client.stderr else b""
        _unused, status, usage = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        if client.returncode:
            raise SystemExit(errors.decode()[-3000:])
        seen = json.load(urllib.request.urlopen(f"{base}/window", timeout=5))
        return Run(
            usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, seen["seconds"], seen["most"], seen["requests"]
        )
    finally:
        server.terminate()
        server.wait()


class Ours:
    name = "gpt_oss.fleet"

    def __init__(self, sampler: str) -> None:
        self.sampler = sampler

    def run(self, folder: Path, full: bool, latency: float, options: argparse.Namespace) -> Run:
        params = {
            "server": "bench", "base_url": "{url}", "model": "test-model", "api_key_file": None, "tasks": ["gpqa"],
            "reasoning_efforts": ["low"], "sampler": self.sampler, "temperature": 1.0, "max_tokens": 131072,
            "n_repeats": REPEATS if full else 1, "examples": None if full else 1, "concurrency": options.concurrency,
            "request_timeout": 60.0, "retry_timeout": 60.0, "max_invalid": 0.02, "max_truncated": 0.1,
            "data": {"gpqa": [str(folder / "gpqa.csv")]}, "data_sha256": {}, "container": None, "docker_host": "",
            "revision": None, "run_path": tempfile.mkdtemp(dir=folder),
        }  # fmt: skip
        command = [sys.executable, "-c", OURS, str(COLLECTIONS), json.dumps(params)]
        return measure(command, latency, options.words, 4)


class Reference:
    name = "gpt_oss.evals"

    def __init__(self, python: str, sampler: str) -> None:
        self.python = python
        self.sampler = sampler

    def run(self, folder: Path, full: bool, latency: float, options: argparse.Namespace) -> Run:
        examples, repeats = ("0", str(REPEATS)) if full else ("1", "1")
        data = str(folder / "gpqa.csv")
        command = [
            self.python,
            "-c",
            REFERENCE,
            "{url}",
            data,
            examples,
            repeats,
            str(options.concurrency),
            self.sampler,
        ]
        return measure(command, latency, options.words, 3)


@dataclass(frozen=True)
class Figures:
    """What the table shows of one client."""

    startup: float
    per_request: float
    rss: float
    window: float
    most: int


def figures(client: Ours | Reference, folder: Path, options: argparse.Namespace) -> Figures:
    startup = client.run(folder, False, 0.0, options).cpu
    busy = client.run(folder, True, 0.0, options)
    runs = 3 if isinstance(client, Ours) else 1  # our window is under a second: a busy machine shows in a single run
    late = min((client.run(folder, True, options.latency, options) for _run in range(runs)), key=lambda run: run.window)
    if busy.requests != REQUESTS or late.requests != REQUESTS:
        raise SystemExit(f"{client.name} sent {busy.requests} and {late.requests} requests, wanted {REQUESTS}")
    return Figures(startup, (busy.cpu - startup) / REQUESTS, max(busy.rss, late.rss), late.window, late.most_in_flight)


def show(name: str, found: Figures, base: Figures, ideal: float) -> None:
    """Print one row; ratios are to ``base``."""
    cpu, rss, window = base.per_request / found.per_request, found.rss / base.rss, found.window / ideal
    cells = (
        name,
        f"{found.startup:.2f}",
        f"{1000 * found.per_request:.2f}",
        f"1/{cpu:.1f}",
        f"{found.rss:.0f}",
        f"{rss:.2f}",
        f"{found.window:.2f}",
        f"{window:.2f}",
        str(found.most),
    )
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--words", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    reference = os.environ.get("REFERENCE_PYTHON")
    ideal = REQUESTS * options.latency / options.concurrency
    print(
        f"{REQUESTS} GPQA requests, concurrency {options.concurrency}; the window is at {options.latency:g} s latency"
    )
    print("| client | start-up CPU s | CPU ms/request | ratio | peak MB | ratio | window s | × ideal | in flight |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / "gpqa.csv")
        for sampler in ("responses", "chat_completions"):
            ours = figures(Ours(sampler), folder, options)
            base = figures(Reference(reference, sampler), folder, options) if reference else ours
            show(f"gpt_oss.fleet {sampler}", ours, base, ideal)
            if reference:
                show(f"gpt_oss.evals {sampler}", base, base, ideal)


if __name__ == "__main__":
    main()
