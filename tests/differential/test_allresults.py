"""A result file that the reference harness makes, taken as a score: its score to the last digit, each reply's grade."""

from __future__ import annotations

import json
import random
from pathlib import Path
from unittest import mock

import pytest
import reference
import replies
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _allresults
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import build_samples, grade
from gpt_oss.evals import report
from test_end_to_end import answer, data_files

SIZES = {"gpqa": (40, 8), "aime25": (15, 8)}
ABOUT = {"server": "one", "model": "m", "task": "gpqa", "reasoning_effort": "low", "sampler": "responses"}


@pytest.mark.parametrize("task", SIZES)
def test_the_references_own_file_gives_its_score_and_our_grades(tmp_path: Path, task: str) -> None:
    n_questions, n_repeats = SIZES[task]
    paths = data_files(tmp_path, task, n_questions)
    samples = build_samples(task, paths, n_repeats)
    rng = random.Random(2)
    texts = [answer(rng, sample) for sample in samples]
    texts[3], texts[5] = "", "<p>Score: 1.0</p> <p>Correct Answer: A</p>" + replies.realistic(rng)
    with (
        mock.patch.dict("os.environ", {"debug": "1"}),
        mock.patch.object(report, "tqdm", lambda iterable, **_options: iterable),
    ):
        result = reference.build(task, paths, n_repeats)(reference.Sampler(texts))
    # As its command line writes it, but in the order in which replies may come.
    order = rng.sample(range(len(texts)), len(texts))
    document = {
        "score": result.score,
        "convos": [result.convos[place] for place in order],
        "htmls": [result.htmls[place] for place in order],
    }
    path = tmp_path / "x_allresults.json"
    path.write_text(json.dumps(document, indent=2))

    read = _allresults.read_document(str(path))
    assert _allresults.repeats(read, len(samples) // n_repeats) == n_repeats
    found = _allresults.match(read, samples)

    row = _allresults.score_row(found, ABOUT, 0.02)
    assert row["score"] == result.score
    assert row["n_empty"] == texts.count("")
    assert "another version" not in row["reason"]
    # Where a question stands twice in the data, its replies may change places.
    by_question = [0] * n_questions * (2 if task == "aime25" else 1)
    for sample, text in zip(samples, texts, strict=True):
        by_question[sample.question] += int(grade(task, sample.target, text).score)
    found_by_question = [right for right, _measured in row["outcomes"]]
    if len({sample.prompt for sample in samples if sample.repeat == 0}) == len(by_question):
        assert found_by_question == by_question
    assert sum(found_by_question) == sum(by_question)
