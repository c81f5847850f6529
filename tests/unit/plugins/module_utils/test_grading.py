"""Extraction and grades: each rule and each oddity of the reference has its row; the rest is golden."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _grading

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "replies.jsonl"

LETTERS = [
    # reply, letter, found by a rule
    ("**Answer:** C", "C", True),
    ("__Answers –__ d", "D", True),
    ("We find\n\n  **Answer: B**", "B", True),
    ("The final answer: (D).", "D", True),
    ("The answer: C", "C", True),
    ("So Option B", "B", True),
    ("My choice: C", "C", True),
    ("so \\boxed{C}", "C", True),
    ("so \\boxed{\\text{D } 2.08\\times10^{-6}}", "D", True),
    ("so (C).", "C", True),
    ("so [ B ].", "B", True),
    ("so **C**", "C", True),
    ("so _B_.", "B", True),
    ("so \\textbf{C) 5 eV}", "C", True),
    ("so **D) all of them**", "D", True),
    ("some text\n C. because", "C", True),
    # The first rule wins, not the first or last answer in the text.
    ("\\boxed{A} but the answer: B, not **C**", "B", True),
    ("my answer B, no: answer (C)", "C", True),
    ("choice A, option B", "A", True),
    ("Option B is wrong, choose (C)", "B", True),
    # "Answer" at a line's start takes any word's first letter.
    ("Answer: Absorption", "A", True),
    ("Answer All of the above", "A", True),
    ("Answer: Because", "B", True),
    # So does any line.
    ("As it is known", "A", True),
    ("Based on this", "B", True),
    ("Don't know", "D", True),
    # The A of "Answer" itself.
    ("Answer: \\(C\\)", "A", True),
    ("Answer: $C$", "A", True),
    ("Answer: \\text{C}", "A", True),
    ("Answer is D", "A", True),
    # Nothing found: the first character, after ** if there is.
    ("answer is B", "a", False),
    ("The answer is **c**", "T", False),
    ("(a)", "(", False),
    ("", "", False),
    ("**", "", False),
    ("**(c)", "(", False),
    # Any capital A-D in a box, and only with a backslash.
    ("\\boxed{Because}", "B", True),
    ("boxed{\\text{D}}", "b", False),
    ("\\boxed{4} \\boxed{C}", "C", True),
    ("\\boxed{C", "\\", False),
    # Letters that case-insensitive patterns take for ASCII ones, and other white space.
    ("my anſwer: b", "B", True),
    ("my optıon c", "C", True),
    ("x\u2028Answer: C", "C", True),
    ("x\n\u00a0\u2003Answer:\u00a0C", "C", True),
    ("é Answer – C", "C", True),
    ("Answer:\n\nC", "C", True),
    # A word's border on both sides.
    ("my answer: Cat", "m", False),
    ("preanswer: C", "p", False),
    ("f(A)x", "f", False),
    ("x*A*", "x", False),
    ("x**A**", "A", True),
    ("f(A) = 2", "f", False),
    ("so (A)x", "s", False),
    ("so *A*x", "s", False),
    # A marked choice ends on its line; LaTeX comes before it.
    ("so **D) all\nof them**", "s", False),
    ("so **D) all of them** \\textbf{A}", "A", True),
]

INTEGERS = [
    # reply, integer, marked by a box
    ("so \\boxed{204}", 204, True),
    ("so \\framebox{204}", 204, True),
    ("boxed{204}", 204, True),
    ("\\fbox{204} 17", 17, False),
    ("\\boxed{1} then \\boxed{2}", 2, True),
    ("\\boxed{2} then \\boxed{}", 2, True),
    ("\\boxed{} 17 of 18 \\boxed{}", 18, False),
    ("\\boxed{ }", None, True),
    # A box ends at the first closing brace.
    ("\\boxed{\\frac{1}{2}}", None, True),
    ("\\boxed{\\text{204}}", None, True),
    ("\\boxed{\\boxed{5}}", None, True),
    ("\\boxed{204", 204, False),
    # What follows the last comma counts.
    ("\\boxed{1,234}", 234, True),
    ("\\boxed{x = 1, y = 2,3 }", 3, True),
    # What int() takes.
    ("\\boxed{+204}", 204, True),
    ("\\boxed{-5}", -5, True),
    ("\\boxed{2_04}", 204, True),
    ("\\boxed{0204}", 204, True),
    ("\\boxed{２０４}", 204, True),
    ("\\boxed{ 204\x1c}", 204, True),
    ("\\boxed{204.0}", None, True),
    ("\\boxed{204^\\circ}", None, True),
    ("\\boxed{2²}", None, True),
    # No box: the last run of digits.
    ("204.5", 5, False),
    ("-5", 5, False),
    ("from ٢٠ to ٣٤ at most", 34, False),
    ("none", None, False),
    ("", None, False),
    # Longer numerals than CPython converts.
    ("1" * 4300, int("1" * 4300), False),
    ("1" * 4301, None, False),
    ("\\boxed{" + "0" * 4300 + "7}", None, True),
    ("\\boxed{" + "0" * 4299 + "7}", 7, True),
]


@pytest.mark.parametrize(("text", "letter", "parsed"), LETTERS)
def test_extract_letter(text: str, letter: str, parsed: bool) -> None:
    assert _grading.extract_letter(text) == (letter, parsed)


@pytest.mark.parametrize(("text", "integer", "parsed"), INTEGERS)
def test_extract_integer(text: str, integer: int | None, parsed: bool) -> None:
    assert _grading.extract_integer(text) == (integer, parsed)


def test_golden_replies() -> None:
    """What the reference read from 1,600 made-up replies (tests/golden/make_golden.py)."""
    rows = [json.loads(line) for line in GOLDEN.read_text(encoding="ascii").splitlines()]
    assert len(rows) >= 1_000
    for row in rows:
        integer, _unused = _grading.extract_integer(row["text"])
        found = (_grading.extract_letter(row["text"])[0], None if integer is None else str(integer))
        assert found == (row["letter"], row["integer"]), row["text"]


@pytest.mark.parametrize(
    ("target", "text", "grade"),
    [
        ("C", "Answer: C", _grading.Grade("C", 1.0, True)),
        ("B", "Answer: C", _grading.Grade("C", 0.0, True)),
        ("C", "", _grading.Grade("", 0.0, False)),
    ],
)
def test_grade_letter(target: str, text: str, grade: _grading.Grade) -> None:
    assert _grading.grade_letter(target, text) == grade


@pytest.mark.parametrize(
    ("target", "text", "grade"),
    [
        ("204", "\\boxed{0204}", _grading.Grade("204", 1.0, True)),
        ("204", "it is 204", _grading.Grade("204", 1.0, False)),
        ("204", "\\boxed{17}", _grading.Grade("17", 0.0, True)),
        ("204", "\\boxed{x}", _grading.Grade(None, 0.0, True)),
        ("204", "", _grading.Grade(None, 0.0, False)),
    ],
)
def test_grade_integer(target: str, text: str, grade: _grading.Grade) -> None:
    assert _grading.grade_integer(target, text) == grade


HOSTILE = {
    "line feeds": "\n" * 40_000,
    "blanks": " " * 40_000,
    "answers": "answer " * 5_700,
    "marked answers": "*answer*" * 5_000,
    "answer and blanks": "Answer" + " " * 40_000,
    "answer, blanks, colon, blanks": "Answer" + " " * 20_000 + ":" + " " * 20_000,
    "answers and blanks": ("_answer_" + " " * 100) * 370,
    "options": "option " * 5_700,
    "open boxes": "\\boxed{" * 5_700,
    "open boxes, one end": "\\boxed{" * 5_700 + "}",
    "empty boxes": "\\boxed{}" * 5_000,
    "open bold": "\\textbf{" * 5_000,
    "brackets": "( " * 20_000,
    "marks": "*" * 40_000,
    "marked choices": "*A)" * 13_000,
    "marked choice without end": "*A)" + "x" * 40_000,
    "digits": "1" * 40_000,
    "closing braces": "boxed{" + "}" * 40_000,
    "lines": "\n **answer" * 4_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_replies_take_no_longer(text: str) -> None:
    """No pattern backtracks for ever: the reference needs a minute for several of these, we some milliseconds."""
    start = time.process_time()
    _grading.grade_letter("A", text)
    _grading.grade_integer("1", text)
    assert time.process_time() - start < 5
