"""Journals that were torn, mixed up or written by others: read, resumed, scored, exported and shown."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _estimate, _eval_plan, _support_samples
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import ExportError, json_lines, read_run
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_inspect import inspect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_lm_eval import lm_eval
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_reference import gpt_oss_evals
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import identity_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import (
    Contents,
    JournalError,
    JournalWriter,
    read_journal,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import summarize
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import build_samples, grade
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_samples import Wish, chosen_samples
from fuzzing import check_message, damaged_lines, fuzz
from hypothesis import example

HEAD = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
DATA = (HEAD + "".join(f"<Q{n}> ü?,a{n},b{n},c{n},d{n}\n" for n in range(3))).encode()
SAMPLES = [(question, repeat) for repeat in range(2) for question in range(3)]
IDENTITY: dict[str, Any] = {
    "model": "openai/m", "task": "gpqa", "data_sha256": [hashlib.sha256(DATA).hexdigest()], "reasoning_effort": "low",
    "sampler": "responses", "temperature": 1.0, "max_tokens": 100, "n_repeats": 2, "examples": None,
}  # fmt: skip
SHA256 = identity_sha256(IDENTITY)
HEADER = {"journal": 1, "identity": IDENTITY, "sha256": SHA256, "created": "2026-01-02T03:04:05Z"}


def row(question: int, repeat: int, outcome: str) -> dict[str, Any]:
    common = {
        "question": question, "repeat": repeat, "permutation": [0, 1, 2, 3], "target": "A", "attempts": 1,
        "outcome": outcome, "finished": 1767323100.0, "seconds": 2.0, "endpoint": "http://127.0.0.1:8000",
    }  # fmt: skip
    if outcome == "error":
        return {**common, "score": None, "error": "HTTP 500: no"}
    found = grade("gpqa", "A", "Answer: A" if outcome == "correct" else "Answer: B")
    return {
        **common, "score": found.score, "extracted": found.extracted, "parsed": found.parsed, "text": "Answer: A",
        "finish_reason": "stop", "prompt_tokens": 10, "completion_tokens": 20, "reasoning_tokens": 15, "error": None,
    }  # fmt: skip


OUTCOMES = ("correct", "error", "wrong", "truncated", "unparsed", "correct")
ROWS = [HEADER, {"event": "down", "at": 1.0}, *(row(*s, outcome) for s, outcome in zip(SAMPLES, OUTCOMES, strict=True))]


def lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def folder_of(root: Path, content: bytes) -> Path:
    """Return a journal's path in a run's folder, as the report fetches it, beside the data that it was made with."""
    path = root / "host" / "server" / f"gpqa-low-{SHA256[:12]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (root / "gpqa.csv").write_bytes(DATA)
    return path


def contents_of(path: Path) -> Contents | None:
    try:
        return read_journal(str(path), SHA256)
    except JournalError as exc:
        check_message(str(exc))
        return None


@example(content=lines(HEADER, {**row(0, 0, "correct"), "outcome": []}))
@example(content=lines(HEADER, {**row(0, 0, "correct"), "question": []}))
@example(content=lines(HEADER, {**row(0, 0, "correct"), "finished": "soon"}))
@example(content=lines(HEADER) + b"[" * 100_000 + b"\n")
@example(content=lines({"identity": None}, {}))
@fuzz(content=damaged_lines(ROWS))
def test_resume(content: bytes, tmp_path: Path) -> None:
    """What a journal says can be scored, and what is written to it afterwards is read again."""
    path = folder_of(tmp_path, content)
    found = contents_of(path)
    if found is None:
        return
    numbers = summarize(found.marks, range(3), 2)
    assert 0 <= numbers["n_measured"] <= numbers["n_samples"]
    json.dumps(numbers)
    for mark in found.marks.values():
        _eval_plan.iso(mark.finished)
    assert _eval_plan.settled(found.marks) <= set(found.marks)
    writer = JournalWriter(str(path))
    writer.open(found, HEADER)
    writer.add(row(2, 1, "wrong"))
    writer.write()
    size = writer.size
    writer.add(row(0, 1, "correct"))
    assert writer.cut_back(size, f"{path}.aside", "http://127.0.0.1:8000")
    writer.close()
    again = read_journal(str(path), SHA256)
    assert again.marks == {**found.marks, (2, 1): again.marks[2, 1]}
    assert again.marks[2, 1].outcome == "wrong"


@fuzz(content=damaged_lines(ROWS))
def test_export(content: bytes, tmp_path: Path) -> None:
    path = folder_of(tmp_path, content)
    try:
        run = read_run(str(path), {"gpqa": [str(tmp_path / "gpqa.csv")]})
        for exporter in (json_lines, lm_eval, inspect, gpt_oss_evals):
            exporter([run])
    except (ExportError, JournalError, DatasetError) as exc:
        check_message(str(exc))


@fuzz(content=damaged_lines(ROWS))
def test_the_report_and_the_support_bundle_show_samples(content: bytes, tmp_path: Path) -> None:
    path = folder_of(tmp_path, content)
    about = {"host": "host", "server": "server", "task": "gpqa", "reasoning_effort": "low", "verdict": "bad"}
    wish = Wish(3, tmp_path, {"gpqa": [str(tmp_path / "gpqa.csv")]})
    shown, _left_out = chosen_samples([{**about, "journal": str(path)}], wish)
    for each in shown.values():
        json.dumps(each.samples)
        if each.problem:
            check_message(each.problem)
    json.dumps(_support_samples.failing_samples(content.decode("utf-8", "replace").splitlines(), 3, ["gpqa"]))


@fuzz(content=damaged_lines(ROWS))
def test_another_runs_journal_tells_lengths(content: bytes, tmp_path: Path) -> None:
    folder_of(tmp_path, content)
    other = tmp_path / "host" / "server" / "gpqa-low-000000000000.jsonl"
    samples = build_samples("gpqa", [str(tmp_path / "gpqa.csv")], 2)
    cell = _eval_plan.Cell("gpqa", "low", IDENTITY, "0" * 64, str(other), samples)
    estimate = _estimate.estimate_of([_eval_plan.CellState(cell, None, 0, 6)])
    assert estimate["requests"] == 6
