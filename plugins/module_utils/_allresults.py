# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: allresults, from a result file of gpt_oss.evals 0.0.9 (``*_allresults.json``) to a score row.

Such a file names neither questions nor repeats, and its order is that in which replies came. A result is found by its
prompt: the same prompts are made anew from the data set. The file's own score of each reply holds; each is compared
with our grading of the same text.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict, deque
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import identity_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import summarize
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Grade, Sample, grade

ENGINE = "reference"
# What the harness puts in the place of a reply when the server refuses the request, and scores as wrong
# (responses_sampler.py, chat_completions_sampler.py). An empty reply may also be a real one.
_NO_REPLY = ("", "No response (bad request).")
# Keys of a score row that such a file knows nothing of.
_NOT_TOLD = (
    "n_truncated", "n_cut_off", "tokens", "tokens_per_second", "latency", "time_to_first_token", "seconds",
    "max_tokens", "max_tokens_fitted_from", "journal", "started", "finished", "registered", "reference", "vllm_version",
    "image_digest", "revision", "simulated", "prompt_dates",
)  # fmt: skip
_TIGHTEST = 1e-9
_FACT = re.compile(r"<p>(Correct Answer|Extracted Answer|Score): (.*?)</p>", re.DOTALL)
_NAME = re.compile(
    r"(?P<task>[a-z0-9]+)_(?P<model>.+)-(?P<effort>low|medium|high)_temp(?P<temperature>[0-9.]+)"
    r"_(?P<date>\d{8}_\d{6})(?:_DEBUG)?_allresults\.json"
)


class AllResultsError(Exception):
    """The file is no result file of the harness, or not one of this task and data set."""


class Name(NamedTuple):
    """What the harness writes into a result file's name."""

    task: str
    model: str
    effort: str
    temperature: float


class Result(NamedTuple):
    """One reply of a result file: the sample it belongs to, its text, the file's score of it and our grade."""

    sample: Sample
    text: str
    score: float
    grade: Grade

    @property
    def outcome(self) -> str:
        """What became of the sample, as far as a file without finish reasons tells: truncated ones are not known."""
        return _outcomes.classify(self.score == 1.0, self.grade.parsed, None)


def parse_name(path: str) -> Optional[Name]:
    """Return what a result file's name says; None where it is not the harness's name for one."""
    found = _NAME.fullmatch(Path(path).name)
    if found is None:
        return None
    model = found["model"].replace("__", "/")
    return Name(found["task"], model, found["effort"], float(found["temperature"]))


def read_document(path: str) -> dict[str, Any]:
    """Read a result file; AllResultsError where it cannot be read or is not one."""
    try:
        document = _json_text.loads(Path(path).read_bytes())
    except (OSError, ValueError) as exc:
        raise AllResultsError(
            f"wanted a result file of gpt_oss.evals, but {path} cannot be read: {exc}; give the path of an "
            "*_allresults.json"
        ) from exc
    keys = sorted(document) if isinstance(document, dict) else []
    lists = [document[name] if name in keys else None for name in ("convos", "htmls")]
    lengths = [len(each) if isinstance(each, list) else 0 for each in lists]
    if not all(lengths) or lengths[0] != lengths[1]:
        raise AllResultsError(
            f"{path}: wanted the keys convos and htmls, two lists of the same length, found "
            f"{', '.join(keys) or 'none'}; give the file whose name ends in _allresults.json"
        )
    return dict(document)


def repeats(document: Mapping[str, Any], n_questions: int) -> int:
    """Return how often the file asks each of so many questions."""
    found = len(document["convos"])
    if found % n_questions:
        raise AllResultsError(
            f"wanted a multiple of {n_questions} results, as the data set has {n_questions} questions, found {found}; "
            "give the data set that the file was made from"
        )
    return found // n_questions


def match(document: Mapping[str, Any], samples: Sequence[Sample]) -> list[Result]:
    """Give each result the sample it belongs to; of several with the same prompt the first that is left.

    AllResultsError where a result fits no sample, where its right answer is another one, or where the file's overall
    score is not the mean of its scores.
    """
    # A data set may ask the same question twice, with another right answer.
    left: dict[str, defaultdict[str, deque[Sample]]] = {}
    for sample in samples:
        left.setdefault(sample.prompt, defaultdict(deque))[sample.target].append(sample)
    found = [
        _result(f"result {number}", convo, page, left)
        for number, (convo, page) in enumerate(zip(document["convos"], document["htmls"]), start=1)
    ]
    mean = sum(result.score for result in found) / len(found)
    told = document.get("score")
    if not isinstance(told, (int, float)) or abs(told - mean) > _TIGHTEST:
        raise AllResultsError(
            f"wanted the mean of the {len(found)} single scores, {mean!r}, as the score, found {told!r}; the file is "
            "damaged or was edited: copy it again"
        )
    return found


def _result(place: str, convo: Any, page: Any, left: Mapping[str, Mapping[str, deque[Sample]]]) -> Result:
    try:
        prompt, text = (_content(message) for message in (convo[0], convo[-1]))
        facts = {name: html.unescape(value) for name, value in _FACT.findall(page)[-3:]}
        score, target = float(facts["Score"]), facts["Correct Answer"]
        if not 0 <= score <= 1:
            raise ValueError(score)
    except (IndexError, KeyError, TypeError, ValueError) as exc:
        raise AllResultsError(
            f"{place} has not the shape that gpt_oss.evals 0.0.9 writes: wanted messages with texts, and a page with "
            f"the right answer and a score from 0 to 1, found {str(convo)[:80]!r} and {str(page)[-80:]!r}; the file is "
            "damaged or was edited: copy it again"
        ) from exc
    by_target = left.get(prompt, {})
    if by_target and target not in by_target:
        raise AllResultsError(
            f"{place}: wanted the right answer {' or '.join(by_target)}, found {target}; give the data set that the "
            "file was made from"
        )
    if not by_target or not by_target[target]:
        raise AllResultsError(
            f"{place} asks what the data set does not, or more often: {str(prompt).strip()[:80]!r}; give the data set "
            "that the file was made from"
        )
    sample = by_target[target].popleft()
    return Result(sample, text, score, grade(sample.task, sample.target, text))


def _content(message: Any) -> str:
    content = message["content"]
    if not isinstance(content, str):
        raise TypeError("content is no text")
    return content


def marks_of(results: Sequence[Result]) -> dict[tuple[int, int], Mark]:
    """Return what the score row is made of; tokens and times are not in the file."""
    return {(result.sample.question, result.sample.repeat): _mark(result) for result in results}


def _mark(result: Result) -> Mark:
    return Mark(
        outcome=result.outcome,
        prompt_tokens=0,
        completion_tokens=0,
        reasoning_tokens=0,
        started=0.0,
        finished=0.0,
        parsed=result.grade.parsed,
        empty=result.text in _NO_REPLY,
        extracted=result.grade.extracted,
        permutation=tuple(result.sample.permutation),
    )


def score_row(results: Sequence[Result], about: Mapping[str, Any], max_invalid: float) -> dict[str, Any]:
    """Return the score row; what the file does not tell is None.

    ``about`` has server, model, task, reasoning_effort, sampler, temperature, data_sha256 and what else the row shall
    hold. Empty replies and refused requests are wrong answers to the harness and to its score; with more than
    ``max_invalid`` of them the row is void all the same.
    """
    questions = sorted({result.sample.question for result in results})
    n_repeats = len(results) // len(questions)
    numbers = summarize(marks_of(results), questions, n_repeats)
    empty = sum(result.text in _NO_REPLY for result in results)
    differing = sum(result.score != result.grade.score for result in results)
    void = empty > max_invalid * len(results)
    return {
        "identity": about.get("identity") or _identity(about, n_repeats),
        "metric": "pass_at_1",
        **numbers,
        **dict.fromkeys(_NOT_TOLD),
        "questions": None,
        "n_empty": empty,
        "engine": ENGINE,
        **about,
        "verdict": "void" if void else None,
        "reason": "; ".join(_reasons(len(results), empty, differing, max_invalid)),
    }


def _identity(about: Mapping[str, Any], n_repeats: int) -> str:
    names = ("model", "task", "reasoning_effort", "sampler", "temperature", "data_sha256", "file_sha256")
    return identity_sha256(
        {"client": "gpt_oss.evals", "n_repeats": n_repeats, **{name: about.get(name) for name in names}}
    )


def _reasons(total: int, empty: int, differing: int, max_invalid: float) -> list[str]:
    reasons = []
    if empty:
        limit = f", more than {max_invalid:.1%}" if empty > max_invalid * total else ""
        reasons.append(
            f"{empty} of {total} replies are empty or were refused by the server{limit}; the harness scores them as "
            "wrong"
        )
    if differing:
        reasons.append(
            f"the file's score of {differing} of {total} replies is not what gpt_oss.evals 0.0.9 gives: it was made by "
            "another version"
        )
    return reasons
