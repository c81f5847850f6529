"""The reference harness, gpt-oss 0.0.9, run on local files and given replies; nothing in it is replaced that counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pandas
from gpt_oss.evals import report
from gpt_oss.evals.abcd_grader import extract_abcd
from gpt_oss.evals.aime_eval import AIME25Eval, extract_boxed_text
from gpt_oss.evals.gpqa_eval import GPQAEval
from gpt_oss.evals.types import EvalResult, SamplerResponse

EVALS = {"gpqa": GPQAEval, "aime25": AIME25Eval}


def letter(text: str) -> str:
    return extract_abcd(text)


def integer(text: str) -> int | None:
    """The evaluator's own conversion, which stands in the middle of AIME25Eval.__call__."""
    try:
        return int(extract_boxed_text(text))
    except (ValueError, TypeError):
        return None


@contextmanager
def local_files(paths: Sequence[str]) -> Iterator[None]:
    """Let the evals read ``paths``, in turn, where they would read from the network."""
    turn = iter(paths)
    read_csv, read_json = pandas.read_csv, pandas.read_json
    with (
        mock.patch.object(pandas, "read_csv", lambda _url, **options: read_csv(next(turn), **options)),
        mock.patch.object(pandas, "read_json", lambda _url, **options: read_json(next(turn), **options)),
    ):
        yield


def build(task: str, paths: Sequence[str], n_repeats: int, examples: int | None = None) -> Any:
    with local_files(paths):
        return EVALS[task](n_repeats=n_repeats, num_examples=examples)


class Sampler:
    """Answers with the given replies, one after the other."""

    def __init__(self, replies: Sequence[str]) -> None:
        self.replies = iter(replies)

    def _pack_message(self, role: str, content: str) -> dict[str, str]:
        return {"role": role, "content": content}

    def __call__(self, messages: list[dict[str, str]]) -> SamplerResponse:
        return SamplerResponse(next(self.replies), messages, {})


class _Facts:
    """Stands in for the HTML template, which is compiled anew for each sample, and keeps what it is told."""

    def from_string(self, _template: str) -> _Facts:
        return self

    def render(self, *, correct_answer: Any, extracted_answer: Any, score: float, **_others: Any) -> str:
        extracted = None if extracted_answer is None else str(extracted_answer)
        return json.dumps({"target": str(correct_answer), "extracted": extracted, "score": score})


def run(evaluation: Any, replies: Sequence[str]) -> tuple[EvalResult, list[dict[str, Any]]]:
    """Run an eval in order on one thread; return its result and, a sample each, prompt, target, extracted, score."""
    with (
        mock.patch.object(report, "jinja_env", _Facts()),
        mock.patch.dict("os.environ", {"debug": "1"}),
        mock.patch.object(report, "tqdm", lambda iterable, **_options: iterable),
    ):
        result = evaluation(Sampler(replies))
    samples = [
        {"prompt": convo[0]["content"], **json.loads(facts)}
        for convo, facts in zip(result.convos, result.htmls, strict=True)
    ]
    return result, samples
