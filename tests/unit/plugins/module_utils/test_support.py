"""Support bundles: samples, archive, and what is collected on a host of which much is missing."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _support_archive, _support_parts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._support_archive import Collection
from ansible_collections.gpt_oss.fleet.plugins.module_utils._support_samples import LEFT_OUT, failing_samples

SECRET = "correct-horse-battery"


def journal(task: str) -> list[str]:
    rows: list[Any] = [{"sha256": "x", "identity": {"task": task, "reasoning_effort": "low"}}]
    rows += [{"question": n, "repeat": 0, "outcome": "correct", "text": "C"} for n in range(5)]
    rows += [{"question": n, "repeat": 0, "outcome": "wrong", "text": f"quoted {n}", "error": ""} for n in range(5, 9)]
    rows += [{"question": 9, "repeat": 0, "outcome": "error", "error": "HTTP 500"}, {"event": "epoch", "cause": "died"}]
    return [json.dumps(row) for row in rows] + ['{"torn']


def test_of_each_outcome_the_last_samples_are_kept() -> None:
    found = failing_samples(journal("aime25"), 2, ["gpqa"])
    assert (found["task"], found["reasoning_effort"]) == ("aime25", "low")
    assert found["counts"] == {"correct": 5, "wrong": 4, "error": 1}
    assert [(row["outcome"], row["question"]) for row in found["samples"]] == [("error", 9), ("wrong", 7), ("wrong", 8)]
    assert found["samples"][1]["text"] == "quoted 7" and found["events"][0]["cause"] == "died"


def test_replies_that_may_quote_a_private_question_are_left_out() -> None:
    found = failing_samples(journal("gpqa"), 2, ["gpqa"])
    assert "quoted" not in json.dumps(found) and found["samples"][1]["text"] == LEFT_OUT


@pytest.mark.parametrize(
    ("line", "kept", "gone"),
    [
        ("Received request x: prompt: '<|start|>What is it?', params: SamplingParams(n=1)", "params: S", "What is"),
        ('Received request x: prompt: "What\'s it?", prompt_token_ids: [1, 2], x: 1', "x: 1", "What"),
        ("prompt: 'never ends", "prompt: ", "never"),
        ("Avg prompt throughput: 12.3 tokens/s", "12.3 tokens/s", "left out"),
    ],
)
def test_prompts_are_no_part_of_a_log(line: str, kept: str, gone: str) -> None:
    shown = _support_archive.without_prompts(line)
    assert kept in shown and gone not in shown


def test_a_long_text_keeps_its_beginning_and_its_end_by_whole_lines() -> None:
    text = "".join(f"line {number}\n" for number in range(1000))
    short = _support_archive.bounded(text, 1000)
    assert len(short) < 1100 and short.startswith("line 0\n") and short.endswith("line 999\n")
    assert all(line.startswith(("line", "[...")) or not line for line in short.split("\n"))
    assert _support_archive.bounded("short", 10) == "short"


def test_secrets_in_plain_data_are_masked_by_name_and_in_command_lines() -> None:
    found = Collection()
    found.add(
        "x.json", {"Cmd": ["serve", "--api-key", SECRET], "deep": [{"HF_TOKEN": SECRET}], "n": 1, "PLAIN": "shown"}
    )
    assert SECRET not in found.texts["x.json"] and "shown" in found.texts["x.json"]


def test_what_does_not_fit_is_missing_and_secrets_are_masked_everywhere() -> None:
    found = Collection({"big": "x\n" * 500, "log": f"key is {SECRET}\n"}, {"gone": f"not with {SECRET}"}, [SECRET])
    contents, missing = _support_archive.entries_of(found, 2000, 600)
    assert list(contents) == ["log"] and "larger than 600" in missing["big"]
    manifest = _support_archive.manifest_of(contents, missing, {"host": "h"})
    archive = _support_archive.packed("h", contents, manifest, 1.0)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert opened.getnames() == ["h/manifest.json", "h/log"]
        texts = [opened.extractfile(name).read().decode() for name in opened.getnames()]  # type: ignore[union-attr]
    assert SECRET not in "".join(texts) and "key is ****" in texts[1]


def test_names_of_half_a_character_are_packed_under_names_that_can_be_written() -> None:
    contents, _missing = _support_archive.entries_of(Collection({"facts/\ud800.json": "{}"}, {}, []), 2000, 6000)
    archive = _support_archive.packed("h\udc00", contents, _support_archive.manifest_of(contents, {}, {}), 1.0)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert opened.getnames() == ["h\ufffd/manifest.json", "h\ufffd/facts/\ufffd.json"]


class Bare:
    """A host without any command."""

    def has(self, name: str) -> bool:
        return False

    def run(self, *command: str) -> Optional[Answer]:
        return Answer(1, "", "not permitted\n") if command[0] == "df" else None


def test_each_part_that_is_missing_says_why(tmp_path: Path) -> None:
    (tmp_path / "servers" / "one").mkdir(parents=True)
    accepted = [{"sha256": "x", "parameters": {"environment": {"HF_TOKEN": SECRET, "PLAIN": "shown"}}}]
    (tmp_path / "servers" / "one" / "accepted.json").write_text(json.dumps(accepted))
    (tmp_path / "servers" / "one" / "torn.json").write_text(f'{{"note": "{SECRET}')
    runs = tmp_path / "runs" / "one"
    runs.mkdir(parents=True)
    (runs / "gpqa-low-x.jsonl").write_text("\n".join(journal("gpqa")))
    (tmp_path / "key").write_text(f"{SECRET}-2\n")
    parameters = {
        "servers": ["one", "two"], "state_path": str(tmp_path / "servers"), "run_path": str(tmp_path / "runs"),
        "facts": {"gpu": {}, "smoke": [{"problem": f"refused {SECRET}-2"}]},
        "secret_files": [str(tmp_path / "key"), "/no"],
        "private_tasks": ["gpqa"], "samples": 2, "log_lines": 10, "docker_host": f"unix://{tmp_path}/none.sock",
    }  # fmt: skip
    contents, missing = _support_archive.entries_of(_support_parts.collect(parameters, Bare()), 10000, 100000)
    assert SECRET not in b"".join(contents.values()).decode()
    assert "shown" in contents["servers/one/accepted.json"].decode()
    assert {"evals/one/gpqa-low-x.failing.json", "facts/smoke.json", "servers/one/torn.json"} <= set(contents)
    for part, reason in (
        ("containers", "expected a Docker Engine at"),
        ("servers/two", "nothing is kept of it"),
        ("facts/gpu.json", "not collected"),
        ("host/nvidia-smi.txt", "nvidia-smi is not on this host"),
        ("host/disks.txt", "df -h ended with 1: not permitted"),
        ("host/dmesg.txt", "kernel"),
    ):
        assert reason in missing.get(part, "") or part == "host/dmesg.txt" and part in contents, (part, missing)
