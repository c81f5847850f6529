# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the eval tests share: a loopback server, and evals run through ansible-playbook as users run them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = 40
REPEATS = 4
SAMPLES = QUESTIONS * REPEATS
# A server that answers so many and keeps the others waiting, until a test lets it go on.
HELD = SAMPLES // 4
HOLDING = {"latency": 0.02, "hold": HELD}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first true value of ``what``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


@dataclass
class LoopbackServer:
    """tests/eval_server.py in a process of its own; ``log`` tells each reply it gave."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        settings = {"log": str(self.folder / "server.log"), **self.settings}
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "tests/eval_server.py", str(self.port), json.dumps(settings)]
        )
        wait_for(self._healthy)

    def _healthy(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
        except OSError:
            return False
        return True

    def window(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/window", timeout=5) as reply:
            found = json.loads(reply.read())
        assert isinstance(found, dict)
        return found

    def left_alone(self) -> bool:
        """Return whether nobody but this look is connected."""
        return bool(self.window()["open"] == 1)

    def set(self, **settings: Any) -> None:
        urllib.request.urlopen(f"{self.url}/settings", json.dumps(settings).encode(), timeout=5).close()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def replies(self, kind: str = "200") -> Counter[str]:
        """Return how often each sample got a reply of this kind."""
        try:
            lines = (self.folder / "server.log").read_text().splitlines()
        except FileNotFoundError:
            return Counter()
        return Counter(line.split()[0] for line in lines if line.endswith(f" {kind}"))


@dataclass
class Evals:
    """Evals of one server with few questions; ``options`` are the parameters of all tasks."""

    folder: Path
    server: LoopbackServer
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
        rows = "".join(f"Question {n}?,a{n},b{n},c{n},d{n}\n" for n in range(QUESTIONS))
        (self.folder / "gpqa.csv").write_text(head + rows)
        self.options = {
            "server": "one", "base_url": f"{self.server.url}/v1", "model": "test-model", "tasks": ["gpqa"],
            "reasoning_efforts": ["low"], "n_repeats": REPEATS, "concurrency": 8, "retry_timeout": 20,
            "data": {"gpqa": [str(self.folder / "gpqa.csv")]}, "run_path": str(self.folder / "run"), **self.options,
        }  # fmt: skip

    @property
    def run_folder(self) -> Path:
        return self.folder / "run" / "one"

    def status(self) -> dict[str, Any]:
        try:
            status = json.loads((self.run_folder / "status.json").read_text())
        except FileNotFoundError:
            return {}
        assert isinstance(status, dict)
        return status

    def done(self) -> int:
        return sum(cell["done"] for cell in self.status().get("cells", []))

    def rows(self) -> list[dict[str, Any]]:
        """Return the only journal's rows, those of samples."""
        return [line for line in self._lines() if "event" not in line]

    def restarts(self) -> list[str]:
        """Return why the server ended each time that it was restarted, as the only journal has it.

        The status, which is written once a second, may not show what is over sooner.
        """
        return [line["cause"] for line in self._lines() if line.get("event") == "epoch" and line["cause"]]

    def _lines(self) -> list[dict[str, Any]]:
        (path,) = self.run_folder.glob("*.jsonl")
        # A line that is being written has no end yet.
        whole, _newline, _rest = path.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()[1:]]

    def end(self) -> None:
        """End the job, if one runs."""
        if self.status().get("state") == "running":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.status()["pid"], signal.SIGKILL)

    def one_row_each(self) -> bool:
        keys = [(row["question"], row["repeat"]) for row in self.rows()]
        return len(keys) == len(set(keys)) == SAMPLES

    def command(self, module: str, flags: list[str], tasks: list[dict[str, Any]]) -> list[str]:
        play = {
            "hosts": "all", "gather_facts": False, "connection": "local",
            "vars": {"ansible_python_interpreter": sys.executable}, "tasks": tasks,
        }  # fmt: skip
        path = self.folder / f"play-{module}-{time.monotonic_ns()}.yml"
        path.write_text(yaml.safe_dump([play]))
        return [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "h1,", str(path), *flags]

    def tasks(self, module: str, result: Path, **options: Any) -> list[dict[str, Any]]:
        given = {name: value for name, value in {**self.options, **options}.items() if value is not None}
        keep = {"content": "{{ result | combine({'facts': ansible_facts.gpt_oss_scores | default([])}) | to_json }}"}
        return [
            {f"gpt_oss.fleet.{module}": given, "register": "result", "ignore_errors": True},
            {"ansible.builtin.copy": {**keep, "dest": str(result)}, "check_mode": False},
        ]

    def spawn(self, module: str = "eval", **options: Any) -> subprocess.Popen[str]:
        """Start a playbook in a session of its own."""
        tasks = self.tasks(module, self.folder / "spawned.json", **options)
        command = self.command(module, [], tasks)
        return subprocess.Popen(
            command, cwd=ROOT, env=environment(), text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def spawned(self) -> dict[str, Any]:
        """Return the result of the task in a spawned playbook that has ended."""
        found = json.loads((self.folder / "spawned.json").read_text())
        assert isinstance(found, dict)
        return found

    def run(self, module: str = "eval", flags: list[str] | None = None, **options: Any) -> dict[str, Any]:
        """Run one task to its end; its result has ``facts`` and the playbook's ``output`` added."""
        return self.run_all(module, [options], flags)[0]

    def run_all(
        self, module: str, options: list[dict[str, Any]], flags: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Run several tasks in one playbook."""
        files = [self.folder / f"result-{time.monotonic_ns()}-{number}.json" for number in range(len(options))]
        tasks = [task for file, given in zip(files, options, strict=True) for task in self.tasks(module, file, **given)]
        done = subprocess.run(
            self.command(module, flags or [], tasks),
            cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert files[-1].exists(), done.stdout + done.stderr
        return [{**json.loads(file.read_text()), "output": done.stdout} for file in files]


def environment() -> dict[str, str]:
    return {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


@contextlib.contextmanager
def served_evals(folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[Evals]:
    """Yield evals of a loopback server with these settings; both are over afterwards."""
    server = LoopbackServer(folder, *([dict(settings)] if settings else []))
    server.start()
    evals = Evals(folder, server)
    try:
        yield evals
    finally:
        evals.end()
        server.stop()
