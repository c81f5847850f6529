"""What the unit tests take for granted, golden results and tables written by hand, is what the reference says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import reference

TESTS = Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden"
sys.path.insert(0, str(GOLDEN))

import make_golden  # noqa: E402


@pytest.mark.parametrize("name", make_golden.FILES)
def test_golden_files_are_up_to_date(name: str) -> None:
    assert make_golden.content(name) == (GOLDEN / name).read_text(encoding="ascii")


def test_tables_written_by_hand() -> None:
    unit = runpy.run_path(str(TESTS / "unit" / "plugins" / "module_utils" / "test_grading.py"))
    assert [reference.letter(text) for text, *_unused in unit["LETTERS"]] == [
        letter for _unused, letter, _unused in unit["LETTERS"]
    ]
    assert [reference.integer(text) for text, *_unused in unit["INTEGERS"]] == [
        integer for _unused, integer, _unused in unit["INTEGERS"]
    ]
