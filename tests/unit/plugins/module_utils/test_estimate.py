from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._estimate import estimate_of, expectation_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import Cell, CellState
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalWriter, read_journal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

SAMPLES = [Sample("gpqa", question, repeat, (0, 1, 2, 3), "?", "A") for repeat in (0, 1) for question in (0, 1)]


def cell(folder: Path, sha256: str = "new", data: str = "d", effort: str = "low") -> Cell:
    identity = {"data_sha256": [data]}
    return Cell("gpqa", effort, identity, sha256, str(folder / f"gpqa-{effort}-{sha256}.jsonl"), SAMPLES)


def answer(one: Cell, tokens: dict[int, int]) -> None:
    """Journal the first repeat of some questions."""
    writer = JournalWriter(one.journal)
    header = {"identity": one.identity, "sha256": one.sha256, "created": "2026-01-01T00:00:00Z"}
    writer.open(read_journal(one.journal, one.sha256), header)
    for question, count in tokens.items():
        writer.add({"question": question, "repeat": 0, "outcome": "wrong", "completion_tokens": count})
    writer.close()


def state(one: Cell) -> CellState:
    return CellState(one, None, 0, 4)


@pytest.mark.parametrize(("data", "known"), [("d", True), ("other", False)])
def test_an_older_journal_of_the_same_questions_tells_of_lengths(tmp_path: Path, data: str, known: bool) -> None:
    answer(cell(tmp_path, "old", data), {0: 100, 1: 900})
    found = expectation_of([state(cell(tmp_path))])
    assert found.is_guess is not known
    assert found.tokens("gpqa", "low", 1) == (900.0 if known else 500.0)


def test_a_cells_own_journal_comes_first(tmp_path: Path) -> None:
    answer(cell(tmp_path, "old"), {0: 100, 1: 900})
    answer(cell(tmp_path), {0: 300})
    found = expectation_of([state(cell(tmp_path))])
    assert [found.tokens("gpqa", "low", question) for question in (0, 1)] == [300.0, 300.0]


def test_what_is_left_is_told_before_the_start(tmp_path: Path) -> None:
    low, high = cell(tmp_path), cell(tmp_path, effort="high")
    answer(low, {0: 300})
    done = CellState(high, {"score": 1.0}, 4, 0)
    assert estimate_of([state(low), done]) == {"requests": 3, "tokens": 900, "seconds": None, "from": "replies"}
    assert estimate_of([state(high)])["from"] == "guess"


def test_a_damaged_older_journal_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "gpqa-low-old.jsonl").write_text("{torn")
    assert expectation_of([state(cell(tmp_path))]).is_guess
