from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _journal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import (
    EMPTY,
    JournalError,
    JournalWriter,
    read_journal,
)

HEADER = {"journal": 1, "identity": {"model": "m"}, "sha256": "abc", "created": "2026-01-01T00:00:00Z"}


def row(question: int, repeat: int = 0, outcome: str = "correct", **more: Any) -> dict[str, Any]:
    return {"question": question, "repeat": repeat, "outcome": outcome, "finished": 100.0, "seconds": 2.0, **more}


def line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    writer = JournalWriter(str(path))
    writer.open(read_journal(str(path), "abc"), HEADER)
    for document in rows:
        writer.add(document)
    writer.close()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "j.jsonl"
    write(path, [row(1, 2, "wrong", completion_tokens=5, text="é\n\u2028"), row(3, 0, "error", error="boom")])
    found = read_journal(str(path), "abc")
    assert found.created == "2026-01-01T00:00:00Z"
    assert set(found.marks) == {(1, 2), (3, 0)}
    assert found.marks[1, 2]._asdict() == {
        "outcome": "wrong",
        "prompt_tokens": 0,
        "completion_tokens": 5,
        "reasoning_tokens": 0,
        "started": 98.0,
        "finished": 100.0,
        "error": "",
        "finish_reason": None,
        "parsed": True,
        "empty": False,
        "extracted": None,
        "permutation": (),
    }
    assert found.marks[3, 0].error == "boom"
    assert found.valid_bytes == path.stat().st_size


@pytest.mark.parametrize(
    "tail",
    [
        line(row(9))[:-1],  # whole, but for its end of line: the next write would have joined it
        line(row(9))[:20],
        b"\x00" * 64,
        b"\x00" * 64 + b"\n",
        b"\n",
        b'"text"\n',
        b'{"question":1}\n',
    ],
)
def test_a_torn_end_is_cut_off_and_the_journal_goes_on(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "j.jsonl"
    write(path, [row(1), row(2)])
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert set(read_journal(str(path), "abc").marks) == {(1, 0), (2, 0)}
    write(path, [row(3)])
    assert path.read_bytes()[: len(whole)] == whole
    assert [json.loads(text)["question"] for text in path.read_text().splitlines()[1:]] == [1, 2, 3]


@pytest.mark.parametrize("cut", range(0, len(line(HEADER)), 7))
def test_a_torn_header_is_begun_anew(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(line(HEADER)[:cut])
    assert read_journal(str(path), "abc") == EMPTY
    write(path, [row(1)])
    assert len(path.read_text().splitlines()) == 2


def test_every_cut_of_a_journal_keeps_all_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    write(path, [row(number) for number in range(4)])
    whole = path.read_bytes()
    for cut in range(len(line(HEADER)), len(whole)):
        path.write_bytes(whole[:cut])
        assert len(read_journal(str(path), "abc").marks) == whole[:cut].count(b"\n") - 1


def test_of_two_rows_the_later_holds(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    write(path, [row(1, 0, "error"), row(1, 0, "correct")])
    assert read_journal(str(path), "abc").marks[1, 0].outcome == "correct"


def test_a_row_broken_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(line(HEADER) + line(row(1)) + b"\x00\x00\n" + line(row(2)))
    assert set(read_journal(str(path), "abc").marks) == {(1, 0), (2, 0)}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (line({**HEADER, "sha256": "other"}), "identity other, wanted abc"),
        (b"a,b\nc,d\n", "is no journal"),
        (line(row(1)) + line(row(2)), "is no journal"),
    ],
)
def test_foreign_files_are_left_alone(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=match):
        read_journal(str(path), "abc")
    assert path.read_bytes() == content


def test_rows_outlive_the_process_before_they_are_synced(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    writer = JournalWriter(str(path))
    writer.open(EMPTY, HEADER)
    writer.add(row(1))
    writer.write()
    assert set(read_journal(str(path), "abc").marks) == {(1, 0)}
    writer.close()


def test_a_write_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(_journal.os, "write", lambda descriptor, data: real(descriptor, bytes(data[:10])))
    write(tmp_path / "j.jsonl", [row(1), row(2)])
    assert len(read_journal(str(tmp_path / "j.jsonl"), "abc").marks) == 2


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    writer = JournalWriter("/dev/full")
    with pytest.raises(JournalError, match="No space left|Invalid argument"):
        writer.open(EMPTY, HEADER)


def test_events_are_kept_and_are_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    write(path, [row(1), {"event": "epoch", "started_at": "2026"}])
    whole = path.read_bytes()
    found = read_journal(str(path), "abc")
    assert (set(found.marks), found.valid_bytes) == ({(1, 0)}, len(whole))


def test_what_the_numbers_need_is_read_from_a_row(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    known = {"finish_reason": "length", "parsed": False, "extracted": "A", "permutation": [3, 1, 0, 2], "text": ""}
    write(path, [row(1, 0, "correct", **known), row(2, 0, "unparsed")])
    marks = read_journal(str(path), "abc").marks
    assert marks[1, 0][7:] == ("length", False, True, "A", (3, 1, 0, 2))
    assert marks[2, 0].parsed is False  # a journal of an older version


def test_of_several_servers_only_the_replaced_ones_rows_are_moved(tmp_path: Path) -> None:
    path, aside = tmp_path / "j.jsonl", tmp_path / "aside"
    writer = JournalWriter(str(path))
    writer.open(EMPTY, {"identity": {}, "sha256": "x", "created": "now"})
    rows = [{"question": n, "repeat": 0, "outcome": "correct", "endpoint": "ab"[n % 2]} for n in range(6)]
    for row in rows[:3]:
        writer.add(row)
    writer.write()
    confirmed = writer.size
    for row in rows[3:]:
        writer.add(row)
    assert writer.cut_back(confirmed, str(aside), "b") is True
    writer.add({"question": 9, "repeat": 0, "outcome": "wrong", "endpoint": "a"})
    writer.close()
    assert [json.loads(line)["question"] for line in aside.read_text().splitlines()] == [3, 5]
    assert [json.loads(line)["question"] for line in path.read_text().splitlines()[1:]] == [0, 1, 2, 4, 9]
    assert writer.size == path.stat().st_size
