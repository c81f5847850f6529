from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job, _job_status


def ended(path: str) -> dict[str, Any]:
    """Return the status once the job has ended."""
    for _unused in range(600):
        status = dict(json.loads(Path(path).read_text()))
        if status["state"] != _job_status.RUNNING:
            return status
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def fails(report: _job.Report) -> dict[str, Any]:
    raise _job.JobFailure("no", cause="because")


def breaks(report: _job.Report) -> dict[str, Any]:
    raise RuntimeError("oh")


ENDS: list[tuple[Callable[[_job.Report], dict[str, Any]], str, dict[str, Any]]] = [
    (lambda report: {"result": 42}, "finished", {"result": 42}),
    (fails, "failed", {"failure": {"msg": "no", "cause": "because"}}),
]


@pytest.mark.parametrize(("work", "state", "told"), ENDS)
def test_the_status_tells_how_it_ended(
    work: Callable[[_job.Report], dict[str, Any]], state: str, told: dict[str, Any], tmp_path: Path
) -> None:
    status = ended(_job.ensure(tmp_path, {"image": "i"}, work, {"server": "s"}))
    assert status["state"] == state and told.items() <= status.items()
    assert (status["image"], status["server"]) == ("i", "s") and status["pid"] != os.getpid()


def test_what_was_not_foreseen_is_told_and_logged(tmp_path: Path) -> None:
    status = ended(_job.ensure(tmp_path, {}, breaks, {}))
    assert status["state"] == "failed" and "RuntimeError('oh')" in status["failure"]["msg"]
    assert "Traceback" in (tmp_path / _job.LOG).read_text()


def test_progress_is_told_and_a_second_call_attaches(tmp_path: Path) -> None:
    go = tmp_path / "go"

    def work(report: _job.Report) -> dict[str, Any]:
        report({"stage": "weights"})
        while not go.exists():
            time.sleep(0.02)
        return {"result": os.getpid()}

    path = _job.ensure(tmp_path, {"image": "i"}, work, {})
    for _unused in range(600):
        status = json.loads(Path(path).read_text())
        if status.get("stage") == "weights":
            break
        time.sleep(0.05)
    assert (status["state"], status["stage"]) == ("running", "weights")
    assert _job.ensure(tmp_path, {"image": "i"}, breaks, {}) == path
    go.touch()
    assert ended(path)["result"] == status["pid"]


def test_a_job_about_something_else_is_waited_for(tmp_path: Path) -> None:
    def slow(report: _job.Report) -> dict[str, Any]:
        time.sleep(0.5)
        return {"result": "old"}

    _job.ensure(tmp_path, {"container_id": "old"}, slow, {})
    path = _job.ensure(tmp_path, {"container_id": "new"}, lambda report: {"result": "new"}, {})
    status = ended(path)
    assert (status["container_id"], status["result"]) == ("new", "new")
