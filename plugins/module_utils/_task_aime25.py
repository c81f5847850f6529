# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: the task aime25, AIME 2025 as gpt-oss 0.0.9 asks it (``gpt_oss/evals/aime_eval.py``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError, read_json_lines
from ansible_collections.gpt_oss.fleet.plugins.module_utils._grading import grade_integer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._prompts import AIME_PROMPT
from ansible_collections.gpt_oss.fleet.plugins.module_utils._task import Row, Task

_SOURCE = "https://huggingface.co/datasets/opencompass/AIME2025/raw/main/"
_MOST_DIGITS = 100  # an answer has three


def _read(paths: Sequence[str]) -> list[Row]:
    rows = []
    for path in paths:
        for number, row in read_json_lines(path, ("question", "answer")):
            rows.append({"question": row["question"], "answer": _answer(f"{path}, line {number}", row["answer"])})
    return rows


def _answer(place: str, answer: Any) -> int:
    """Return the right answer; a text's leading digits count, so that ``336^\\circ`` is 336."""
    if isinstance(answer, str):
        digits = re.match(r"\d+", answer)
        if digits and len(digits.group()) < _MOST_DIGITS:
            return int(digits.group())
    elif not isinstance(answer, bool) and answer == answer // 1:
        return int(answer)
    raise DatasetError(
        f"{place}: wanted an integer as answer, or text that starts with one, found {answer!r}. "
        "Correct the line, or give the task its own data set."
    )


def _pose(row: Row, _permutation: tuple[int, ...]) -> tuple[str, str]:
    return AIME_PROMPT.format(question=row["question"]), str(row["answer"])


TASK = Task(
    name="aime25",
    title="AIME25",
    n_questions=30,
    n_repeats=8,
    default_sources=(f"{_SOURCE}aime2025-I.jsonl", f"{_SOURCE}aime2025-II.jsonl"),
    source_sha256=(
        "b91b3c96f05d9635d2a0692b124ebe023c1ff59cb19c074275e6c4b349d0659e",
        "16a2dcfbbf9db1b11f8a69a3ba5e4cac73e3641b19a37e2307e9c12240bbed5e",
    ),
    n_choices=0,
    # The reference draws a permutation for each sample of this task too, and shows nothing of it.
    shuffled=True,
    read=_read,
    pose=_pose,
    grade=grade_integer,
)
