"""Puts load on a server, and measures what the eval's client costs and how fast it is."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from machine import ROOT
from record import expect

_PROMPT_TOKENS = 128
# What a server may take to count its last reply.
_ANSWER_SECONDS = 10.0
# What one of a thousand requests may take: 1,024 steps of a tenth of a second, and the wait before them.
_REPLY_SECONDS = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")


def generate(
    port: int, model: str, concurrency: int, requests: int, tokens: int, ends: bool = False
) -> dict[str, float]:
    """Return the speed of completions of `tokens` tokens each, or of fewer with `ends`, on prompts of 128 of chance."""
    draw = random.Random(concurrency)

    def ask(_request: int) -> int:
        prompt = [draw.randrange(1000, 190000) for _number in range(_PROMPT_TOKENS)]
        body = {"model": model, "prompt": prompt, "max_tokens": tokens, "ignore_eos": not ends, "temperature": 1.0}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_REPLY_SECONDS) as reply:
            return int(json.load(reply)["usage"]["completion_tokens"])

    with ThreadPoolExecutor(concurrency) as pool:
        begun = time.monotonic()
        counted = sum(pool.map(ask, range(requests)))
        seconds = time.monotonic() - begun
    return {
        "concurrency": concurrency,
        "requests": requests,
        "tokens": counted,
        "seconds": round(seconds, 2),
        "tokens_per_second": round(counted / seconds, 1),
    }


@contextmanager
def in_background(port: int, model: str) -> Iterator[None]:
    """Keep a server busy with long completions meanwhile."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            generate(port, model, 4, 4, 1024)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join(30)


class Look(NamedTuple):
    """What a server's counters said: monotonic seconds, requests that it has, tokens and replies since its start."""

    at: float
    requests: float
    tokens: float
    replies: float = 0.0


_COUNTED = {
    "vllm:num_requests_running": "requests",
    "vllm:num_requests_waiting": "requests",
    "vllm:generation_tokens_total": "tokens",
    "vllm:request_success_total": "replies",
}


def look(metrics: str, at: float) -> Look:
    """Return what a server's metrics say."""
    sums = {"requests": 0.0, "tokens": 0.0, "replies": 0.0}
    for line in metrics.splitlines():
        name, _brace, rest = line.partition("{")
        if name in _COUNTED:
            sums[_COUNTED[name]] += float(rest.rpartition(" ")[2])
    return Look(at, **sums)


def while_full(looks: Sequence[Look], concurrency: int) -> dict[str, float]:
    """Return tokens a second from the first look at which a server had nearly all requests at once to the last one.

    Left out are the beginning and the last wave, in which a single request that is asked again, or is slow, leaves the
    server all but idle: with eight waves it is an eighth of the time.
    """
    full = [each for each in looks if each.requests >= 0.9 * concurrency]
    if len(full) < 2 or full[-1].at == full[0].at:
        return {}
    seconds = full[-1].at - full[0].at
    within = [each.requests for each in looks if full[0].at <= each.at <= full[-1].at]
    return {
        "seconds": round(seconds, 2),
        "tokens_per_second": round((full[-1].tokens - full[0].tokens) / seconds, 1),
        "requests_under_way": round(sum(within) / len(within), 1),
    }


def until_idle(port: int, seconds: float) -> None:
    """Wait until a server has no request any more. StepFailed when it still has some after so many seconds."""
    end = time.monotonic() + seconds
    while (found := look_at(port)).requests:
        expect(time.monotonic() < end, f"wanted a server without requests, found {found.requests:.0f}")
        time.sleep(0.2)


@contextmanager
def asked_alone(port: int, requests: int) -> Iterator[None]:
    """See that a server counts so many replies meanwhile. StepFailed when it counts others: who asks it, too?"""
    before = look_at(port)
    yield
    until_idle(port, _ANSWER_SECONDS)
    found = look_at(port).replies - before.replies
    expect(found == requests, f"wanted {requests} replies by the server's own counters, found {found:.0f}")


def look_at(port: int) -> Look:
    """Return what the metrics of a server on loopback say now. OSError when it does not answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        return look(reply.read().decode(), time.monotonic())


class ServerWatch(threading.Thread):
    """Reads a server's counters four times a second."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.looks: list[Look] = []

    def run(self) -> None:
        """Look until told to end."""
        while not self._over.wait(0.25):
            try:
                self.looks.append(look_at(self._port))
            except OSError:
                continue

    def end(self, concurrency: int) -> dict[str, float]:
        """End, and return the speed while the server had nearly all requests."""
        self._over.set()
        self.join(30)
        return while_full(self.looks, concurrency)


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of the processor (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class ClientWatch(threading.Thread):
    """Reads twice a second what the eval's job, whose status file lies below a folder, has used of the processor."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._looks: list[tuple[float, float, int]] = []
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.5):
            for path in self._folder.rglob("status.json"):
                try:
                    pid = json.loads(path.read_text())["pid"]
                    used = cpu_seconds(pid)
                    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                except (OSError, ValueError, KeyError):
                    continue
                self._looks.append((time.monotonic(), used, resident))

    def end(self) -> dict[str, Any]:
        """Return the share of one core and the memory that the job used from the first look to the last."""
        self._over.set()
        self.join()
        if len(self._looks) < 2:
            return {"looks": len(self._looks)}
        (begun, before, _counts), (ended, after, _ends) = self._looks[0], self._looks[-1]
        return {
            "looks": len(self._looks),
            "seconds": round(ended - begun, 1),
            "cpu_seconds": round(after - before, 2),
            "share_of_a_core_percent": round(100 * (after - before) / max(0.1, ended - begun), 2),
            "resident_mib": round(max(look[2] for look in self._looks) / 2**20, 1),
        }


def window(journals: Iterable[Path]) -> dict[str, Any]:
    """Return how many samples journals hold, how they ended, and the rate from the first request to the last reply."""
    rows = [json.loads(line) for path in journals for line in path.read_text().splitlines()[1:]]
    rows = [row for row in rows if "outcome" in row]
    if not rows:
        return {"requests": 0}
    begun = min(row["finished"] - row["seconds"] for row in rows)
    seconds = max(row["finished"] for row in rows) - begun
    outcomes = [row["outcome"] for row in rows]
    return {
        "requests": len(rows),
        "outcomes": {name: outcomes.count(name) for name in sorted(set(outcomes))},
        "prompt_tokens": sum(row.get("prompt_tokens") or 0 for row in rows),
        "completion_tokens": sum(row.get("completion_tokens") or 0 for row in rows),
        "seconds": round(seconds, 2),
        "requests_per_second": round(len(rows) / seconds, 3),
    }


def write_prompts(path: Path, questions: Path, n_repeats: int) -> int:
    """Write the very prompts of an eval in its order, as `vllm bench serve` reads them; return how many there are."""
    sys.path.insert(0, str(ROOT / ".ansible/collections"))
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import build_samples

    samples = build_samples("gpqa", [str(questions)], n_repeats)
    path.write_text("".join(json.dumps({"prompt": sample.prompt}) + "\n" for sample in samples))
    return len(samples)


def bench_command(url: str, model: str, prompts: str, count: int, concurrency: int, tokens: int) -> list[str]:
    """Return the call of `vllm bench serve` that asks what an eval asks: chat completions, whole replies, low effort.

    The bench asks for streams unless told otherwise, which costs the server more.
    """
    command = ["vllm", "bench", "serve", "--backend", "openai-chat", "--base-url", url]
    command += ["--endpoint", "/v1/chat/completions", "--model", model]
    command += ["--dataset-name", "custom", "--dataset-path", prompts, "--skip-chat-template", "--disable-shuffle"]
    command += ["--custom-output-len", str(tokens), "--num-prompts", str(count), "--disable-tqdm"]
    command += ["--max-concurrency", str(concurrency), "--temperature", "1.0", "--extra-body"]
    return [*command, '{"reasoning_effort": "low", "stream": false, "stream_options": null}']


def bench_numbers(output: str) -> dict[str, float]:
    """Return the numbers that `vllm bench serve` printed, by their titles."""
    found = re.findall(r"^([A-Z][^:\n]+):\s+([\d.]+)\s*$", output, re.MULTILINE)
    return {re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_"): float(number) for title, number in found}
