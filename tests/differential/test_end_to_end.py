"""Whole evals, equal scores: the reference's own run with a sampler that answers from a list, and ours."""

from __future__ import annotations

import os
import random
from pathlib import Path
from unittest import mock

import datasets
import pytest
import reference
import replies
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _tasks

SIZES = {"gpqa": (198, 8), "aime25": (15, 8)}


def data_files(folder: Path, task: str, n_questions: int) -> list[str]:
    rng = random.Random(task)
    if task == "gpqa":
        contents = [datasets.gpqa(rng, n_questions, ["text", "text with gaps"])]
    else:
        contents = [datasets.aime_file(rng, n_questions) for _unused in range(2)]
    paths = [folder / f"{task}-{number}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [str(path) for path in paths]


def answer(rng: random.Random, sample: _tasks.Sample) -> str:
    """Right in about half of all cases, and in all kinds of formats."""
    if rng.random() < 0.5:
        return replies.prose(rng, 40) + rng.choice(replies.ENDINGS).format(sample.target)
    return rng.choice((replies.realistic, replies.soup))(rng)


def score(samples: list[_tasks.Sample], texts: list[str]) -> float:
    grades = [_tasks.grade(sample.task, sample.target, text) for sample, text in zip(samples, texts, strict=True)]
    return sum(grade.score for grade in grades) / len(grades)


@pytest.mark.parametrize("task", SIZES)
def test_same_grades_and_same_score(tmp_path: Path, task: str) -> None:
    n_questions, n_repeats = SIZES[task]
    paths = data_files(tmp_path, task, n_questions)
    samples = _tasks.build_samples(task, paths, n_repeats)
    rng = random.Random(1)
    texts = [answer(rng, sample) for sample in samples]

    result, wanted = reference.run(reference.build(task, paths, n_repeats), texts)

    for sample, text, row in zip(samples, texts, wanted, strict=True):
        found = _tasks.grade(task, sample.target, text)
        assert (found.extracted, found.score) == (row["extracted"], row["score"]), text
    assert score(samples, texts) == result.score
    assert 0.3 < result.score < 0.9


@pytest.mark.parametrize("task", SIZES)
def test_same_score_from_the_untouched_reference(tmp_path: Path, task: str) -> None:
    """Threads, HTML and all; a reply is chosen by its prompt, because the order of the requests is not known."""
    paths = data_files(tmp_path, task, 10)
    samples = _tasks.build_samples(task, paths, 2)
    rng = random.Random(2)
    by_prompt = {sample.prompt: answer(rng, sample) for sample in samples}

    class Sampler(reference.Sampler):
        def __call__(self, messages: list[dict[str, str]]) -> reference.SamplerResponse:
            return reference.SamplerResponse(by_prompt[messages[0]["content"]], messages, {})

    with mock.patch.dict(os.environ):
        os.environ.pop("debug", None)
        result = reference.build(task, paths, 2)(Sampler([]))
    assert score(samples, [by_prompt[sample.prompt] for sample in samples]) == result.score
