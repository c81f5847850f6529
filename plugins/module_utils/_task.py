# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: task, what an eval needs to know of one: its data, its prompt, its grading (see docs/evals_tasks.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._grading import Grade

Row = dict[str, Any]


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
    """What there is to know about a task.

    ``n_questions`` and ``source_sha256`` (one a file, empty where unknown) document the official data set, others may
    differ. ``n_choices`` is 0 where a question has none to choose from. ``shuffled`` tells whether a permutation is
    drawn for each sample; where not, the choices are shown as they stand in the file.
    """

    name: str
    title: str
    n_questions: int
    n_repeats: int
    default_sources: tuple[str, ...]
    source_sha256: tuple[str, ...]
    n_choices: int
    shuffled: bool
    read: Callable[[Sequence[str]], list[Row]]
    pose: Callable[[Row, tuple[int, ...]], tuple[str, str]]  # row, permutation -> prompt, target
    grade: Callable[[str, str], Grade]  # target, reply -> grade

    @property
    def n_files(self) -> int:
        """How many files the data set has."""
        return len(self.default_sources)
