# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eval client beside `vllm bench serve`, on real vLLM (CPU, tiny trained model) whose replies end by themselves.

usage: run.py [TURNS]     run.sh makes what it needs; prints its table as Markdown; fails below LIMIT

Both ask one server the same prompts by chat completions, in turn, at the same concurrency, each first as often.
Compared are the tokens a second that the server itself counted while it had nearly all requests that it may have, and
what its API process used of the processor, as a request that costs the server more makes it slower. A turn takes half a
minute; what differs from turn to turn is mostly the machine, as server and clients share its cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from asking import QUESTIONS, client_command, said

# What asking has named the folders of.
# isort: split
import load
from measure import free_port
from turns import in_turns

MODEL = "openai/gpt-oss-20b"
CONCURRENCY, REPEATS, TOKENS, TURNS = 32, 256, 256, 8
# Of the client's speed to the bench's.
LIMIT = 0.98
_NAME = f"gpt-oss-fleet-bench-client-{os.getpid()}"
_API_PROCESS = "vllm"


class Server:
    """Real vLLM in a container on loopback."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder
        self.url = f"http://127.0.0.1:{port}"
        self._pid = 0

    def start(self) -> None:
        """Start it and wait until it answers; SystemExit with its log when it does not within five minutes."""
        mounts = {os.environ["ACCEPTANCE_MODEL"]: "/model:ro", os.environ["BENCH_PACKAGES"]: "/packages:ro"}
        command = ["docker", "run", "--detach", "--name", _NAME, "--network", "host", "--ipc", "private"]
        command += ["--shm-size", "1g", "--env", "VLLM_CPU_KVCACHE_SPACE=1", "--env", "HF_HUB_OFFLINE=1"]
        for source, target in {**mounts, str(self.folder): "/bench:ro"}.items():
            command += ["--volume", f"{source}:{target}"]
        command += [os.environ["ACCEPTANCE_IMAGE"], "/model", "--served-model-name", MODEL, "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--enforce-eager", "--dtype", "bfloat16", "--max-model-len", "4096"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 300
        while not self._answers():
            if time.monotonic() > end or _docker("inspect", "--format", "{{.State.Running}}", _NAME) != "true":
                raise SystemExit(f"vLLM did not start:\n{_docker('logs', '--tail', '30', _NAME)}")
            time.sleep(0.5)
        rows = (line.split(None, 1) for line in _docker("top", _NAME, "-eo", "pid,comm").splitlines()[1:])
        self._pid = next(int(pid) for pid, name in rows if name == _API_PROCESS)

    def cpu_seconds(self) -> float:
        """Return what the API process has used of the processor."""
        return load.cpu_seconds(self._pid)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as reply:
                return int(reply.status) == 200
        except OSError:
            return False


class Turn:
    """Asks a server once by one of both, and says what was seen."""

    def __init__(self, server: Server, n_requests: int) -> None:
        self.server, self.n_requests = server, n_requests

    def client(self, number: int) -> dict[str, Any]:
        """Ask by the eval's client."""
        with tempfile.TemporaryDirectory(dir=self.server.folder) as folder:
            command = client_command(self.server.url, MODEL, folder, REPEATS, CONCURRENCY, TOKENS)
            seen, _printed = self._watched(command)
            window = load.window(sorted(Path(folder).rglob("gpqa-*.jsonl")))
        return self._told("client", number, seen, window["requests_per_second"])

    def bench(self, number: int) -> dict[str, Any]:
        """Ask by `vllm bench serve`, which runs beside the server in its container."""
        asked = load.bench_command(self.server.url, MODEL, "/bench/prompts.jsonl", self.n_requests, CONCURRENCY, TOKENS)
        into = ["docker", "exec", "--env", "PYTHONPATH=/packages", _NAME]
        seen, printed = self._watched([*into, *asked, "--tokenizer", "/model"])
        seconds = load.bench_numbers(printed)["benchmark_duration_s"]
        return self._told("bench", number, seen, self.n_requests / seconds)

    def _watched(self, command: list[str]) -> tuple[dict[str, Any], str]:
        """Return what the server showed meanwhile, and what the command printed."""
        watch, before = load.ServerWatch(self.server.port), self.server.cpu_seconds()
        watch.start()
        with load.asked_alone(self.server.port, self.n_requests):
            printed = said(command)
        cpu, full = self.server.cpu_seconds() - before, watch.end(CONCURRENCY)
        return {"while_full": full, "server_cpu_ms": 1000 * cpu / self.n_requests}, printed

    @staticmethod
    def _told(who: str, number: int, seen: dict[str, Any], rate: float) -> dict[str, Any]:
        print(f"turn {number}, {who}: {seen['while_full']}, {rate:.1f} requests/s", file=sys.stderr, flush=True)
        return {**seen, "requests_per_second": rate}


def table(found: Mapping[str, Any], turns: int) -> Iterator[str]:
    """Yield the lines of what both showed, turn by turn and in the middle."""
    rows = ("tokens/s while full", "requests/s", "server's API process, CPU ms a request")
    yield "| | `vllm bench serve` | the eval's client | ratio |"
    yield "| --- | ---: | ---: | ---: |"
    for title, figures in zip(rows, zip(*(_figures(found, turns, who) for who in ("bench", "client")))):
        bench, client = (median(each) for each in figures)
        yield f"| {title}, median of {turns} | {bench:.2f} | {client:.2f} | {client / bench:.3f} |"
    for number in range(1, turns + 1):
        bench, client = (found["tokens per second"][who][number - 1] for who in ("bench", "client"))
        yield f"| turn {number}, tokens/s while full | {bench:.1f} | {client:.1f} | {client / bench:.3f} |"


def _figures(found: Mapping[str, Any], turns: int, who: str) -> list[list[float]]:
    told = [found[f"{who} {number}"] for number in range(1, turns + 1)]
    return [
        [each["while_full"]["tokens_per_second"] for each in told],
        [each["requests_per_second"] for each in told],
        [each["server_cpu_ms"] for each in told],
    ]


@contextmanager
def serving() -> Iterator[Server]:
    """Start a server for the time of the body."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(free_port(), Path(folder))
        try:
            server.start()
            yield server
        finally:
            _docker("rm", "--force", _NAME)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], text=True, capture_output=True, check=False)
    return (done.stdout + (done.stderr if arguments[0] == "logs" else "")).strip()


def main(turns: int) -> int:
    with serving() as server:
        n_requests = load.write_prompts(server.folder / "prompts.jsonl", QUESTIONS, REPEATS)
        turn = Turn(server, n_requests)
        # A young server is slower for its first thousand requests.
        turn.client(0)
        found = in_turns(turn.client, turn.bench, turns)
    print("\n".join(table(found, turns)))
    ratio = found["client over bench"]
    if ratio < LIMIT:
        print(f"the client's speed is {ratio} of the bench's, wanted {LIMIT} or more", file=sys.stderr)
    return int(ratio < LIMIT)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS))
