from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _staging
from ansible_collections.gpt_oss.fleet.plugins.module_utils._staging import Missing, StagingError, Wanted

A = Wanted("a.bin", 4, hashlib.sha256(b"aaaa").hexdigest())
B = Wanted("sub/b.bin", 2, hashlib.sha256(b"bb").hexdigest())
SAME = Wanted("again.bin", 4, A.sha256)


def test_nothing_is_there(tmp_path: Path) -> None:
    assert _staging.look(tmp_path / "dest", None, [A, B]) == [Missing(A, 0), Missing(B, 0)]


def test_it_comes_piece_by_piece(tmp_path: Path) -> None:
    missing = _staging.look(tmp_path, None, [A, B])
    _staging.make_ready(tmp_path, None, [A, B], missing)
    _staging.part_of(tmp_path, A).write_bytes(b"aa")
    _staging.part_of(tmp_path, B).write_bytes(b"bb")
    assert _staging.look(tmp_path, None, [A, B]) == [Missing(A, 2), Missing(B, 2)]
    assert not (tmp_path / A.name).exists()
    _staging.part_of(tmp_path, A).write_bytes(b"aaaa")
    assert _staging.settle(tmp_path, [A, B]) == []
    assert [path.name for path in sorted(tmp_path.rglob("*")) if path.is_file()] == ["a.bin", "b.bin"]
    assert _staging.look(tmp_path, None, [A, B]) == []


def test_what_came_damaged_is_named_and_gone(tmp_path: Path) -> None:
    _staging.make_ready(tmp_path, None, [A, B], [])
    _staging.part_of(tmp_path, A).write_bytes(b"aaab")
    _staging.part_of(tmp_path, B).write_bytes(b"bb")
    assert _staging.settle(tmp_path, [A, B]) == [A]
    assert _staging.look(tmp_path, None, [A, B]) == [Missing(A, 0)]


def test_the_same_contents_under_two_names_come_once(tmp_path: Path) -> None:
    _staging.part_of(tmp_path, A).write_bytes(b"aaaa")
    assert _staging.settle(tmp_path, [A, SAME]) == []
    assert (tmp_path / SAME.name).read_bytes() == b"aaaa"


@pytest.mark.parametrize(
    ("content", "expected"), [(b"aaaa", []), (b"aaab", [Missing(A, 0)]), (b"aaaaa", [Missing(A, 0)])]
)
def test_a_file_is_believed_by_its_contents(tmp_path: Path, content: bytes, expected: list[Missing]) -> None:
    (tmp_path / A.name).write_bytes(content)
    assert _staging.look(tmp_path, None, [A]) == expected


def test_a_part_that_is_too_long_begins_anew(tmp_path: Path) -> None:
    part = _staging.part_of(tmp_path, A)
    part.write_bytes(b"aaaaaaaa")
    _staging.make_ready(tmp_path, None, [A], _staging.look(tmp_path, None, [A]))
    assert _staging.look(tmp_path, None, [A]) == [Missing(A, 0)]


def test_what_is_known_is_linked(tmp_path: Path) -> None:
    known, dest, blob = tmp_path / "snapshot", tmp_path / "dest", tmp_path / A.sha256
    known.mkdir()
    blob.write_bytes(b"aaaa")
    (known / A.name).symlink_to(blob)
    missing = _staging.look(dest, known, [A, B])
    assert missing == [Missing(B, 0)]
    _staging.make_ready(dest, known, [A, B], missing)
    assert (dest / A.name).samefile(blob)
    assert not (dest / A.name).is_symlink()


def test_a_full_disk_is_told_before_the_first_byte(tmp_path: Path) -> None:
    huge = Wanted("huge", 10**18, "0" * 64)
    with pytest.raises(StagingError, match="wanted 1,000,000,000,000,000,000 bytes of free space for .*, found"):
        _staging.need_space(tmp_path / "not" / "there", [Missing(huge, 0)])
    _staging.need_space(tmp_path, [])
