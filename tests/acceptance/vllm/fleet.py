"""Runs playbooks and single modules as a user would, and looks at the server from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = Path(__file__).parent / "inventory"
STATE = Path(os.environ["ACCEPTANCE_STATE"])
IMAGE = os.environ["ACCEPTANCE_IMAGE"]
MODEL = "openai/gpt-oss-20b"
SERVER, PORT = "gpt-oss-acceptance", 27100

_ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    "ANSIBLE_NOCOLOR": "1",
}


@dataclass(frozen=True)
class PlaybookRun:
    """How a playbook ended, with all that it printed."""

    rc: int
    output: str
    seconds: float

    @property
    def changed(self) -> int:
        return sum(int(count) for count in re.findall(r"ok=\d+\s+changed=(\d+)", self.output))


def _log(label: str, text: str) -> None:
    (STATE / "logs" / (re.sub(r"\W+", "-", label) + ".log")).write_text(text)


def step(text: str, seconds: float) -> None:
    print(f"{seconds:7.1f} s  {text}", flush=True)


def playbook(name: str, label: str, extra: dict[str, Any] | None = None, check: bool = False) -> PlaybookRun:
    """Run one of the collection's playbooks, unchanged, on the acceptance inventory."""
    command = ["ansible-playbook", "-i", str(INVENTORY), f"playbooks/{name}.yml", "-e", json.dumps(extra or {})]
    begun = time.monotonic()
    done = subprocess.run(
        command + (["--check", "--diff"] if check else []),
        cwd=ROOT,
        env=_ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    run = PlaybookRun(done.returncode, done.stdout, time.monotonic() - begun)
    _log(label, run.output)
    step(f"{label}: rc {run.rc}, changed={run.changed}", run.seconds)
    return run


def start_playbook(name: str, label: str, extra: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a playbook in a session of its own, which can be killed as a whole; its log goes on where one is."""
    command = ["ansible-playbook", "-i", str(INVENTORY), f"playbooks/{name}.yml", "-e", json.dumps(extra)]
    with (STATE / "logs" / (re.sub(r"\W+", "-", label) + ".log")).open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=_ENVIRONMENT, text=True, stdout=log, stderr=log, start_new_session=True
        )


def module(name: str, arguments: dict[str, Any], label: str, check: bool = False) -> dict[str, Any]:
    """Run one module on the host, in its managed environment, and return its result."""
    python = json.dumps({"ansible_python_interpreter": str(STATE / "venv" / "bin" / "python")})
    command = ["ansible", "all", "-i", str(INVENTORY), "-m", f"gpt_oss.fleet.{name}"]
    command += ["-a", json.dumps(arguments), "-e", python]
    begun = time.monotonic()
    done = subprocess.run(
        command + (["--check", "--diff"] if check else []),
        cwd=ROOT,
        env=_ENVIRONMENT,
        text=True,
        capture_output=True,
        check=False,
    )
    _log(label, done.stdout + done.stderr)
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("=> {") + 3 :])
    step(f"{label}: {result.get('msg', 'no failure')}", time.monotonic() - begun)
    return result


def get(path: str) -> tuple[int | None, Any]:
    """Status and JSON of a GET; the status is None where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=5) as reply:
            text = reply.read()
            return reply.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, None
    except OSError:
        return None, None


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, text=True, capture_output=True).stdout.strip()


def containers() -> list[str]:
    return docker("ps", "--all", "--format", "{{.Names}}").split()
