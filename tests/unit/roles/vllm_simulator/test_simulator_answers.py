from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, build_samples, grade
from simulator.answers import MARKS, Model, Prompt, limit
from simulator.configuration import Target, parse_configuration
from simulator.latent import Cell, LatentError, easiness
from simulator.questions import load_key

DEMO = Path(__file__).resolve().parents[4] / "inventories" / "demo" / "files"
DATA = {
    "gpqa": [str(DEMO / "gpqa_demo.csv")],
    "aime25": [str(DEMO / "aime25_demo-1.jsonl"), str(DEMO / "aime25_demo-2.jsonl")],
}
EFFORTS = ("low", "medium", "high")
# The scores seen on B200 (DESIGN: the original results).
ORIGINAL = {
    "20b": {"gpqa": (889, 1006, 1142), "aime25": (84, 179, 207)},
    "120b": {"gpqa": (1029, 1114, 1256), "aime25": (126, 178, 220)},
}


def make_model(**settings: Any) -> Model:
    configuration = parse_configuration({"data": DATA, **settings})
    return Model(configuration, load_key(configuration.data))


def exactly(counts: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    return {task: {effort: {"correct": n} for effort, n in zip(EFFORTS, row)} for task, row in counts.items()}


def ask(sample: Sample, effort: str, request_id: str | None = None) -> Prompt:
    name = sample.request_id if request_id is None else request_id
    return Prompt(sample.prompt, effort, 131072, name, f"{effort} {sample.prompt}".encode())


def reply(model: Model, prompt: Prompt) -> str:
    return str(model.generate(prompt, model.identify(prompt)).content)


def right(model: Model, samples: Sequence[Sample], effort: str) -> int:
    grades = [grade(sample.task, sample.target, reply(model, ask(sample, effort))) for sample in samples]
    assert all(item.parsed for item in grades), "a reply was not understood without a doubt"
    return sum(item.score == 1.0 for item in grades)


@pytest.fixture(scope="module")
def samples() -> Iterator[dict[str, list[Sample]]]:
    yield {task: build_samples(task, paths, 8) for task, paths in DATA.items()}


@pytest.mark.parametrize("size", sorted(ORIGINAL))
def test_the_twelve_original_scores_come_out_exactly(size: str, samples: dict[str, list[Sample]]) -> None:
    model = make_model(seed=11, answers=exactly(ORIGINAL[size]))
    for task, counts in ORIGINAL[size].items():
        assert tuple(right(model, samples[task], effort) for effort in EFFORTS) == counts


def test_the_order_of_requests_changes_nothing(samples: dict[str, list[Sample]]) -> None:
    settings = {"answers": {"gpqa": {"low": {"accuracy": 0.6}}}}
    some = samples["gpqa"][:300]
    shuffled = random.Random(5).sample(some, len(some))
    model, other = make_model(**settings), make_model(**settings)
    forward = {sample.request_id: reply(model, ask(sample, "low")) for sample in some}
    backward = {sample.request_id: reply(other, ask(sample, "low")) for sample in shuffled}
    assert forward == backward


def test_accuracy_is_met_on_average(samples: dict[str, list[Sample]]) -> None:
    shares = []
    for seed in range(6):
        model = make_model(seed=seed, answers={"gpqa": {"medium": {"accuracy": 0.635}}})
        key = load_key(DATA)
        questions = [key.get("gpqa", index) for index in range(198)]
        found = [model.is_right(item, "medium", repeat) for item in questions if item for repeat in range(8)]
        shares.append(sum(found) / len(found))
    assert sum(shares) / len(shares) == pytest.approx(0.635, abs=0.01)
    assert max(shares) - min(shares) > 0


@pytest.mark.parametrize(
    ("target", "drop", "low", "high"),
    [
        (Target(correct=1000), 0.10, 842, 842),
        (Target(correct=100), 0.10, 0, 0),
        (Target(accuracy=0.7), 0.10, 890, 1010),
        (Target(accuracy=1.0), 0.0, 1584, 1584),
        (Target(accuracy=0.0), 0.0, 0, 0),
        (Target(correct=1584), 0.0, 1584, 1584),
        (Target(correct=0), 0.0, 0, 0),
    ],
)
def test_a_drop_lowers_the_accuracy(target: Target, drop: float, low: int, high: int) -> None:
    cell = Cell(3, "gpqa", "high", 198, 8).aim(target, drop)
    assert low <= sum(cell.is_right(question, repeat) for question in range(198) for repeat in range(8)) <= high


def test_servers_find_the_same_questions_hard() -> None:
    def by_question(seed: int) -> list[int]:
        cell = Cell(seed, "gpqa", "low", 198, 8).aim(Target(accuracy=0.6))
        return [sum(cell.is_right(question, repeat) for repeat in range(8)) for question in range(198)]

    first, second = by_question(1), by_question(2)
    assert first != second
    order = sorted(range(198), key=lambda question: easiness("gpqa", question))
    for counts in (first, second):
        assert sum(counts[question] for question in order[:60]) < 0.4 * sum(
            counts[question] for question in order[-60:]
        )


def test_hashes_are_the_same_on_every_machine() -> None:
    assert [round(easiness("gpqa", question), 6) for question in range(3)] == [-0.949909, -0.127319, 1.158175]


def test_more_right_answers_than_samples_are_refused() -> None:
    with pytest.raises(LatentError, match="241 right answers.*30 questions x 8 repeats give 240"):
        Cell(0, "aime25", "low", 30, 8).aim(Target(correct=241))


def test_without_a_request_id_the_question_is_found_by_its_text(samples: dict[str, list[Sample]]) -> None:
    model = make_model()
    for task in DATA:
        for sample in samples[task][:: 17 if task == "gpqa" else 3]:
            found = model.identify(ask(sample, "low", request_id=""))
            assert found.question is not None
            assert (found.question.task, found.question.index) == (task, sample.question)
            assert grade(task, sample.target, reply(model, ask(sample, "low", request_id="abc"))).score == 1.0


def test_counting_by_arrival_gives_exact_counts_without_request_ids(samples: dict[str, list[Sample]]) -> None:
    model = make_model(answers=exactly({"gpqa": (889, 0, 0), "aime25": (84, 0, 0)}), repeat_by="arrival")
    for task, count in (("gpqa", 889), ("aime25", 84)):
        mixed = random.Random(1).sample(samples[task], len(samples[task]))
        grades = [grade(task, item.target, reply(model, ask(item, "low", request_id=""))).score for item in mixed]
        assert sum(grades) == count


def test_a_multiple_choice_task_is_answered_from_its_letters(tmp_path: Path) -> None:
    path = tmp_path / "mmlu.csv"
    rows = "".join(f"What is {n}?,{n},{n + 1},{n},{n + 2},{'ABCD'[n % 4]}\n" for n in range(40))
    path.write_text(f"Question,A,B,C,D,Answer\n{rows}")
    samples = build_samples("mmlu", [str(path)], 2)
    answers = {"mmlu": {"low": {"correct": 50}, "high": {"accuracy": 1.0}}}
    model = make_model(data={"mmlu": [str(path)]}, answers=answers, repeats=2)
    assert (right(model, samples, "low"), right(model, samples, "high")) == (50, 80)
    found = model.identify(ask(samples[5], "low", request_id="")).question
    assert found is not None
    assert (found.task, found.index) == ("mmlu", 5)


def test_wrong_replies_choose_another_answer(samples: dict[str, list[Sample]]) -> None:
    wrong = {"gpqa": {"low": {"accuracy": 0.0}}, "aime25": {"low": {"accuracy": 0.0}}}
    model = make_model(answers=wrong)
    letters = {
        grade("gpqa", sample.target, reply(model, ask(sample, "low"))).extracted for sample in samples["gpqa"][:99]
    }
    assert letters == {"A", "B", "C", "D"}
    assert all(right(model, samples[task], "low") == 0 for task in DATA)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
def test_no_chance_makes_a_wrong_reply_right(
    chance: float, samples: dict[str, list[Sample]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(answers={task: {"low": {"accuracy": 0.0}} for task in DATA})
    monkeypatch.setattr("simulator.answers.unit", lambda *_parts: chance)
    assert right(model, samples["aime25"][:30], "low") == right(model, samples["gpqa"][:30], "low") == 0


def test_thinking_grows_with_the_effort(samples: dict[str, list[Sample]]) -> None:
    model = make_model()
    for sample in samples["gpqa"][:198] + samples["aime25"][:30]:
        prompts = [ask(sample, effort) for effort in EFFORTS]
        low, medium, high = (len(model.generate(item, model.identify(item)).reasoning) for item in prompts)
        assert low < medium < high


@pytest.mark.parametrize(
    ("question", "part"),
    [("What is the capital of France?", "Paris"), ("Say hello.", "simulated reply")],
)
def test_other_prompts(question: str, part: str) -> None:
    model = make_model()
    prompt = Prompt(question, "medium", None, "", b"body")
    assert model.identify(prompt).name.startswith("other/")
    assert part in reply(model, prompt)


@pytest.mark.parametrize(
    ("max_tokens", "thought", "said", "reason", "tokens"),
    [
        (None, 5, "one two three", "stop", 8 + MARKS),
        (8 + MARKS, 5, "one two three", "stop", 8 + MARKS),
        (7 + MARKS, 5, "one two", "length", 7 + MARKS),
        (5, 2, "", "length", 5),
        (1, 0, "", "length", 1),
    ],
)
def test_the_token_limit_cuts(max_tokens: int | None, thought: int, said: str, reason: str, tokens: int) -> None:
    made = limit(["a", "b", "c", "d", "e"], "one two three", 70, max_tokens)
    assert (len(made.reasoning), made.content, made.finish_reason, made.completion_tokens) == (
        thought,
        said,
        reason,
        tokens,
    )
