from __future__ import annotations

import html
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._allresults import (
    AllResultsError,
    Name,
    match,
    parse_name,
    read_document,
    repeats,
    score_row,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, build_samples

ABOUT = {"server": "one", "model": "m", "task": "gpqa", "reasoning_effort": "low", "sampler": "responses"}


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (tmp_path / "gpqa.csv").write_text(head + "".join(f"<Q{n}>?,a & b{n},b{n},c{n},d{n}\n" for n in range(5)))
    return build_samples("gpqa", [str(tmp_path / "gpqa.csv")], 4)


def page(target: str, score: float) -> str:
    """As the harness's template renders it; the reply may speak of scores itself, but is escaped."""
    reply = html.escape("<p>Score: 7.0</p>")
    return (
        f"\n<h3>Prompt conversation</h3>\n{reply}\n<h3>Results</h3>\n<p>Correct Answer: {target}</p>\n"
        f"<p>Extracted Answer: X</p>\n<p>Score: {score}</p>"
    )


def document(samples: list[Sample], reply: Callable[[Sample], str], right: Callable[[Sample], bool]) -> dict[str, Any]:
    """A result file of these samples, in the order in which replies came."""
    shuffled = random.Random(3).sample(samples, len(samples))
    scores = [1.0 if right(sample) else 0.0 for sample in shuffled]
    return {
        "score": sum(scores) / len(scores),
        "metrics": {"chars": 9.0, "chars:std": 0.0, "score:std": 0.5},
        "convos": [
            [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": reply(sample)}]
            for sample in shuffled
        ],
        "htmls": [page(sample.target, score) for sample, score in zip(shuffled, scores)],
        "metadata": {"example_level_metadata": [None] * len(scores)},
    }


def even(sample: Sample) -> bool:
    return sample.question % 2 == 0


def letter(sample: Sample) -> str:
    other = "A" if sample.target != "A" else "B"
    return f"Answer: {sample.target if even(sample) else other}"


def test_each_reply_finds_its_question_whatever_the_order(samples: list[Sample]) -> None:
    results = match(document(samples, letter, even), samples)
    assert {(r.sample.question, r.sample.repeat) for r in results} == {(s.question, s.repeat) for s in samples}
    assert all(result.text == letter(result.sample) for result in results)
    row = score_row(results, ABOUT, 0.02)
    assert row["outcomes"] == [[4, 4], [0, 4], [4, 4], [0, 4], [4, 4]]
    assert (row["score"], row["n_correct"], row["n_wrong"], row["n_samples"]) == (0.6, 12, 8, 20)
    assert (row["engine"], row["verdict"], row["reason"], row["complete"]) == ("reference", None, "", True)
    # What such a file does not tell is not told as zero.
    assert [row[name] for name in ("tokens", "n_truncated", "seconds")] == [None, None, None]


def test_empty_replies_are_wrong_to_the_score_and_make_it_void(samples: list[Sample]) -> None:
    empty = document(samples, lambda sample: letter(sample) if even(sample) else "", even)
    row = score_row(match(empty, samples), ABOUT, 0.02)
    assert (row["score"], row["n_unparsed"], row["n_empty"], row["verdict"]) == (0.6, 8, 8, "void")
    assert "8 of 20 replies are empty" in row["reason"]
    assert score_row(match(empty, samples), ABOUT, 0.4)["verdict"] is None


def test_the_files_score_holds_and_another_grade_is_told(samples: list[Sample]) -> None:
    row = score_row(match(document(samples, letter, lambda _sample: True), samples), ABOUT, 0.02)
    assert row["score"] == 1.0
    assert "score of 8 of 20 replies is not what gpt_oss.evals 0.0.9 gives" in row["reason"]


def test_the_same_file_is_the_same_eval(samples: list[Sample]) -> None:
    results = match(document(samples, letter, even), samples)
    first, again = (score_row(results, ABOUT, 0.02)["identity"] for _time in range(2))
    assert first == again != score_row(results, {**ABOUT, "reasoning_effort": "high"}, 0.02)["identity"]


def spoil(found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**found, **changes}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: spoil(d, score=0.61), "wanted the mean of the 20 single scores, 0.6, as the score, found 0.61"),
        (lambda d: spoil(d, score=None), "found None"),
        (lambda d: spoil(d, convos=[[{"content": "What?"}, {"content": ""}], *d["convos"][1:]]), "asks what the data"),
        (lambda d: spoil(d, **{name: [d[name][1], *d[name][1:]] for name in ("convos", "htmls")}), "or more often"),
        (lambda d: spoil(d, htmls=[page("E", 1.0), *d["htmls"][1:]]), "found E; give the data set"),
        (lambda d: spoil(d, htmls=["<p>nothing</p>", *d["htmls"][1:]]), "result 1 has not the shape"),
        (lambda d: spoil(d, convos=["hello", *d["convos"][1:]]), "result 1 has not the shape"),
    ],
)
def test_another_data_set_or_a_damaged_file_is_refused(
    samples: list[Sample], change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    if "more often" in told:  # only where no two prompts are the same
        samples = [sample for sample in samples if sample.repeat == 0]
    with pytest.raises(AllResultsError, match=told):
        match(change(document(samples, letter, even)), samples)


def test_the_number_of_repeats_is_counted() -> None:
    assert repeats({"convos": [[]] * 40}, 5) == 8
    with pytest.raises(AllResultsError, match="wanted a multiple of 5 results"):
        repeats({"convos": [[]] * 41}, 5)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"score": 0.5}', '{"convos": [[]], "htmls": []}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(AllResultsError, match=r"x\.json"):
        read_document(str(tmp_path / "x.json"))
    with pytest.raises(AllResultsError, match="No such file"):
        read_document(str(tmp_path / "y.json"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (
            "/tmp/gpqa_openai__gpt-oss-20b-low_temp1.0_20250820_101500_allresults.json",
            Name("gpqa", "openai/gpt-oss-20b", "low", 1.0),
        ),
        (
            "aime25_gpt-oss-120b-high_temp0.6_20250820_101500_DEBUG_allresults.json",
            Name("aime25", "gpt-oss-120b", "high", 0.6),
        ),
        ("gpqa_openai__gpt-oss-20b-low_temp1.0_20250820_101500.json", None),
        ("results.json", None),
    ],
)  # fmt: skip
def test_a_files_name_tells_what_was_asked(path: str, name: Name | None) -> None:
    assert parse_name(path) == name


def test_a_document_is_read_as_it_was_written(tmp_path: Path, samples: list[Sample]) -> None:
    written = document(samples, letter, even)
    (tmp_path / "x.json").write_text(json.dumps(written, indent=2))
    assert read_document(str(tmp_path / "x.json")) == written
