from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    GIT_SHA1,
    SHA256,
    Held,
    Listed,
    Stamp,
    from_manifest,
    manifest,
    read_stamp,
    stamp_path,
    write_stamp,
)

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
LISTING = {
    "config.json": Listed(2, GIT_SHA1, "9e26dfeeb6e641a33dae4961196235bdb965b21b"),
    "sub/mödel.safetensors": Listed(7, SHA256, "a" * 64),
    "original/x": Listed(9, SHA256, "b" * 64),
}
HELD = {
    "config.json": Held(2, 1_700_000_000_123_456_789, "c" * 64, "9e26dfeeb6e641a33dae4961196235bdb965b21b"),
    "sub/mödel.safetensors": Held(7, 1, "a" * 64, "a" * 64),
}
STAMP = Stamp("openai/gpt-oss-20b", COMMIT, "hub", LISTING, HELD)


@pytest.mark.parametrize("whole", [True, False])
def test_a_stamp_is_read_as_it_was_written(tmp_path: Path, whole: bool) -> None:
    assert read_stamp(tmp_path, COMMIT, whole) is None
    assert write_stamp(tmp_path, STAMP, whole)
    assert read_stamp(tmp_path, COMMIT, whole) == STAMP
    assert read_stamp(tmp_path, COMMIT, not whole) is None
    assert not write_stamp(tmp_path, STAMP, whole), "nothing changed"


def test_of_the_two_stamps_one_is_there(tmp_path: Path) -> None:
    write_stamp(tmp_path, STAMP)
    for whole in (False, True, False):
        assert write_stamp(tmp_path, STAMP, whole)
        assert (stamp_path(tmp_path, COMMIT, whole).exists(), stamp_path(tmp_path, COMMIT, not whole).exists()) == (
            True,
            False,
        )
    assert [path.name for path in (tmp_path / ".gpt_oss").iterdir()] == [f"{COMMIT}.part.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 2}',
        "\x00\xff",
        json.dumps({"format": 1, "repo_id": "a", "commit": COMMIT, "origin": "hub", "listing": {"a": {}}, "files": {}}),
        json.dumps({"format": 1, "repo_id": "a", "commit": COMMIT, "origin": "hub", "listing": [], "files": {}}),
    ],
)
def test_what_is_no_stamp(tmp_path: Path, text: str) -> None:
    path = stamp_path(tmp_path, COMMIT)
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1"))
    assert read_stamp(tmp_path, COMMIT) is None


def test_a_manifest_is_the_same_on_each_host() -> None:
    """Neither times, nor where the list came from, nor the order of what was verified."""
    other = replace(
        STAMP,
        origin="peers",
        listing=dict(reversed(LISTING.items())),
        files={name: replace(held, mtime_ns=5) for name, held in reversed(HELD.items())},
    )
    assert manifest(other) == manifest(STAMP)
    assert manifest(replace(STAMP, files={})) != manifest(STAMP)
    found = from_manifest(manifest(STAMP))
    assert (found.origin, found.commit, found.listing) == ("peers", COMMIT, LISTING)
    assert found.files == {name: replace(held, mtime_ns=0) for name, held in HELD.items()}
    assert manifest(found) == manifest(STAMP)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 1, "files": []}', b'{"format": 9, "files": {}}'])
def test_what_is_no_manifest(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"manifest|format|Expecting"):
        from_manifest(content)
