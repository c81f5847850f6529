from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status, _replica, _server_watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_job import run_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, cell_state
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalError, JournalWriter, read_journal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

FACTS = ServerFacts("0.1", False, 4096, None)
Answer = tuple[dict[str, Any], Mark]


def sample(number: int) -> Sample:
    return Sample("gpqa", number, 0, (0, 1, 2, 3), "?", "A")


def answer(asked: Sample, outcome: str = "correct") -> Answer:
    row = {"question": asked.question, "repeat": asked.repeat, "outcome": outcome, "finished": 2.0, "seconds": 1.0}
    return row, Mark(outcome, 1, 1, 1, 1.0, 2.0)


@pytest.fixture
def spec(tmp_path: Path) -> EvalSpec:
    defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    given = {
        "server": "one", "base_url": "http://127.0.0.1:9/v1", "model": "m", "run_path": str(tmp_path), "n_repeats": 1,
        "tasks": ["gpqa"], "data": {"gpqa": ["x"]}, "retry_timeout": 0.1, "concurrency": 4,
    }  # fmt: skip
    spec = EvalSpec.from_params({**defaults, **given})
    spec.folder.mkdir()
    return spec


def run(
    spec: EvalSpec,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Sample], Awaitable[Answer]],
    found: ServerFacts = FACTS,
) -> tuple[dict[str, Any], Cell]:
    """Run a job of ten samples with this asker, and return its last status and its cell."""

    async def asker(_self: Any, _connection: Any, asked: Sample, _attempts: int) -> Answer:
        return await ask(asked)

    monkeypatch.setattr(_replica.Asker, "ask", asker)
    monkeypatch.setattr(_server_watch, "probe_server", lambda _spec, _key: found)
    identity = {"data_sha256": ["d"], "model": "m"}
    cell = Cell("gpqa", "low", identity, "abc", str(spec.folder / "j.jsonl"), [sample(n) for n in range(10)])
    run_job(spec, [cell_state(cell, spec)], FACTS, None)
    return _job_status.read_status(spec.folder), cell


async def right(asked: Sample) -> Answer:
    await asyncio.sleep(0.001)
    return answer(asked)


def test_a_job_asks_each_sample_once_and_writes_the_score(spec: EvalSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    async def ask(one: Sample) -> Answer:
        asked.append(one.question)
        return await right(one)

    status, cell = run(spec, monkeypatch, ask)
    assert sorted(asked) == list(range(10))
    assert (status["state"], status["error"]) == ("finished", "")
    assert status["cells"][0]["done"] == status["cells"][0]["correct"] == 10
    row = cell_state(cell, spec).row
    assert row is not None
    assert (row["score"], row["complete"]) == (1.0, True)
    asked.clear()
    run(spec, monkeypatch, ask)
    assert asked == []


def test_a_full_disk_ends_the_job_at_once_and_a_later_one_goes_on(
    spec: EvalSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = JournalWriter.write
    asked: list[int] = []

    def full(self: JournalWriter) -> None:
        if any(b'"question":1' in line for line in self._lines):
            raise JournalError("cannot write the journal: No space left on device")
        write(self)

    async def ask(one: Sample) -> Answer:
        asked.append(one.question)
        await asyncio.sleep(0.1)
        return answer(one)

    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "write", full)
        status, cell = run(spec, monkeypatch, ask)
    assert status["state"] == "failed"
    assert "No space left on device" in status["error"]
    assert len(asked) < 10
    assert not cell.score_path.exists()
    assert (1, 0) not in read_journal(cell.journal, "abc").marks
    assert run(spec, monkeypatch, ask)[0]["state"] == "finished"
    assert len(read_journal(cell.journal, "abc").marks) == 10


def test_an_unforeseen_error_is_told_and_logged(spec: EvalSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(asked: Sample) -> Answer:
        if asked.question == 5:
            raise ZeroDivisionError("odd")
        return await right(asked)

    status, cell = run(spec, monkeypatch, ask)
    assert (status["state"], status["error"]) == ("failed", "ZeroDivisionError: odd")
    assert "in ask" in (spec.folder / "job.log").read_text()
    assert not cell.score_path.exists()


def test_a_server_replaced_in_mid_run_is_not_scored(spec: EvalSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    status, cell = run(spec, monkeypatch, right, FACTS._replace(vllm_version="0.2"))
    assert status["state"] == "failed"
    assert "replaced in mid-run (changed: vllm_version)" in status["error"]
    assert not cell.score_path.exists()
    assert read_journal(cell.journal, "abc").marks == {}
    (aside,) = spec.folder.glob("j.jsonl.foreign-*")
    assert len(aside.read_text().splitlines()) == 10
    assert str(aside) in status["error"]


def test_errors_are_asked_again_and_refusals_are_not(spec: EvalSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {1: "error", 2: "timeout", 3: "refused"}

    async def ask(asked: Sample) -> Answer:
        return answer(asked, outcomes.get(asked.question, "correct"))

    _unused, cell = run(spec, monkeypatch, ask)
    row = cell_state(cell, spec).row
    assert row is not None
    assert (row["verdict"], row["n_measured"]) == ("void", 7)
    again: list[int] = []

    async def retry(asked: Sample) -> Answer:
        again.append(asked.question)
        return answer(asked)

    run(spec, monkeypatch, retry)
    assert sorted(again) == [1, 2]
    row = cell_state(cell, spec).row
    assert row is not None
    assert (row["n_refused"], row["n_measured"]) == (1, 9)
