from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import (
    Cell,
    build_cells,
    cell_state,
    load_data,
    prompt_dates,
    score_row,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec, SpecError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import (
    ServerFacts,
    build_identity,
    differences,
    file_sha256,
    identity_sha256,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalWriter, read_journal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark

FACTS = ServerFacts("0.1", False, 4096, None)
CONTAINER = {
    "id": "1", "image": "vllm:1", "image_digest": "sha256:a", "arguments": ["m", "--port", "8000"],
    "environment": {"A": "1"}, "started_at": "2026-01-01", "running": True,
}  # fmt: skip


def params(folder: Path, **changes: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    given = {
        "server": "one", "base_url": "http://127.0.0.1:8000/v1", "model": "m", "run_path": str(folder),
        "tasks": ["gpqa"], "reasoning_efforts": ["low"], "n_repeats": 2, "data": {"gpqa": [str(folder / "gpqa.csv")]},
    }  # fmt: skip
    return {**defaults, **given, **changes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (tmp_path / "gpqa.csv").write_text(head + "".join(f"Q{n}?,a{n},b{n},c{n},d{n}\n" for n in range(5)))
    return tmp_path


def one_cell(folder: Path, **changes: Any) -> tuple[EvalSpec, Cell]:
    spec = EvalSpec.from_params(params(folder, **changes))
    return spec, build_cells(spec, load_data(spec), FACTS)[0]


def ask(cell: Cell, outcomes: list[str]) -> None:
    """Journal the first samples of a cell with these outcomes."""
    writer = JournalWriter(cell.journal)
    contents = read_journal(cell.journal, cell.sha256)
    writer.open(contents, {"identity": cell.identity, "sha256": cell.sha256, "created": "2026-01-01T00:00:00Z"})
    for sample, outcome in zip(cell.samples, outcomes):
        writer.add(
            {"question": sample.question, "repeat": sample.repeat, "outcome": outcome, "finished": 9, "seconds": 1}
        )
    writer.close()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"concurrency": -2}, "concurrency is -2, wanted at least 1, or 0"),
        ({"n_repeats": 0}, "n_repeats is 0"),
        ({"replicas": [{"base_url": "ftp://x"}]}, "'ftp://x' is no http"),
        ({"replicas": [{"base_url": "http://127.0.0.1:8000/v1/"}]}, "have the same address"),
        ({"replicas": [{"base_url": "http://b/v1", "container": "c"}]}, "some have a container and some have none"),
        ({"through_repeat": 0}, "through_repeat is 0, wanted 1 to n_repeats .2., or none for all"),
        ({"through_repeat": 3}, "through_repeat is 3, wanted 1 to n_repeats"),
        ({"examples": 0}, "examples is 0"),
        ({"tasks": ["gqpa"], "data": {"gqpa": ["x"]}}, "unknown task.s. gqpa, wanted some of gpqa, aime25, mmlu"),
        ({"subset": 0}, "subset is 0"),
        ({"subset": 2, "examples": 2}, "examples and subset are both given"),
        ({"max_attempts": 0}, "max_attempts is 0"),
        ({"restart_server": True}, "restart_server is set without container"),
        ({"request_timeout": 0.0}, "request_timeout is 0 s"),
        ({"server": "a/b"}, "cannot name a folder"),
        ({"server": ".."}, "cannot name a folder"),
        ({"tasks": []}, "tasks is empty"),
        ({"tasks": ["gpqa", "aime25"]}, "data has no files for task aime25; give data.aime25"),
        ({"concurrency": -1, "max_tokens": 0}, "concurrency is -1.*; max_tokens is 0"),
        ({"base_url": "localhost:8000"}, "no http"),
    ],
)
def test_senseless_parameters_are_refused(folder: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(SpecError, match=match):
        EvalSpec.from_params(params(folder, **changes))


def test_a_single_file_may_be_given_without_a_list(folder: Path) -> None:
    spec = EvalSpec.from_params(params(folder, data={"gpqa": str(folder / "gpqa.csv")}))
    assert spec.data == {"gpqa": [str(folder / "gpqa.csv")]}


def test_bad_data(folder: Path) -> None:
    wanted = "0" * 64
    with pytest.raises(SpecError, match=f"wanted sha256 {wanted}, found {file_sha256(str(folder / 'gpqa.csv'))}"):
        load_data(EvalSpec.from_params(params(folder, data_sha256={"gpqa": [wanted]})))
    with pytest.raises(SpecError, match="cannot read a data file of gpqa.*nowhere"):
        load_data(EvalSpec.from_params(params(folder, data={"gpqa": ["/nowhere"]})))
    (folder / "gpqa.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="gpqa.csv"):
        load_data(EvalSpec.from_params(params(folder)))


def test_the_right_sha256_passes(folder: Path) -> None:
    right = file_sha256(str(folder / "gpqa.csv"))
    assert load_data(EvalSpec.from_params(params(folder, data_sha256={"gpqa": [right]})))["gpqa"].sha256 == [right]


def test_cells_are_task_by_effort(folder: Path) -> None:
    spec = EvalSpec.from_params(params(folder, reasoning_efforts=["high", "low"]))
    cells = build_cells(spec, load_data(spec), FACTS)
    assert [(cell.task, cell.effort) for cell in cells] == [("gpqa", "high"), ("gpqa", "low")]
    assert cells[0].journal == str(folder / "one" / f"gpqa-high-{cells[0].sha256[:12]}.jsonl")
    assert len({cell.sha256 for cell in cells}) == 2


SAME = {
    "through_repeat": 1, "data_origins": {"gpqa": ["http://a/b.csv"]},
    "concurrency": 7, "request_timeout": 1.0, "max_invalid": 0.5, "run_path": "/x",
    "server": "two", "timeout": 1.0,
}  # fmt: skip
OTHER = {
    "model": "n", "sampler": "chat_completions", "temperature": 0.5, "max_tokens": 5, "n_repeats": 3, "examples": 1,
    "revision": "r", "base_url": "http://127.0.0.1:9/v1",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*SAME.items(), *OTHER.items()])
def test_identity_of_parameters(folder: Path, name: str, value: Any) -> None:
    def digest(**changes: Any) -> str:
        spec = EvalSpec.from_params(params(folder, **changes))
        return identity_sha256(build_identity(spec, FACTS, "gpqa", "low", ["d"]))

    assert (digest(**{name: value}) == digest()) == (name in SAME)


@pytest.mark.parametrize(
    ("facts", "same"),
    [
        ({}, True),
        ({"container": {**CONTAINER, "id": "2", "started_at": "2027", "image": "vllm:latest"}}, True),
        ({"container": {**CONTAINER, "image_digest": "sha256:b"}}, False),
        ({"container": {**CONTAINER, "arguments": ["m"]}}, False),
        ({"container": {**CONTAINER, "environment": {"A": "2"}}}, False),
        ({"container": {**CONTAINER, "revision": "b5c939d"}}, False),
        ({"container": {**CONTAINER, "weights": {"commit": "c", "sha256": "f"}}}, False),
        ({"container": {**CONTAINER, "weights": None}}, True),
        ({"vllm_version": "0.2"}, False),
        ({"max_model_len": 8192}, False),
    ],
)
def test_identity_of_servers(folder: Path, facts: dict[str, Any], same: bool) -> None:
    spec = EvalSpec.from_params(params(folder))
    before = FACTS._replace(container=CONTAINER)
    assert (before._replace(**facts).identity(spec) == before.identity(spec)) is same


def test_replicas_have_one_identity_wherever_they_are(folder: Path) -> None:
    spec = EvalSpec.from_params(params(folder, replicas=[{"base_url": "http://127.0.0.1:9/v1", "container": None}]))
    first = {"arguments": ["m", "--port", "1"], "environment": {"A": "1", "CUDA_VISIBLE_DEVICES": "0"}}
    second = {"arguments": ["m", "--port=2"], "environment": {"A": "1", "CUDA_VISIBLE_DEVICES": "1"}}
    one, two = (FACTS._replace(container={**CONTAINER, **place}).identity(spec) for place in (first, second))
    assert one == two
    assert (one["arguments"], one["environment"]) == (["m"], {"A": "1"})
    alone = EvalSpec.from_params(params(folder))
    one, two = (FACTS._replace(container={**CONTAINER, **place}).identity(alone) for place in (first, second))
    assert differences(one, two) == ["arguments", "environment"]


def test_weights_that_were_verified_meanwhile_are_no_other_weights() -> None:
    first = {"image": "i", "weights": {"commit": "c", "sha256": "f"}}
    assert differences(first, {"image": "i"}) == differences({"image": "i"}, first) == []
    assert differences(first, {"image": "i", "weights": {"commit": "c", "sha256": "g"}}) == ["weights"]


def test_a_container_may_move_to_another_port(folder: Path) -> None:
    facts = FACTS._replace(container=CONTAINER)
    moved = EvalSpec.from_params(params(folder, base_url="http://127.0.0.1:9/v1"))
    assert facts.identity(moved) == facts.identity(EvalSpec.from_params(params(folder)))


@pytest.mark.parametrize(
    ("outcomes", "done", "to_ask"),
    [
        ([], 0, 10),
        (["correct", "wrong", "refused", "truncated", "unparsed"], 5, 5),
        (["correct", "error", "timeout"], 1, 9),
        (["wrong"] * 10, 10, 0),
    ],
)
def test_what_is_left_to_ask(folder: Path, outcomes: list[str], done: int, to_ask: int) -> None:
    spec, cell = one_cell(folder)
    ask(cell, outcomes)
    state = cell_state(cell, spec)
    assert (state.done, state.to_ask, state.row, state.finished) == (done, to_ask, None, False)


@pytest.mark.parametrize(
    ("outcomes", "max_invalid", "verdict", "finished", "to_ask"),
    [
        (["correct"] * 10, 0.0, None, True, 0),
        (["correct"] * 9 + ["error"], 0.1, None, True, 0),
        (["correct"] * 8 + ["error", "timeout"], 0.1, "void", False, 2),  # what may pass is asked again
        (["correct"] + ["refused"] * 9, 0.1, "void", True, 0),  # a refusal will not
        (["refused"] * 10, 0.1, "void", False, 10),  # unless all were refused: then it was the server or the request
    ],
)
def test_a_scored_cell(
    folder: Path, outcomes: list[str], max_invalid: float, verdict: str | None, finished: bool, to_ask: int
) -> None:
    spec, cell = one_cell(folder, max_invalid=max_invalid)
    ask(cell, outcomes)
    contents = read_journal(cell.journal, cell.sha256)
    cell.score_path.write_text(json.dumps(score_row(cell, spec, FACTS, contents)))
    state = cell_state(cell, spec)
    assert state.row is not None
    assert (state.row["verdict"], state.finished, state.to_ask) == (verdict, finished, to_ask)
    assert state.row["finished"] == "1970-01-01T00:00:09Z"
    assert state.row["questions"] is None


def test_a_foreign_or_broken_score_does_not_count(folder: Path) -> None:
    spec, cell = one_cell(folder)
    cell.score_path.parent.mkdir()
    for text in ("", "{}", json.dumps({"identity": "other", "complete": True})):
        cell.score_path.write_text(text)
        assert cell_state(cell, spec).row is None


def test_a_subset_names_its_questions(folder: Path) -> None:
    spec, cell = one_cell(folder, examples=2)
    row = score_row(cell, spec, FACTS, read_journal(cell.journal, cell.sha256))
    assert len(row["questions"]) == len(row["outcomes"]) == row["n_questions"] == 2
    assert row["n_samples"] == 4


def test_each_option_has_its_field() -> None:
    assert set(ARGUMENT_SPEC) - {"state", "timeout"} == set(EvalSpec.__dataclass_fields__)


@pytest.mark.parametrize(
    ("outcomes", "asked_again"),
    [
        (["correct", "refused", "error"], 1),
        (["refused", "refused", "timeout"], 3),
    ],
)
def test_refusals_are_asked_again_where_all_were_refused(folder: Path, outcomes: list[str], asked_again: int) -> None:
    spec, cell = one_cell(folder)
    ask(cell, outcomes)
    assert cell_state(cell, spec).done == len(outcomes) - asked_again


def test_the_dates_in_the_prompts_are_told(folder: Path) -> None:
    marks = [Mark("correct", 1, 1, 1, day * 86400.0, day * 86400.0 + 5, "") for day in (20000, 20001, 20001)]
    assert prompt_dates(FACTS, [*marks, Mark("error", 0, 0, 0, 0.0, 1.0)]) == ["2024-10-04", "2024-10-05"]
    pinned = FACTS._replace(container={**CONTAINER, "environment": {"VLLM_SYSTEM_START_DATE": "2025-08-05"}})
    assert prompt_dates(pinned, marks) == ["2025-08-05"]


def test_the_first_repeats_have_a_row_of_their_own_in_the_journal_of_all(folder: Path) -> None:
    spec, whole = one_cell(folder)
    stopping, first = one_cell(folder, through_repeat=1)
    assert (first.journal, first.sha256) == (whole.journal, whole.sha256)
    assert first.score_path != whole.score_path
    ask(whole, ["correct"] * 4 + ["wrong"] * 6)
    assert (cell_state(first, stopping).to_ask, cell_state(first, stopping).done) == (0, 5)
    row = score_row(first, stopping, FACTS, first.read())
    told = ("n_samples", "n_measured", "n_correct", "n_repeats", "through_repeat", "stopped", "complete")
    assert [row[name] for name in told] == [5, 5, 4, 2, 1, True, True]
    assert row["repeat_scores"] == [0.8]
    row = score_row(whole, spec, FACTS, whole.read())
    assert [row[name] for name in told] == [10, 10, 4, 2, 2, False, True]


def test_all_repeats_are_the_whole_eval(folder: Path) -> None:
    _spec, cell = one_cell(folder, through_repeat=2)
    assert cell == one_cell(folder)[1]
