from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._data_files import (
    DataError,
    WantedFile,
    unofficial,
    wanted_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS

SUM, OTHER = "a" * 64, "b" * 64


def test_the_files_of_all_tasks_in_order() -> None:
    data = {
        "gpqa": ["/srv/gpqa.csv"],
        "aime25": [["https://a.example/x/I.jsonl?download=1", "/srv/one.jsonl"], "https://b.example/II.jsonl#top"],
        "mmlu": "~/mmlu.csv",
    }
    found = wanted_files(data, {"aime25": [SUM.upper(), OTHER]})
    assert found == [
        WantedFile("gpqa", ("/srv/gpqa.csv",)),
        WantedFile("aime25", ("https://a.example/x/I.jsonl?download=1", "/srv/one.jsonl"), SUM),
        WantedFile("aime25", ("https://b.example/II.jsonl#top",), OTHER),
        WantedFile("mmlu", ("~/mmlu.csv",)),
    ]
    assert [file.name for file in found] == ["gpqa.csv", "I.jsonl", "II.jsonl", "mmlu.csv"]


@pytest.mark.parametrize(
    ("data", "sha256", "message"),
    [
        ({"gqpa": ["x"]}, {}, "unknown task.s. gqpa, wanted some of gpqa, aime25, mmlu"),
        (
            {"aime25": ["x"]},
            {},
            "task aime25: wanted 2 data file.s., found 1; give the counterparts of https://.*in this",
        ),
        ({"gpqa": [["", None]]}, {}, "task gpqa: wanted 1 data file"),
        ({"gpqa": []}, {}, "task gpqa: wanted 1 data file.s., found 0"),
        ({"gpqa": ["files/x.csv"]}, {}, "wanted addresses .http or https. or whole paths, found files/x.csv;"),
        ({"gpqa": [["https://a.example/x", "x"]]}, {}, "task gpqa: wanted addresses .* found x; write the whole path"),
        ({"gpqa": ["x"]}, {"gpqa": ["abc"]}, "task gpqa: wanted 1 sha256 checksum.s. of 64 hex digits, found abc"),
        ({"gpqa": ["x"]}, {"gpqa": [SUM, SUM]}, "task gpqa: wanted 1 sha256 checksum"),
        ({"aime25": ["/a/x.jsonl", "/b/x.jsonl"]}, {}, "2 files are named x.jsonl; rename one"),
        ({"gpqa": ["/a/x"], "mmlu": ["https://b.example/x?y"]}, {}, "2 files are named x;"),
    ],
)
def test_what_makes_no_sense_is_named(data: dict[str, Any], sha256: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        wanted_files(data, sha256)


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(DataError, match="unknown task.*task gpqa: wanted 1 data.*2 files are named x"):
        wanted_files({"other": ["y"], "gpqa": ["a", "b"], "aime25": ["/a/x", "/b/x"]}, {})


def test_other_files_than_the_official_ones() -> None:
    assert unofficial("gpqa", TASKS["gpqa"].source_sha256) is None
    assert unofficial("mmlu", [SUM]) is None  # nothing is known of it
    first = TASKS["aime25"].source_sha256[0]
    text = unofficial("aime25", [first, SUM])
    assert text is not None
    assert f"(sha256 {SUM} instead of {TASKS['aime25'].source_sha256[1]})" in text
    assert first not in text
