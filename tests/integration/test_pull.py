"""ansible-pull on a host by itself, and the fleet judged afterwards from a controller, which asks nothing again."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eval_harness import QUESTIONS, ROOT, LoopbackServer, environment

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
HOST = socket.gethostname()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    server = LoopbackServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def repository(tmp_path: Path, server: LoopbackServer) -> Path:
    """A repository with the inventory of two hosts, of which this machine is one, and a playbook."""
    rows = "".join(f"Question {n}?,a{n},b{n},c{n},d{n}\n" for n in range(QUESTIONS))
    repository = tmp_path / "repository"
    repository.mkdir()
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (repository / "gpqa.csv").write_text(head + rows)
    shared = {
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_environment_path": sys.prefix,
        "gpt_oss_state_path": str(tmp_path / "state"),
        "vllm_servers": [{"name": "one", "port": server.port, "model": "test-model"}],
        "evaluate_containers": False,
        "evaluate_tasks": ["gpqa"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_n_repeats": 1,
        "evaluate_data": {"gpqa": [str(repository / "gpqa.csv")]},
        "evaluate_fail_on": ["missing"],
    }
    hosts: dict[str, dict[str, str]] = {HOST: {}, "another-host": {}}
    (repository / "hosts.json").write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    (repository / "local.yml").write_text("- import_playbook: gpt_oss.fleet.evaluate\n")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "x"]):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)
    return repository


def play(*command: str | Path) -> str:
    path = f"{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, env={**environment(), "PATH": path}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def judged(folder: Path) -> list[tuple[str, int]]:
    scores = json.loads((folder / "report.json").read_text())["scores"]
    return [(row["host"], row["n_measured"]) for row in scores]


def test_a_host_evaluates_itself_and_is_judged_later(repository: Path, server: LoopbackServer, tmp_path: Path) -> None:
    pulled = play(
        BIN / "ansible-pull", "--url", repository, "--directory", tmp_path / "checkout", "--inventory",
        tmp_path / "checkout" / "hosts.json", "--extra-vars", f"evaluate_report_path={tmp_path}/alone",
    )  # fmt: skip
    # It knows of no other host: what it says of itself is no verdict of a fleet.
    assert judged(tmp_path / "alone") == [(HOST, QUESTIONS)]
    assert re.search(rf"^{re.escape(HOST)} +: .*failed=0", pulled, re.MULTILINE)
    asked = server.replies().total()
    later = play(
        BIN / "ansible-playbook", "--inventory", repository / "hosts.json", "--connection", "local", "--limit", HOST,
        "gpt_oss.fleet.evaluate", "--extra-vars", f"evaluate_report_path={tmp_path}/fleet",
    )  # fmt: skip
    assert judged(tmp_path / "fleet") == [(HOST, QUESTIONS)]
    assert server.replies().total() == asked, later
