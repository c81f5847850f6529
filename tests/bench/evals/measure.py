# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client process against a fresh loopback server: what it cost, and what the server saw of it."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SERVER = ROOT / "tests" / "eval_server.py"
COLLECTIONS = ROOT / ".ansible" / "collections"
QUESTIONS, REPEATS = 198, 8
REQUESTS = QUESTIONS * REPEATS
COLUMNS = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


@dataclass(frozen=True)
class Run:
    """CPU seconds, peak memory (MB), and as the server saw it: seconds from the first request to the last reply.

    ``busy`` is the sum of all latencies, ``longest`` the longest of them, ``most`` the most requests under way.
    """

    cpu: float
    rss: float
    window: float
    most: int
    requests: int
    busy: float
    longest: float

    def ideal(self, concurrency: int) -> float:
        """Return the shortest window in which these latencies fit, were a client's own time nothing."""
        if self.busy / self.requests > self.longest * (1 - 1e-9):  # all alike: they go in waves
            return -(-self.requests // concurrency) * self.longest
        return max(self.busy / concurrency, self.longest)


def make_data(folder: Path) -> Path:
    """Write questions about as long as GPQA's; return the file."""
    generator = random.Random(1)
    path = folder / "gpqa.csv"
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(QUESTIONS):
            words = " ".join(f"word{generator.randrange(1000)}" for _unused in range(80))
            table.writerow([f"Question {number}: {words}?", *(f"choice {number} {n}" for n in range(4))])
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def raise_file_limit() -> None:
    """Allow this process and its children as many open files as the machine does."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def serving(settings: Mapping[str, Any], script: Path = SERVER) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the loopback server; yield its address and process."""
    port = free_port()
    server = subprocess.Popen([sys.executable, str(script), str(port), json.dumps(settings)])
    base = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{base}/health", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        yield base, server
    finally:
        server.kill()
        server.wait()


def measure(command: Sequence[str], settings: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Run:
    """Run a client to its end; {url} in its command becomes the server's address. SystemExit when it fails."""
    with serving(settings) as (base, _server):
        client = subprocess.Popen(
            [word.replace("{url}", f"{base}/v1") for word in command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        errors = client.stderr.read() if client.stderr else b""
        _unused, status, usage = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        if client.returncode:
            raise SystemExit(errors.decode()[-3000:])
        seen = json.load(urllib.request.urlopen(f"{base}/window", timeout=5))
    cpu = usage.ru_utime + usage.ru_stime
    return Run(
        cpu, usage.ru_maxrss / 1024, seen["seconds"], seen["most"], seen["requests"], seen["busy"], seen["longest"]
    )
