# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: tasks, the registry of all evals, and the samples of one.

A task is one file, ``_task_NAME.py``, and its line in TASKS: the modules' archives hold what is imported here by name.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError, data_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._grading import Grade
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task import Row, Sample, Task
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task_aime25 import TASK as AIME25
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task_gpqa import TASK as GPQA
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task_mmlu import TASK as MMLU

__all__ = [
    "TASKS",
    "DatasetError",
    "Grade",
    "Row",
    "Sample",
    "Task",
    "build_samples",
    "data_sha256",
    "grade",
    "subset_questions",
    "unknown_tasks",
]

TASKS: Mapping[str, Task] = {task.name: task for task in (GPQA, AIME25, MMLU)}

# So many places the reference draws for a sample, also where a task shows no choices.
_DRAWN = 4


def build_samples(
    task: str,
    paths: Sequence[str],
    n_repeats: int,
    examples: int | None = None,
    subset: int | None = None,
    subset_seed: int = 0,
) -> list[Sample]:
    """Return an eval's samples in the reference's order: all questions, then all again, ``n_repeats`` times.

    One random generator, seeded with 0, first picks the ``examples`` questions (None or 0: all are asked), then draws
    a permutation for each sample of a shuffled task. ``subset`` keeps so many questions of the whole
    eval (None or 0: all): its samples are the whole eval's own, permutations included, so that the two can be compared
    question by question. DatasetError when the files, or the number of questions, are not what is wanted.
    """
    definition = TASKS[task]
    if len(paths) != definition.n_files:
        raise DatasetError(
            f"task {task}: wanted {definition.n_files} data file(s), found {len(paths)}: {list(paths)}. "
            f"Give the counterparts of {', '.join(definition.default_sources)}, in this order."
        )
    questions = list(enumerate(definition.read(paths)))
    for name, count in (("examples", examples), ("subset", subset)):
        _check_count(f"task {task}, {name}", count, len(questions), paths)
    kept = subset_questions(len(questions), subset, subset_seed)
    rng = random.Random(0)
    if examples:
        questions = rng.sample(questions, examples)
    samples = []
    for repeat in range(n_repeats):
        for question, row in questions:
            permutation = _permutation(definition, rng)
            if question in kept:
                prompt, target = definition.pose(row, permutation)
                samples.append(Sample(task, question, repeat, permutation, prompt, target))
    return samples


def _permutation(task: Task, rng: random.Random) -> tuple[int, ...]:
    places = range(task.n_choices or _DRAWN)
    return tuple(rng.sample(places, len(places))) if task.shuffled else tuple(places)


def subset_questions(n_questions: int, subset: int | None, seed: int = 0) -> frozenset[int]:
    """Return which questions a subset keeps: a larger one holds each smaller one of the same seed. None or 0: all."""
    order = random.Random(seed).sample(range(n_questions), n_questions)
    return frozenset(order[: subset or n_questions])


def _check_count(name: str, count: int | None, n_questions: int, paths: Sequence[str]) -> None:
    if count and not 0 < count <= n_questions:
        raise DatasetError(
            f"{name}: wanted {count} questions, found {n_questions} in {', '.join(paths)}. Ask for 1 to {n_questions}."
        )


def grade(task: str, target: str, text: str) -> Grade:
    """Grade a reply's text; ``target`` is the sample's."""
    return TASKS[task].grade(target, text)


def unknown_tasks(names: Sequence[str]) -> str:
    """Return what is wrong with these names of tasks, as a sentence; empty when all are known."""
    unknown = [name for name in names if name not in TASKS]
    return f"unknown task(s) {', '.join(unknown)}, wanted some of {', '.join(TASKS)}" if unknown else ""
