# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: references, the scores that a measured one may be compared with: published ones, and accepted hosts'.

A published score is known as a whole. A reference with `outcomes`, pairs of right and measured answers, is known
question by question, and can judge a score over a part of its questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS

DATA_FILE = Path(__file__).with_name("data") / "references.yml"

# The questions of the published data sets; a source that states none used them all.
N_QUESTIONS = {name: task.n_questions for name, task in TASKS.items()}


class ReferenceError(Exception):
    """A reference lacks a field or holds an impossible value."""


def load_references(path: Path = DATA_FILE) -> list[dict[str, Any]]:
    """Return the published scores of a data file, each with its source's fields."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = []
    for row in content["scores"]:
        source = content["sources"][row["source"]]
        digests = source["data_sha256"].get(row["task"], [])
        rows.append({**row, **source, "id": row["source"], "data_sha256": digests})
    return rows


def check_references(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise ReferenceError for the first reference that cannot be used."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ReferenceError(f"Reference {number} is {row!r}: wanted a dictionary with model, task and so on.")
        lacking = [name for name in ("model", "task", "reasoning_effort", "score", "source") if row.get(name) is None]
        if lacking:
            raise ReferenceError(
                f"Reference {number} lacks {', '.join(lacking)}: wanted at least model, task, reasoning_effort, score "
                "(0 to 1) and source, and n, the number of samples, where it shall judge."
            )
        odd = [name for name in ("model", "task", "reasoning_effort", "source") if not isinstance(row[name], str)]
        if odd:
            raise ReferenceError(f"Reference {number} has the {odd[0]} {row[odd[0]]!r}: wanted a text.")
        if not isinstance(row["score"], (int, float)) or not 0 <= row["score"] <= 1:
            raise ReferenceError(
                f"Reference {number} has the score {row['score']!r}: wanted a share, 0 to 1, such as 0.561 for 56.1."
            )
        if not _sound_outcomes(row):
            raise ReferenceError(
                f"Reference {number} has outcomes that are not a pair of right and measured answers for each of its "
                "questions: make the file anew with gpt_oss.fleet.eval_baseline."
            )


def _sound_outcomes(row: Mapping[str, Any]) -> bool:
    outcomes = row.get("outcomes")
    if outcomes is None:
        return True
    questions = row.get("questions") or ()
    n_questions = len(questions) if isinstance(questions, (list, tuple)) and questions else row.get("n_questions")
    return (
        isinstance(outcomes, (list, tuple))
        and len(outcomes) == n_questions
        and all(_sound_pair(pair) for pair in outcomes)
    )


def _sound_pair(pair: Any) -> bool:
    numbers = isinstance(pair, (list, tuple)) and all(isinstance(number, int) for number in pair)
    return numbers and len(pair) == 2 and 0 <= pair[0] <= pair[1]


def questions_of(row: Mapping[str, Any]) -> list[int]:
    """Return which of the data set's questions a score, or a reference with outcomes, is over, from 0 on."""
    return list(row.get("questions") or range(row.get("n_questions") or 0))


def for_cell(row: Mapping[str, Any], references: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the references of a score row's model, task and reasoning effort."""
    return [
        reference
        for reference in references
        if _model(reference["model"]) == _model(row["model"])
        and reference["task"] == row["task"]
        and reference["reasoning_effort"] == row["reasoning_effort"]
    ]


def obstacles(row: Mapping[str, Any], reference: Mapping[str, Any], any_data: bool) -> list[str]:
    """Return why this reference may not judge this score; an empty list means that it may."""
    found = []
    if not reference.get("n"):
        found.append("its number of samples is not known")
    if reference.get("sampler") != row["sampler"]:
        found.append(f"its sampler is {reference.get('sampler') or 'not known'}, not {row['sampler']}")
    found += _other_questions(row, reference)
    if reference.get("simulated") and not row.get("simulated"):
        found.append("it comes from a simulator")
    digests = as_digests(reference.get("data_sha256"))
    if digests and not any_data and digests != as_digests(row.get("data_sha256")):
        found.append("the questions are of another data set")
    return found


def _other_questions(row: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    if reference.get("outcomes"):
        lacking = len(set(questions_of(row)) - set(questions_of(reference)))
        return [f"it lacks {lacking} of the {row['n_questions']} questions"] if lacking else []
    n_questions = reference.get("n_questions") or N_QUESTIONS.get(row["task"])
    if n_questions and row["n_questions"] != n_questions:
        return [f"it is over {n_questions} questions, not {row['n_questions']}"]
    return []


def as_digests(value: Any) -> frozenset[str]:
    """Return the checksums in a data_sha256, which may be one, a list of them, or a mapping by file."""
    if not value:
        return frozenset()
    if isinstance(value, str):
        return frozenset(value.lower().replace(",", " ").split())
    parts = value.values() if isinstance(value, Mapping) else value
    return frozenset().union(*(as_digests(part) for part in parts))


@lru_cache(maxsize=1024)
def _model(name: str) -> str:
    return str(name).rstrip("/").rsplit("/", 1)[-1].lower()
