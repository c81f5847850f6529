"""Samples: order, permutations, prompts and targets, as the reference makes them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _tasks

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "evals.jsonl"
HEADER = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"


def write(folder: Path, *contents: str) -> list[str]:
    paths = [folder / f"data-{number}" for number in range(len(contents))]
    for path, content in zip(paths, contents):
        path.write_bytes(content.encode())
    return [str(path) for path in paths]


def golden_evals() -> list[dict[str, Any]]:
    return [json.loads(line) for line in GOLDEN.read_text(encoding="ascii").splitlines()]


@pytest.mark.parametrize("row", golden_evals(), ids=lambda row: f"{row['task']}-{len(row['samples'])}")
def test_golden_evals(tmp_path: Path, row: dict[str, Any]) -> None:
    """Whole evals of the reference on made-up files with traps (tests/golden/make_golden.py)."""
    paths = write(tmp_path, *row["files"])
    samples = _tasks.build_samples(row["task"], paths, row["n_repeats"], row["examples"])
    grades = [_tasks.grade(row["task"], s.target, w["reply"]) for s, w in zip(samples, row["samples"])]
    found = [
        {
            "prompt": sample.prompt,
            "target": sample.target,
            "permutation": list(sample.permutation),
            "reply": wanted["reply"],
            "extracted": grade.extracted,
            "score": grade.score,
        }
        for sample, grade, wanted in zip(samples, grades, row["samples"])
    ]
    assert found == row["samples"]
    assert len(samples) == len(row["samples"])
    assert sum(grade.score for grade in grades) / len(grades) == row["score"]


def test_gpqa_order_and_permutations(tmp_path: Path) -> None:
    """Facts of the original eval: 198 questions, 8 repeats."""
    paths = write(tmp_path, HEADER + "".join(f"q{n},right{n},x,y,z\n" for n in range(198)))
    samples = _tasks.build_samples("gpqa", paths, 8)
    assert [s.permutation for s in samples[:3]] == [(3, 1, 0, 2), (3, 1, 2, 0), (2, 3, 0, 1)]
    assert Counter(s.target for s in samples) == {"A": 414, "B": 379, "C": 418, "D": 373}
    assert len({s.prompt for s in samples}) == 1_377
    assert [(s.repeat, s.question) for s in samples] == [(r, q) for r in range(8) for q in range(198)]
    assert [s.request_id for s in samples[196:200]] == ["gpqa/196/0", "gpqa/197/0", "gpqa/0/1", "gpqa/1/1"]
    assert samples[0].prompt == (
        "q0\n\n(A) z\n(B) x\n(C) right0\n(D) y\n\n"
        "Express your final answer as the corresponding option 'A', 'B', 'C', or 'D'."
    )
    assert samples[0].target == "C"


def test_examples_are_drawn_before_permutations(tmp_path: Path) -> None:
    paths = write(tmp_path, HEADER + "".join(f"q{n},right{n},x,y,z\n" for n in range(198)))
    samples = _tasks.build_samples("gpqa", paths, 2, examples=3)
    assert [s.request_id for s in samples] == [f"gpqa/{q}/{r}" for r in (0, 1) for q in (98, 194, 107)]
    assert [s.prompt.split("\n")[0] for s in samples] == ["q98", "q194", "q107"] * 2
    assert [s.permutation for s in samples[:2]] == [(0, 1, 2, 3), (2, 1, 3, 0)]
    assert _tasks.build_samples("gpqa", paths, 1, examples=0) == _tasks.build_samples("gpqa", paths, 1)


def test_a_wrong_choice_equal_to_the_right_one_can_be_the_target(tmp_path: Path) -> None:
    paths = write(tmp_path, HEADER + "q,same,x,y,same\n")
    (sample,) = _tasks.build_samples("gpqa", paths, 1)
    assert sample.permutation == (3, 1, 0, 2)  # the right answer is shown third, its double first
    assert sample.target == "A"


def test_aime_prompts_and_answers(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        '{"question": "What is {x}?", "answer": "070"}\n{"question": "b", "answer": "588"}\n',
        '{"question": "c", "answer": "336^\\\\circ"}\n{"question": "d", "answer": "16"}\n',
    )
    samples = _tasks.build_samples("aime25", paths, 2)
    assert [(s.question, s.repeat, s.target) for s in samples] == [
        (question, repeat, target) for repeat in (0, 1) for question, target in enumerate(("70", "588", "336", "16"))
    ]
    assert samples[0].prompt == (
        "\nWhat is {x}?\nPlease reason step by step, and put your final answer within \\boxed{}.\n"
    )
    assert samples[0].prompt == samples[4].prompt
    assert samples[0].permutation == (3, 1, 0, 2)
    assert samples[0].request_id == "aime25/0/0"


@pytest.mark.parametrize("answer", ["1.5", "true", '"none"', '""', '"-5 or 5"', '"x12"', f'"{"1" * 5000}"'])
def test_an_answer_that_is_no_integer_is_refused(tmp_path: Path, answer: str) -> None:
    paths = write(tmp_path, '{"question": "a", "answer": 1}\n', f'\n{{"question": "b", "answer": {answer}}}\n')
    with pytest.raises(_tasks.DatasetError, match=r"data-1, line 2: wanted an integer as answer.*Correct the line"):
        _tasks.build_samples("aime25", paths, 1)


@pytest.mark.parametrize(("task", "n_paths"), [("gpqa", 0), ("gpqa", 2), ("aime25", 1), ("aime25", 3)])
def test_a_wrong_number_of_files_is_refused(task: str, n_paths: int) -> None:
    with pytest.raises(_tasks.DatasetError, match=rf"wanted {_tasks.TASKS[task].n_files} data file.*found {n_paths}"):
        _tasks.build_samples(task, ["file"] * n_paths, 1)


@pytest.mark.parametrize("name", ["examples", "subset"])
@pytest.mark.parametrize("count", [3, -1])
def test_a_wrong_number_of_questions_is_refused(tmp_path: Path, name: str, count: int) -> None:
    paths = write(tmp_path, HEADER + "q,a,b,c,d\nq,a,b,c,d\n")
    wanted: dict[str, Any] = {name: count}
    with pytest.raises(_tasks.DatasetError, match=rf"gpqa, {name}: wanted {count} questions, found 2 .*Ask for 1 to 2"):
        _tasks.build_samples("gpqa", paths, 1, **wanted)


def test_a_subset_is_part_of_the_whole_eval(tmp_path: Path) -> None:
    paths = write(tmp_path, HEADER + "".join(f"q{n},right{n},x,y,z\n" for n in range(198)))
    whole = _tasks.build_samples("gpqa", paths, 8)
    part = _tasks.build_samples("gpqa", paths, 8, subset=20, subset_seed=7)
    kept = {sample.question for sample in part}
    assert (len(kept), len(part)) == (20, 160)
    assert part == [sample for sample in whole if sample.question in kept]
    # Written down: another Python, or another release of ours, must pick the same ones.
    assert sorted(_tasks.subset_questions(198, 5, 7)) == [12, 38, 82, 101, 166]


def test_a_larger_subset_holds_the_smaller_one() -> None:
    sizes = [_tasks.subset_questions(198, size, 1) for size in range(1, 199)]
    assert all(smaller < larger for smaller, larger in zip(sizes, sizes[1:]))
    assert _tasks.subset_questions(198, 20, 1) != _tasks.subset_questions(198, 20, 2)
    assert _tasks.subset_questions(198, None) == _tasks.subset_questions(198, 0) == frozenset(range(198))


def test_tasks_describe_the_official_data() -> None:
    described = {task.name: (task.n_questions, task.n_repeats, task.n_files) for task in _tasks.TASKS.values()}
    assert described == {"gpqa": (198, 8, 1), "aime25": (30, 8, 2), "mmlu": (14042, 1, 1)}
    for name, task in _tasks.TASKS.items():
        assert name == task.name
        assert all(url.startswith("https://") for url in task.default_sources)
        assert len(task.source_sha256) in (0, task.n_files)


def test_each_task_file_is_registered() -> None:
    folder = Path(_tasks.__file__).parent
    assert {path.stem for path in folder.glob("_task_*.py")} == {f"_task_{name}" for name in _tasks.TASKS}


MMLU_HEADER = ",Question,A,B,C,D,Answer,Subject\n"


def test_mmlu_shows_the_choices_as_they_stand(tmp_path: Path) -> None:
    paths = write(tmp_path, MMLU_HEADER + "0,What is 07?,07,None,1e3,,B,arithmetic\n1,And {x}?,a,b,c,d,D,logic\n")
    samples = _tasks.build_samples("mmlu", paths, 2)
    assert [sample.request_id for sample in samples] == ["mmlu/0/0", "mmlu/1/0", "mmlu/0/1", "mmlu/1/1"]
    assert samples[0].prompt == (
        "What is 07?\n\n(A) 07\n(B) None\n(C) 1e3\n(D) \n\n"
        "Express your final answer as the corresponding option 'A', 'B', 'C', or 'D'."
    )
    assert [(sample.target, sample.permutation) for sample in samples[:2]] == [("B", (0, 1, 2, 3)), ("D", (0, 1, 2, 3))]
    assert samples[1].prompt == samples[3].prompt
    assert _tasks.grade("mmlu", "D", "Answer: D").score == 1.0


@pytest.mark.parametrize("answer", ["E", "", "AB", "a"])
def test_an_answer_that_is_no_letter_is_refused(tmp_path: Path, answer: str) -> None:
    paths = write(tmp_path, f"{MMLU_HEADER}0,q,a,b,c,d,A,s\n\n1,q,a,b,c,d,{answer},s\n")
    with pytest.raises(_tasks.DatasetError, match=rf"data-0, line 4: wanted A, B, C or D as Answer, found '{answer}'"):
        _tasks.build_samples("mmlu", paths, 1)


def test_unknown_tasks_are_named() -> None:
    assert _tasks.unknown_tasks(["gpqa", "mmlu"]) == ""
    assert _tasks.unknown_tasks(["gpqa", "gqpa", "x"]) == ("unknown task(s) gqpa, x, wanted some of gpqa, aime25, mmlu")


def test_grade_belongs_to_the_task() -> None:
    assert _tasks.grade("gpqa", "C", "Answer: C").extracted == "C"
    assert _tasks.grade("aime25", "3", "C 3").extracted == "3"
