"""The key sets below are those of lm_eval 0.4.13 and inspect_ai 0.3.285, whose own readers read these files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _allresults
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import (
    ExportError,
    Run,
    json_lines,
    read_run,
    write_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_inspect import inspect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_lm_eval import lm_eval
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_reference import gpt_oss_evals
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import file_sha256, identity_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, build_samples, grade
from ansible_collections.gpt_oss.fleet.plugins.modules import eval_export

RESULTS_KEYS = {
    "results", "groups", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "samples",
    "config", "git_hash", "date", "pretty_env_info", "transformers_version", "lm_eval_version", "upper_git_hash",
    "tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token", "eot_token_id", "max_length", "model_source",
    "model_name", "model_name_sanitized", "system_instruction", "system_instruction_sha", "fewshot_as_multiturn",
    "chat_template", "chat_template_sha", "task_hashes", "total_evaluation_time_seconds",
}  # fmt: skip
SAMPLE_KEYS = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash", "exact_match",
}  # fmt: skip
LOG_KEYS = {"version", "status", "eval", "plan", "results", "stats", "error", "samples"}
LOG_SAMPLE_KEYS = {
    "id", "epoch", "input", "target", "messages", "output", "scores", "metadata", "store", "events", "model_usage",
    "completed_at", "total_time", "working_time", "attachments", "error",
}  # fmt: skip


def data_file(folder: Path) -> str:
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (folder / "gpqa.csv").write_text(head + "".join(f"<Q{n}> ü?,a{n},b{n},c{n},d{n}\n" for n in range(5)))
    return str(folder / "gpqa.csv")


def journal(folder: Path, outcomes: dict[tuple[int, int], str], effort: str = "low") -> str:
    """Write a journal whose replies are right for even questions, in random order, with two lines for one sample."""
    data = data_file(folder)
    identity = {
        "model": "openai/m", "task": "gpqa", "data_sha256": [file_sha256(data)], "reasoning_effort": effort,
        "sampler": "responses", "temperature": 1.0, "max_tokens": 100, "n_repeats": 4, "examples": None,
    }  # fmt: skip
    samples = build_samples("gpqa", [data], 4)
    header = {"identity": identity, "sha256": identity_sha256(identity), "created": "2026-01-02T03:04:05Z"}
    first = {"question": 0, "repeat": 0, "outcome": "error", "error": "reset", "finished": 1.0}
    rows = [row(sample, outcomes.get((sample.question, sample.repeat))) for sample in samples]
    lines = [header, {"event": "epoch"}, first, *random.Random(1).sample(rows, len(rows))]
    path = folder / f"gpqa-{effort}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"question": 1, "rep')
    return str(path)


def row(sample: Sample, outcome: str | None) -> dict[str, Any]:
    common = {
        "question": sample.question, "repeat": sample.repeat, "permutation": list(sample.permutation),
        "target": sample.target, "finished": 1767323100.0 + sample.repeat, "seconds": 2.0, "attempts": 1,
    }  # fmt: skip
    if outcome:
        return {**common, "outcome": outcome, "score": None, "error": "HTTP 400: no"}
    right = sample.question % 2 == 0
    text = f"Hm <b> ü \ud800\nAnswer: {sample.target if right else 'A' if sample.target != 'A' else 'B'}"
    found = grade("gpqa", sample.target, text)
    return {
        **common, "outcome": "correct" if right else "wrong", "score": found.score, "extracted": found.extracted,
        "parsed": found.parsed, "text": text, "finish_reason": "length" if sample.question == 4 else "stop",
        "prompt_tokens": 10, "completion_tokens": 20, "reasoning_tokens": 15,
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(journal(tmp_path, {(1, 2): "refused"}), {"gpqa": [data_file(tmp_path)]})


def test_a_journal_is_read_with_its_prompts_in_order(run: Run) -> None:
    assert [(each.sample.repeat, each.sample.question) for each in run.asked] == [
        (repeat, question) for repeat in range(4) for question in range(5)
    ]
    assert run.numbers["score"] == 12 / 19
    assert len(run.measured) == 19


def test_json_lines_hold_prompt_and_row(run: Run) -> None:
    ((name, text),) = json_lines([run]).items()
    lines = [json.loads(line) for line in text.splitlines()]
    assert name == f"gpqa_low-{run.sha256[:12]}.jsonl"
    assert [line["id"] for line in lines[:2]] == ["gpqa/0/0", "gpqa/1/0"]
    assert lines[0]["prompt"] == run.asked[0].sample.prompt
    assert lines[0]["reasoning_effort"] == "low"
    assert sum(line["outcome"] == "refused" for line in lines) == 1


def test_the_references_shape_gives_the_same_score_when_taken_back(tmp_path: Path) -> None:
    run = read_run(journal(tmp_path, {}), {"gpqa": [data_file(tmp_path)]})
    files = gpt_oss_evals([run])
    stem = "gpqa_openai__m-low_temp1.0_20260102_030405"
    assert set(files) == {f"{stem}.json", f"{stem}_allresults.json", "merged.json"}
    document = json.loads(files[f"{stem}_allresults.json"])
    assert set(document) == {"score", "metrics", "htmls", "convos", "metadata"}
    assert set(document["metrics"]) == {"chars", "chars:std", "score:std"}
    assert json.loads(files[f"{stem}.json"])["score"] == 0.6
    assert json.loads(files["merged.json"]) == [
        {"eval_name": "gpqa", "model_name": "openai__m-low_temp1.0_20260102_030405", "metric": 0.6}
    ]
    results = _allresults.match(document, [each.sample for each in run.asked])
    taken = _allresults.score_row(results, {"task": "gpqa"}, 0.02)
    assert taken["reason"] == ""
    for name in ("score", "outcomes", "standard_error", "standard_error_within", "n_correct"):
        assert taken[name] == run.numbers[name], name


def test_what_was_not_measured_is_not_in_the_references_score(run: Run) -> None:
    document = json.loads(next(text for name, text in gpt_oss_evals([run]).items() if "allresults" in name))
    assert (document["score"], len(document["convos"])) == (12 / 19, 19)


def test_lm_evals_shape(tmp_path: Path, run: Run) -> None:
    high = read_run(journal(tmp_path, {}, "high"), {"gpqa": [data_file(tmp_path)]})
    files = lm_eval([run, high])
    date = "2026-01-02T03-04-05.000000"
    assert set(files) == {
        f"openai__m/results_{date}.json", f"openai__m/samples_gpqa_low_{date}.jsonl",
        f"openai__m/samples_gpqa_high_{date}.jsonl",
    }  # fmt: skip
    results = json.loads(files[f"openai__m/results_{date}.json"])
    assert set(results) <= RESULTS_KEYS
    assert results["results"]["gpqa_low"]["exact_match,none"] == 12 / 19
    assert results["n-samples"]["gpqa_low"] == {"original": 20, "effective": 19}
    lines = [json.loads(line) for line in files[f"openai__m/samples_gpqa_low_{date}.jsonl"].splitlines()]
    assert len(lines) == 19
    assert all(set(line) == SAMPLE_KEYS for line in lines)
    assert sum(line["exact_match"] for line in lines) == 12
    assert lines[0]["arguments"]["gen_args_0"]["arg_0"] == run.asked[0].sample.prompt
    assert lines[0]["resps"] == [[run.asked[0].text]]


def test_inspects_shape(run: Run) -> None:
    ((name, text),) = inspect([run]).items()
    log = json.loads(text)
    assert name == f"2026-01-02T03-04-05+00-00_gpqa-low_{run.sha256[:22]}.json"
    assert set(log) <= LOG_KEYS
    assert (log["version"], log["status"]) == (2, "success")
    assert all(set(sample) <= LOG_SAMPLE_KEYS for sample in log["samples"])
    score = log["results"]["scores"][0]
    assert score["metrics"]["accuracy"]["value"] == 12 / 19
    assert (score["scored_samples"], score["unscored_samples"]) == (19, 1)
    by_id = {(sample["id"], sample["epoch"]): sample for sample in log["samples"]}
    assert by_id[("gpqa/0", 1)]["scores"]["gpt_oss_evals"]["value"] == "C"
    assert by_id[("gpqa/4", 1)]["output"]["choices"][0]["stop_reason"] == "max_tokens"
    refused = by_id[("gpqa/1", 3)]
    assert "scores" not in refused
    assert refused["error"]["message"] == "refused: HTTP 400: no"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (lambda _folder: {}, "wanted its data files, found none"),
        (lambda folder: {"gpqa": [str(folder / "other.csv")]}, "give the files that it was made with"),
        (lambda folder: {"gpqa": [str(folder / "missing.csv")]}, "cannot read a data file"),
    ],
)
def test_other_data_is_refused(tmp_path: Path, data: Callable[[Path], dict[str, list[str]]], told: str) -> None:
    (tmp_path / "other.csv").write_text("x")
    with pytest.raises(ExportError, match=told):
        read_run(journal(tmp_path, {}), data(tmp_path))


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"question": 1}\n')
    with pytest.raises(ExportError, match="is no journal"):
        read_run(str(tmp_path / "x.jsonl"), {})


def test_files_are_written_where_they_differ(tmp_path: Path) -> None:
    files = {"a/x.json": "ü", "y.json": "2"}
    assert len(write_files(tmp_path, files, True)) == 2
    assert list(tmp_path.iterdir()) == []
    assert len(write_files(tmp_path, files, False)) == 2
    assert (tmp_path / "a/x.json").read_text() == "ü"
    assert write_files(tmp_path, {**files, "y.json": "3"}, False) == [str(tmp_path / "y.json")]


def test_the_module_writes_each_format_in_its_folder(tmp_path: Path) -> None:
    params = {
        "journals": [journal(tmp_path, {})], "data": {"gpqa": data_file(tmp_path)},
        "formats": list(eval_export.EXPORTERS), "path": str(tmp_path / "out"),
    }  # fmt: skip
    done = eval_export.export(params, False)
    assert done["changed"] and done["written"] == done["files"]
    assert all(Path(file).is_file() for file in done["files"])
    assert not eval_export.export(params, False)["changed"]
