"""The same files, the same requests: prompts, permutations, right answers and order against the reference's."""

from __future__ import annotations

import random
from pathlib import Path

import datasets
import pytest
import reference
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _tasks
from test_replies import SCALE, SEED

N_FILES = round(300 * SCALE)


def assert_same(task: str, paths: list[str], n_repeats: int, examples: int | None = None) -> None:
    evaluation = reference.build(task, paths, n_repeats, examples)
    _unused, wanted = reference.run(evaluation, [""] * len(evaluation.examples))
    found = _tasks.build_samples(task, paths, n_repeats, examples)
    assert [(s.prompt, s.target) for s in found] == [(row["prompt"], row["target"]) for row in wanted]
    assert [list(s.permutation) for s in found] == [row["permutation"] for row in evaluation.examples]


@pytest.mark.parametrize("n_repeats", [1, 3])
def test_gpqa_files(tmp_path: Path, n_repeats: int) -> None:
    rng = random.Random(f"gpqa {n_repeats} {SEED}")
    path = tmp_path / "gpqa.csv"
    for _unused in range(N_FILES):
        path.write_bytes(datasets.gpqa(rng))
        assert_same("gpqa", [str(path)], n_repeats)


@pytest.mark.parametrize("kind", [*datasets.KINDS, *datasets.LONG_KINDS])
def test_gpqa_files_of_one_kind(tmp_path: Path, kind: str) -> None:
    """All columns of one kind: where all are numbers, a row has one type."""
    rng = random.Random(f"{kind} {SEED}")
    path = tmp_path / "gpqa.csv"
    for _unused in range(N_FILES // 15):
        path.write_bytes(datasets.gpqa(rng, kinds=[kind]))
        assert_same("gpqa", [str(path)], 2)


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_aime_files(tmp_path: Path, n_repeats: int) -> None:
    rng = random.Random(f"aime {n_repeats} {SEED}")
    paths = [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    for _unused in range(N_FILES):
        for path in paths:
            path.write_bytes(datasets.aime_file(rng))
        assert_same("aime25", [str(path) for path in paths], n_repeats)


@pytest.mark.parametrize("examples", [1, 2, 5, 20, 21, 22, 50, 100, 197, 198])
def test_some_examples(tmp_path: Path, examples: int) -> None:
    """Above 21 or so random.sample draws in another way, so several sizes."""
    rng = random.Random(examples)
    gpqa, first, second = tmp_path / "gpqa.csv", tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    gpqa.write_bytes(datasets.gpqa(rng, 198))
    assert_same("gpqa", [str(gpqa)], 1, examples)
    first.write_bytes(datasets.aime_file(rng, 15))
    second.write_bytes(datasets.aime_file(rng, 15))
    assert_same("aime25", [str(first), str(second)], 1, min(examples, 30))


def test_lone_carriage_returns_end_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "gpqa.csv"
    path.write_bytes((",".join(datasets.COLUMNS) + "\r1,2,3,4,5\r6,7,8,9,10\r").encode())
    assert_same("gpqa", [str(path)], 2)


def test_questions_keep_their_number_in_a_subset(tmp_path: Path) -> None:
    path = tmp_path / "gpqa.csv"
    path.write_bytes((",".join(datasets.COLUMNS) + "\n" + "".join(f"q{n},a,b,c,d\n" for n in range(50))).encode())
    samples = _tasks.build_samples("gpqa", [str(path)], 2, 7)
    assert [s.prompt.split("\n")[0] for s in samples] == [f"q{s.question}" for s in samples]
    assert [s.question for s in samples[:7]] == [s.question for s in samples[7:]]
