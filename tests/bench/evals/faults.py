# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gpt_oss.evals 0.0.9 and our client do under each fault of a server, of a reply, and of the client itself.

usage: REFERENCE_PYTHON=/path/to/python faults.py [NAME ...]     prints a table as Markdown
Each fault befalls an eval of 160 samples, 16 at a time, against a loopback server whose replies depend on the prompt
alone, so that both clients have the same score where nothing goes wrong. A client that does not end by itself is ended
after LIMIT seconds. Ours waits at most 10 s for a server to come back here, and 30 minutes unless told otherwise.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients import OURS
from measure import COLLECTIONS, COLUMNS, SERVER, free_port

LIMIT = 40.0
QUESTIONS, REPEATS = 40, 4
SAMPLES = QUESTIONS * REPEATS
OUTCOMES = ("n_unparsed", "n_refused", "n_errors", "n_timeouts")
OURS_ENDED = OURS.partition("state =")[0] + "\nprint(json.dumps(_eval_plan.cell_state(cells[0], spec).row))\n"
REFERENCE = """
import json, os, sys
url, data, sampler = sys.argv[1:]
os.environ["OPENAI_API_KEY"] = "none"
import pandas
read_csv = pandas.read_csv
pandas.read_csv = lambda *a, **k: read_csv(data)
from gpt_oss.evals import chat_completions_sampler, gpqa_eval, responses_sampler
kinds = {
    "responses": responses_sampler.ResponsesSampler,
    "chat_completions": chat_completions_sampler.ChatCompletionsSampler,
}
asker = kinds[sampler](
    model="test-model", reasoning_model=True, reasoning_effort="low", temperature=1.0, base_url=url, max_tokens=131072
)
result = gpqa_eval.GPQAEval(n_repeats=4, n_threads=16)(asker)
sys.stdout.write("\\n" + json.dumps({"score": result.score}) + "\\n")
"""


@dataclass(frozen=True)
class Fault:
    """Settings of the server, and what happens when half of the samples are answered."""

    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    event: str = ""
    sampler: str = "responses"


def one_in_ten(kind: str, times: int = 1, **more: Any) -> dict[str, Any]:
    return {"fault": {"kind": kind, "every": 10, "times": times, **more}}


def every(kind: str, **more: Any) -> dict[str, Any]:
    return {"fault": {"kind": kind, "every": 1, "times": 10**9, **more}}


FAULTS = {
    "none": Fault("none"),
    "503": Fault("HTTP 503 once for one request in ten", one_in_ten("status", status=503)),
    "429": Fault("HTTP 429 with Retry-After: 1", one_in_ten("status", status=429, retry_after="1")),
    "reset": Fault("connection reset", one_in_ten("reset")),
    "half": Fault("reply broken off half-way", one_in_ten("half")),
    "400": Fault("HTTP 400 for one request in ten, always", one_in_ten("status", 10**9, status=400)),
    "empty": Fault("empty reply to one in ten", one_in_ten("empty", 10**9)),
    "empty-chat": Fault("the same, chat completions", one_in_ten("empty", 10**9), sampler="chat_completions"),
    "length": Fault("reply cut off at the token limit, one in ten", one_in_ten("length", 10**9)),
    "down": Fault("HTTP 503 for ever", every("status", status=503)),
    "404": Fault("HTTP 404 for ever (another model is served)", event="404"),
    "stuck": Fault("the engine hangs in mid-run", event="hold"),
    "killed": Fault("server killed in mid-run, not back", event="kill"),
    "back": Fault("server killed in mid-run, back after 3 s", event="restart"),
    "replaced": Fault("another version is back after 3 s", event="replace"),
    "client": Fault("client killed with SIGKILL in mid-run, run again", event="client"),
}


class Server:
    """The loopback server, which can die and come back on its port."""

    def __init__(self, settings: Mapping[str, Any], log: Path) -> None:
        self.port = free_port()
        self.settings = {"by_prompt": True, "latency": 0.05, "log": str(log), **settings}
        self.log = log
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, str(SERVER), str(self.port), json.dumps(self.settings)]
        self.process = subprocess.Popen(command)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("the loopback server does not start")

    def set(self, **settings: Any) -> None:
        urllib.request.urlopen(f"{self.url}/settings", json.dumps(settings).encode(), timeout=5).close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def answered(self) -> int:
        """Return how many replies were sent, by all lives of the server."""
        return self.log.read_text().count(" 200\n") if self.log.exists() else 0


@dataclass
class Ending:
    """How a client ended: after how many seconds, or not by itself, what it printed last, how much was answered."""

    seconds: float
    itself: bool
    printed: dict[str, Any] | None
    answered: int
    status: dict[str, Any] = field(default_factory=dict)
    journalled: int = 0
    apart: int = 0


class Case:
    """One fault and one client."""

    def __init__(self, fault: Fault, folder: Path, python: str, ours: bool) -> None:
        self.fault, self.folder, self.ours = fault, folder, ours
        self.data = make_data(folder)
        self.server = Server(fault.settings, folder / "server.log")
        self.command = self.our_command() if ours else self.reference_command(python)

    def our_command(self) -> list[str]:
        params = {
            "server": "bench", "base_url": f"{self.server.url}/v1", "model": "test-model", "tasks": ["gpqa"],
            "reasoning_efforts": ["low"], "n_repeats": REPEATS, "concurrency": 16, "retry_timeout": 10.0,
            "server_patience": 10.0, "stall_seconds": 5.0, "sampler": self.fault.sampler,
            "data": {"gpqa": [str(self.data)]}, "run_path": str(self.folder / "run"),
        }  # fmt: skip
        script = OURS_ENDED.replace("mkdir(parents=True)", "mkdir(parents=True, exist_ok=True)")
        return [sys.executable, "-c", script, str(COLLECTIONS), json.dumps(params)]

    def reference_command(self, python: str) -> list[str]:
        return [python, "-c", REFERENCE, f"{self.server.url}/v1", str(self.data), self.fault.sampler]

    def run(self) -> Ending:
        began = time.monotonic()
        client = self.spawn()
        try:
            if self.fault.event:
                client = self.befall(client)
            itself = True
            try:
                output, _errors = client.communicate(timeout=max(1.0, began + LIMIT - time.monotonic()))
            except subprocess.TimeoutExpired:
                client.kill()
                output, _errors = client.communicate()
                itself = False
            return self.ending(time.monotonic() - began, itself, output)
        finally:
            client.kill()
            self.server.kill()

    def spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def befall(self, client: subprocess.Popen[str]) -> subprocess.Popen[str]:
        while self.server.answered() < SAMPLES // 2 and client.poll() is None:
            time.sleep(0.01)
        event = self.fault.event
        if event == "404":
            self.server.set(model="other", **every("status", status=404))
        elif event == "hold":
            self.server.set(hold=0)
        elif event == "client":
            client.kill()
            client.communicate()
            return self.spawn()
        else:
            self.server.kill()
            if event != "kill":
                time.sleep(3.0)  # part of the fault: nothing is there meanwhile
                self.server.settings["version"] = "other" if event == "replace" else "0.0-test"
                self.server.start()
        return client

    def ending(self, seconds: float, itself: bool, output: str) -> Ending:
        printed = None
        if itself and output.strip():
            printed = json.loads(output.strip().splitlines()[-1])
        found = Ending(seconds, itself, printed, self.server.answered())
        if self.ours:
            folder = self.folder / "run" / "bench"
            found.status = json.loads((folder / "status.json").read_text())
            found.journalled = sum(path.read_text().count('"outcome"') for path in folder.glob("*.jsonl"))
            found.apart = sum(path.read_text().count('"outcome"') for path in folder.glob("*.jsonl.*-[0-9]*"))
        return found


def make_data(folder: Path) -> Path:
    path = folder / "gpqa.csv"
    rows = [f"Question {n}?,a{n},b{n},c{n},d{n}" for n in range(QUESTIONS)]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    return path


def reference_words(found: Ending, truth: float) -> str:
    again = found.answered - SAMPLES
    if not found.itself:
        return f"does not end ({LIMIT:.0f} s given); {min(found.answered, SAMPLES)} answers lost"
    if not found.printed:
        return "fails; all answers lost"
    words = f"score {found.printed['score']:.3f}{same(found.printed['score'], truth)}"
    return words + (f", {again} asked again" if again > 0 else "") + f", {found.seconds:.0f} s"


def our_words(found: Ending, truth: float) -> str:
    row = found.printed
    again = found.answered - SAMPLES
    if not found.itself:
        return f"does not end ({LIMIT:.0f} s given)"
    if not row or not row.get("complete"):
        error = re.sub(r"( at)? 127[.0-9]+:\d+", "", str(found.status.get("error", ""))).partition(";")[0][:160]
        apart = f", {found.apart} put apart" if found.apart else ""
        return f"ends after {found.seconds:.0f} s: {error}; {found.journalled} answers kept{apart}"
    words = [f"score {row['score']:.3f}{same(row['score'], truth)}"]
    words += [f"{row[name]} {name[2:]}" for name in OUTCOMES if row[name]]
    words += [f"{row[name]} {text}" for name, text in (("n_empty", "empty"), ("n_cut_off", "cut off")) if row.get(name)]
    words += [f"{row['n_truncated']} truncated"] if row["n_truncated"] and not row.get("n_cut_off") else []
    words += ["void"] if row["verdict"] == "void" else []
    words += [f"{again} asked again"] if again > 0 else []
    return ", ".join([*words, f"{found.seconds:.0f} s"])


def same(score: float, truth: float) -> str:
    return "" if score == truth else f" (without the fault {truth:.3f})"


def main() -> None:
    names = sys.argv[1:] or list(FAULTS)
    python = os.environ.get("REFERENCE_PYTHON", "")
    truth = 0.0
    print("| fault | gpt_oss.evals | gpt_oss.fleet |\n|---|---|---|", flush=True)
    for name in dict.fromkeys(["none", *names]):
        fault = FAULTS[name]
        with tempfile.TemporaryDirectory() as theirs, tempfile.TemporaryDirectory() as mine:
            found = Case(fault, Path(mine), python, True).run()
            if name == "none":
                truth = (found.printed or {})["score"]
            words = reference_words(Case(fault, Path(theirs), python, False).run(), truth) if python else "–"
            print(f"| {fault.title} | {words} | {our_words(found, truth)} |", flush=True)


if __name__ == "__main__":
    main()
