# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: questions, the answer key, read from the same files as the evals but by code of its own.

A task is its line in READERS: how to read a file, and which form its answers have.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_GPQA_COLUMNS = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
_MMLU_COLUMNS = ("Question", "A", "B", "C", "D", "Answer")
_OPTIONS = "\n\n(A) "
_INSTRUCTION = "\nPlease reason step by step"


class QuestionsError(Exception):
    """A data file that cannot be read as what it should be."""


@dataclass(frozen=True)
class Question:
    """One question of a data set; `index` counts from 0 over all files of the task."""

    task: str
    index: int
    text: str
    answer: str
    form: str = "choice"  # the answer is a choice's text, a choice's letter, or an integer

    def letter(self, prompt: str) -> str | None:
        """Return the letter under which the prompt offers the right answer: the first one, as the grader does."""
        if self.form == "letter":
            return self.answer
        return next((letter for letter in "ABCD" if f"({letter}) {self.answer}\n" in prompt), None)


class Key:
    """All questions of a server, found by number or by their text."""

    def __init__(self, questions: Mapping[str, Sequence[Question]]) -> None:
        self._questions = questions
        self._by_text = {question.text.strip(): question for row in questions.values() for question in row}

    def count(self, task: str) -> int:
        """Return the number of questions of a task."""
        return len(self._questions.get(task, ()))

    def get(self, task: str, index: int) -> Question | None:
        """Return a question by task and number, or None."""
        row = self._questions.get(task, ())
        return row[index] if 0 <= index < len(row) else None

    def find(self, prompt: str) -> Question | None:
        """Return the question that a prompt asks: by its exact text, else the longest question it contains."""
        for mark in (_OPTIONS, _INSTRUCTION):
            head, found, _rest = prompt.partition(mark)
            question = self._by_text.get(head.strip()) if found else None
            if question:
                return question
        inside = [text for text in self._by_text if text in prompt]
        return self._by_text[max(inside, key=len)] if inside else None


def load_key(data: Mapping[str, Sequence[str]]) -> Key:
    """Read the files of each task. Raises QuestionsError naming file and row."""
    questions: dict[str, list[Question]] = {}
    for task, paths in data.items():
        read, form = READERS[task]
        rows = [row for path in paths for row in read(path)]
        questions[task] = [Question(task, index, text, answer, form) for index, (text, answer) in enumerate(rows)]
    return Key(questions)


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsError(
            f"the data file {path} cannot be read: {error}; is it mounted into the container?"
        ) from None


def _read_gpqa(path: str) -> list[tuple[str, str]]:
    return [(row["Question"], row["Correct Answer"]) for row in _read_csv(path, _GPQA_COLUMNS)]


def _read_mmlu(path: str) -> list[tuple[str, str]]:
    return [(row["Question"], row["Answer"]) for row in _read_csv(path, _MMLU_COLUMNS)]


def _read_csv(path: str, columns: Sequence[str]) -> list[dict[str, str]]:
    rows = list(csv.DictReader(_read(path).splitlines(keepends=True)))
    for number, row in enumerate(rows, 1):
        missing = [column for column in columns if row.get(column) is None]
        if missing:
            raise QuestionsError(f"{path}, row {number}: column(s) {', '.join(missing)} wanted, found {list(row)}")
    return rows


def _read_aime(path: str) -> list[tuple[str, str]]:
    rows = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        try:
            row = json.loads(line) if line.strip() else None
            if row is not None:
                rows.append((str(row["question"]), _leading_integer(str(row["answer"]))))
        except (ValueError, KeyError, TypeError) as error:
            raise QuestionsError(
                f"{path}, line {number}: an object with question and answer wanted: {error!r}"
            ) from None
    return rows


def _leading_integer(text: str) -> str:
    """Return the digits that an answer begins with: one official answer is written 336^\\circ."""
    match = re.match(r"\d+", text)
    if match is None:
        raise ValueError(f"answer {text!r} does not begin with a whole number")
    return str(int(match.group(0)))


READERS: Mapping[str, tuple[Callable[[str], list[tuple[str, str]]], str]] = {
    "gpqa": (_read_gpqa, "choice"),
    "aime25": (_read_aime, "integer"),
    "mmlu": (_read_mmlu, "letter"),
}
