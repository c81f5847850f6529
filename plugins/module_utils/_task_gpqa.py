# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: the task gpqa, GPQA diamond as gpt-oss 0.0.9 asks it (``gpt_oss/evals/gpqa_eval.py``)."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import read_csv
from ansible_collections.gpt_oss.fleet.plugins.module_utils._grading import grade_letter
from ansible_collections.gpt_oss.fleet.plugins.module_utils._prompts import GPQA_PROMPT
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task import Row, Task

_CHOICES = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def _read(paths: Sequence[str]) -> list[Row]:
    return read_csv(paths[0], ("Question", *_CHOICES))


def _pose(row: Row, permutation: tuple[int, ...]) -> tuple[str, str]:
    choices = [row[_CHOICES[place]] for place in permutation]
    prompt = GPQA_PROMPT.format(Question=row["Question"], **dict(zip("ABCD", choices)))
    # A wrong choice that equals the right one and is shown before it becomes the right answer, as in the reference.
    return prompt, "ABCD"[choices.index(row[_CHOICES[0]])]


TASK = Task(
    name="gpqa",
    title="GPQA",
    n_questions=198,
    n_repeats=8,
    default_sources=("https://openaipublic.blob.core.windows.net/simple-evals/gpqa_diamond.csv",),
    source_sha256=("41d1213cd7a4998605a26c2798500652572007161b3a92817ba46b35befcd305",),
    n_choices=len(_CHOICES),
    shuffled=True,
    read=_read,
    pose=_pose,
    grade=grade_letter,
)
