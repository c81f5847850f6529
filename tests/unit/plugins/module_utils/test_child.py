from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._child import Child, ask


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("work", "answer"),
    [
        (lambda: {"a": [1, None]}, {"a": [1, None]}),
        (lambda: "x" * 1_000_000, "x" * 1_000_000),
        (lambda: os._exit(3), {"died": "with status 3"}),
        (die, {"died": "by signal 9, as for want of memory"}),
    ],
    ids=["value", "long", "exit", "signal"],
)
def test_answers(work: Any, answer: Any) -> None:
    assert ask(work, 30) == answer


def test_what_breaks_is_told() -> None:
    broke = ask(lambda: 1 / 0, 30)["broke"]
    assert broke.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_what_is_printed_is_no_part_of_the_result(capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(lambda: os.write(1, b"noise\n"), 30) == 6
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == "noise\n"


def test_who_does_not_answer_is_killed() -> None:
    began = time.monotonic()
    assert ask(lambda: time.sleep(60), 0.2) == {"died": "without an answer in 0.2 s"}
    assert time.monotonic() - began < 10
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_child_can_be_killed_at_any_moment() -> None:
    child = Child(lambda: time.sleep(60))
    assert child.answer is None
    child.kill()
    assert child.answer == {"died": "by signal 9, as for want of memory"}
    child.kill()
    assert child.read()


def test_a_child_that_has_ended_is_not_killed() -> None:
    """Another process may have its number by now."""
    child = Child(lambda: None)
    while not child.read():
        pass
    with subprocess.Popen(["sleep", "60"]) as other:
        child.pid = other.pid
        child.kill()
        assert other.poll() is None
        other.terminate()
    assert child.answer is None and child.ended


PARENT = """
import os, sys, time
from ansible_collections.gpt_oss.fleet.plugins.module_utils._child import Child
child = Child(lambda: time.sleep(60))
print(child.pid, flush=True)
time.sleep(60)
"""


def test_children_die_with_their_parent() -> None:
    collections = Path(__file__).resolve().parents[4] / ".ansible/collections"
    environment = {**os.environ, "PYTHONPATH": str(collections)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    end = time.monotonic() + 10
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.01)
