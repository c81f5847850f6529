from __future__ import annotations

import csv
import json

import make_demo_data
import pytest


@pytest.fixture(scope="module")
def table() -> list[dict[str, str]]:
    return list(csv.DictReader(make_demo_data.files()["gpqa_demo.csv"].splitlines(keepends=True)))


def test_the_committed_files_are_up_to_date() -> None:
    for name, text in make_demo_data.files().items():
        assert (make_demo_data.FOLDER / name).read_text(encoding="utf-8") == text, "run tools/make_demo_data.py"


def test_there_are_198_different_questions_with_four_different_answers(table: list[dict[str, str]]) -> None:
    columns = ["Correct Answer", *(f"Incorrect Answer {number}" for number in (1, 2, 3))]
    assert len({row["Question"] for row in table}) == len(table) == 198
    for row in table:
        assert len({row[column] for column in columns}) == 4


def test_no_cell_is_a_bare_number_or_missing(table: list[dict[str, str]]) -> None:
    for row in table:
        for cell in row.values():
            assert cell.strip() == cell and cell not in ("", "nan", "None", "NA", "null")
            with pytest.raises(ValueError, match="could not convert"):
                float(cell)


def test_there_are_30_different_contest_problems_with_answers_from_0_to_999() -> None:
    parts = [make_demo_data.files()[f"aime25_demo-{part}.jsonl"].splitlines() for part in (1, 2)]
    rows = [json.loads(line) for part in parts for line in part]
    assert [len(part) for part in parts] == [15, 15]
    assert len({row["question"] for row in rows}) == 30
    assert all(0 <= int(row["answer"].removesuffix("^\\circ")) <= 999 for row in rows)
    assert sum("circ" in row["answer"] for row in rows[15:]) == 1


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (1386.3, "1390"), (0.04567, "0.0457"), (123456.0, "1.23 x 10^5"), (0.00012345, "1.23 x 10^-4")],
)
def test_numbers_are_written_with_three_digits(value: float, written: str) -> None:
    assert make_demo_data.number(value) == written
