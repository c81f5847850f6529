# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: the task mmlu, multiple choice in the file format of simple-evals' MMLU.

The reference harness has no such task: the prompt and the grading are those of gpqa, each question is asked once, and
the choices stand as they do in the file. So scores compare hosts with each other, not with published ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError, read_csv_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._grading import grade_letter
from ansible_collections.gpt_oss.fleet.plugins.module_utils._prompts import GPQA_PROMPT
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task import Row, Task

_LETTERS = "ABCD"


def _read(paths: Sequence[str]) -> list[Row]:
    rows = []
    for line, row in read_csv_text(paths[0], ("Question", *_LETTERS, "Answer")):
        if row["Answer"] not in tuple(_LETTERS):
            raise DatasetError(
                f"{paths[0]}, line {line}: wanted A, B, C or D as Answer, found {row['Answer']!r}. Correct the line."
            )
        rows.append(row)
    return rows


def _pose(row: Row, permutation: tuple[int, ...]) -> tuple[str, str]:
    shown = [_LETTERS[place] for place in permutation]
    prompt = GPQA_PROMPT.format(Question=row["Question"], **{letter: row[own] for letter, own in zip(_LETTERS, shown)})
    return prompt, _LETTERS[shown.index(row["Answer"])]


TASK = Task(
    name="mmlu",
    title="MMLU",
    n_questions=14042,
    n_repeats=1,
    default_sources=("https://openaipublic.blob.core.windows.net/simple-evals/mmlu.csv",),
    source_sha256=(),
    n_choices=len(_LETTERS),
    shuffled=False,
    read=_read,
    pose=_pose,
    grade=grade_letter,
)
