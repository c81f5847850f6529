# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: tasks, what an eval asks and how it grades, equal to gpt-oss 0.0.9 (``gpt_oss/evals/``).

A task is one entry of TASKS: where its data comes from, how a file becomes rows, how a row becomes a prompt, and how a
reply is graded. To add one, write ``read`` and ``pose`` for it and register it there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import (
    DatasetError,
    data_sha256,
    read_csv,
    read_json_lines,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._grading import Grade, grade_integer, grade_letter
from ansible_collections.gpt_oss.fleet.plugins.module_utils._prompts import AIME_PROMPT, GPQA_PROMPT

__all__ = ["TASKS", "DatasetError", "Grade", "Sample", "Task", "build_samples", "data_sha256", "grade"]

Row = dict[str, Any]

_LETTERS = "ABCD"
_GPQA_CHOICES = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
_AIME_SOURCE = "https://huggingface.co/datasets/opencompass/AIME2025/raw/main/"


@dataclass(frozen=True)
class Sample:
    """One request of an eval: a question, asked for the ``repeat``-th time.

    ``question`` counts from 0 in the data set's order, and stays the same when only some questions are asked.
    ``permutation`` is the order in which the choices are shown. ``target`` is the right answer ("C", "204").
    """

    task: str
    question: int
    repeat: int
    permutation: tuple[int, ...]
    prompt: str
    target: str

    @property
    def request_id(self) -> str:
        """The sample's name in requests and journals, such as "gpqa/17/0"."""
        return f"{self.task}/{self.question}/{self.repeat}"


@dataclass(frozen=True)
class Task:
    """What there is to know about a task; ``n_questions`` documents the official data set, others may differ."""

    name: str
    n_questions: int
    n_repeats: int
    default_sources: tuple[str, ...]
    read: Callable[[Sequence[str]], list[Row]]
    pose: Callable[[Row, tuple[int, ...]], tuple[str, str]]  # row, permutation -> prompt, target
    grade: Callable[[str, str], Grade]  # target, reply -> grade

    @property
    def n_files(self) -> int:
        """How many files the data set has."""
        return len(self.default_sources)


def build_samples(task: str, paths: Sequence[str], n_repeats: int, examples: int | None = None) -> list[Sample]:
    """Return an eval's samples in the reference's order: all questions, then all again, ``n_repeats`` times.

    One random generator, seeded with 0, first picks the ``examples`` questions (None or 0: all are asked), then draws
    a permutation for each sample, also where the task shows no choices.
    """
    definition = TASKS[task]
    if len(paths) != definition.n_files:
        raise DatasetError(
            f"task {task}: wanted {definition.n_files} data file(s), found {len(paths)}: {list(paths)}. "
            f"Give the counterparts of {', '.join(definition.default_sources)}, in this order."
        )
    questions = list(enumerate(definition.read(paths)))
    if examples and not 0 < examples <= len(questions):
        raise DatasetError(
            f"task {task}: wanted {examples} examples, found {len(questions)} questions in {', '.join(paths)}. "
            f"Ask for 1 to {len(questions)} examples."
        )
    rng = random.Random(0)
    if examples:
        questions = rng.sample(questions, examples)
    samples = []
    for repeat in range(n_repeats):
        for question, row in questions:
            permutation = tuple(rng.sample(range(len(_LETTERS)), len(_LETTERS)))
            prompt, target = definition.pose(row, permutation)
            samples.append(Sample(task, question, repeat, permutation, prompt, target))
    return samples


def grade(task: str, target: str, text: str) -> Grade:
    """Grade a reply's text; ``target`` is the sample's."""
    return TASKS[task].grade(target, text)


def _read_gpqa(paths: Sequence[str]) -> list[Row]:
    return read_csv(paths[0], ("Question", *_GPQA_CHOICES))


def _pose_gpqa(row: Row, permutation: tuple[int, ...]) -> tuple[str, str]:
    choices = [row[_GPQA_CHOICES[place]] for place in permutation]
    prompt = GPQA_PROMPT.format(Question=row["Question"], **dict(zip(_LETTERS, choices)))
    # A wrong choice that equals the right one and is shown before it becomes the right answer, as in the reference.
    return prompt, _LETTERS[choices.index(row[_GPQA_CHOICES[0]])]


def _read_aime(paths: Sequence[str]) -> list[Row]:
    rows = []
    for path in paths:
        for number, row in enumerate(read_json_lines(path, ("question", "answer")), start=1):
            rows.append(
                {"question": row["question"], "answer": _aime_answer(f"{path}, question {number}", row["answer"])}
            )
    return rows


def _aime_answer(place: str, answer: Any) -> int:
    """Return the right answer; a text's leading digits count, so that ``336^\\circ`` is 336."""
    if isinstance(answer, str):
        digits = re.match(r"\d+", answer)
        if digits:
            return int(digits.group())
    elif not isinstance(answer, bool) and answer == answer // 1:
        return int(answer)
    raise DatasetError(
        f"{place}: wanted an integer as answer, or text that starts with one, found {answer!r}. "
        "Correct the line, or give the task its own data set."
    )


def _pose_aime(row: Row, _permutation: tuple[int, ...]) -> tuple[str, str]:
    return AIME_PROMPT.format(question=row["question"]), str(row["answer"])


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="gpqa",
            n_questions=198,
            n_repeats=8,
            default_sources=("https://openaipublic.blob.core.windows.net/simple-evals/gpqa_diamond.csv",),
            read=_read_gpqa,
            pose=_pose_gpqa,
            grade=grade_letter,
        ),
        Task(
            name="aime25",
            n_questions=30,
            n_repeats=8,
            default_sources=(f"{_AIME_SOURCE}aime2025-I.jsonl", f"{_AIME_SOURCE}aime2025-II.jsonl"),
            read=_read_aime,
            pose=_pose_aime,
            grade=grade_integer,
        ),
    )
}
