"""Order independence: whatever the order, the interruptions and the efforts' order, an eval ends with the same row."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import (
    Cell,
    build_cells,
    cell_state,
    load_data,
    score_row,
    settled,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalWriter, read_journal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import classify
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, grade
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FACTS = ServerFacts("0.1", False, 4096, None)
QUESTIONS, REPEATS = 6, 4
ENDS = ("Answer: {}", "\\boxed{{{}}}", "so ({}).", "{}", "")


def spec(folder: Path, **changes: Any) -> EvalSpec:
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (folder / "gpqa.csv").write_text(head + "".join(f"Q{n}?,a{n},b{n},c{n},d{n}\n" for n in range(QUESTIONS)))
    defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    options = {
        "server": "one", "base_url": "http://127.0.0.1:8000/v1", "model": "m", "run_path": str(folder),
        "tasks": ["gpqa"], "reasoning_efforts": ["low"], "n_repeats": REPEATS, "max_invalid": 1.0,
        "data": {"gpqa": [str(folder / "gpqa.csv")]}, **changes,
    }  # fmt: skip
    return EvalSpec.from_params({**defaults, **options})


def final_row(sample: Sample, effort: str) -> dict[str, Any]:
    """What becomes of a sample in the end: it depends on nothing but sample and effort."""
    rng = random.Random(f"{sample.request_id} {effort}")
    started = 1000.0 + rng.random() * 50
    row = {
        "question": sample.question, "repeat": sample.repeat, "permutation": sample.permutation,
        "target": sample.target, "finished": started + rng.random() * 9, "seconds": 1.5,
    }  # fmt: skip
    if rng.random() < 0.2:
        outcome, number = rng.choice((("refused", 400), ("timeout", 1), ("error", 503), ("error", 502)))
        return {**row, "outcome": outcome, "score": None, "error": f"HTTP {number}"}
    text = rng.choice(ENDS).format(rng.choice("ABCD" + sample.target * 4))
    verdict, finish = grade("gpqa", sample.target, text), rng.choice(("stop", "stop", "length"))
    return {
        **row, "outcome": classify(verdict.score == 1.0, verdict.parsed, finish), "score": verdict.score,
        "extracted": verdict.extracted, "parsed": verdict.parsed, "text": text, "finish_reason": finish,
        "prompt_tokens": 9, "completion_tokens": rng.randrange(5, 5000), "reasoning_tokens": 3,
    }  # fmt: skip


def write(cell: Cell, pieces: Sequence[Sequence[dict[str, Any]]], torn: str) -> None:
    """Write a journal in several runs, each broken off in the middle of a line."""
    for rows in pieces:
        writer = JournalWriter(cell.journal)
        contents = read_journal(cell.journal, cell.sha256)
        writer.open(contents, {"identity": cell.identity, "sha256": cell.sha256, "created": "2026-01-01T00:00:00Z"})
        for row in rows:
            writer.add(row)
        writer.close()
        with open(cell.journal, "a") as journal:
            journal.write(torn)


def row_of(cell: Cell, the_spec: EvalSpec) -> dict[str, Any]:
    row = score_row(cell, the_spec, FACTS, cell.read())
    return {**row, "journal": Path(row["journal"]).name}


def in_order(**changes: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a run without interruption, in the reference's order."""
    with tempfile.TemporaryDirectory() as folder:
        the_spec = spec(Path(folder), **changes)
        rows = {}
        for cell in build_cells(the_spec, load_data(the_spec), FACTS):
            write(cell, [[final_row(sample, cell.effort) for sample in cell.samples]], "")
            rows[cell.task, cell.effort] = row_of(cell, the_spec)
        return rows


CALM = in_order(reasoning_efforts=["low", "medium", "high"])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_order_and_interruptions_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    efforts = rng.sample(["low", "medium", "high"], 3)
    with tempfile.TemporaryDirectory() as folder:
        the_spec = spec(Path(folder), reasoning_efforts=efforts)
        for cell in build_cells(the_spec, load_data(the_spec), FACTS):
            done = [final_row(sample, cell.effort) for sample in rng.sample(cell.samples, len(cell.samples))]
            # What failed for the time being is asked again later, and its last row counts.
            passing = [
                {**row, "outcome": "error", "score": None, "error": "for now"} for row in done if not rng.randrange(5)
            ]
            bounds = sorted([0, len(done), *(rng.randint(0, len(done)) for _cut in range(rng.randrange(5)))])
            pieces = [done[start:end] for start, end in zip(bounds, bounds[1:])]
            torn = rng.choice(["", '{"question": 1', '{"question": 0, "repeat": 0, "outcome": "correct"}'])
            write(cell, [passing, *pieces], torn)
            assert row_of(cell, the_spec) == CALM[cell.task, cell.effort]
            contents = read_journal(cell.journal, cell.sha256)
            assert len(contents.marks) == QUESTIONS * REPEATS
            asked_again = {(row["question"], row["repeat"]) for row in done if row["outcome"] in ("error", "timeout")}
            assert settled(contents.marks) == set(contents.marks) - asked_again


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_the_rows_have_all_that_could_differ(effort: str) -> None:
    """Otherwise the test above would prove little."""
    row = CALM["gpqa", effort]
    assert row["complete"]
    assert 0 < row["n_correct"] < row["n_measured"] < row["n_samples"]
    assert sum(CALM["gpqa", each]["n_truncated"] for each in ("low", "medium", "high")) > 0
    assert len({CALM["gpqa", each]["identity"] for each in ("low", "medium", "high")}) == 3
    assert any(len(CALM["gpqa", each]["errors"]) > 1 for each in ("low", "medium", "high"))


def test_a_cell_is_the_same_whatever_is_asked_beside_it(tmp_path: Path) -> None:
    alone = spec(tmp_path, reasoning_efforts=["high"])
    together = spec(tmp_path, reasoning_efforts=["low", "high"])
    (cell,) = build_cells(alone, load_data(alone), FACTS)
    write(cell, [[final_row(sample, "high") for sample in cell.samples]], "")
    _low, high = (cell_state(each, together) for each in build_cells(together, load_data(together), FACTS))
    assert (high.cell.journal, high.cell.sha256) == (cell.journal, cell.sha256)
    assert high.done == cell_state(cell, alone).done > 0
