from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _model_state
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_client import Access
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_place import link, put_blob, put_ref
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    SHA256,
    Held,
    Listed,
    Stamp,
    read_stamp,
    stamp_path,
    write_stamp,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_state import Bringing, settled
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Wish

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
IGNORED = ["original/*"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache with two of a model's three files, as the patterns want them, and its stamp."""
    model = tmp_path / "models--a--b"
    listing, files = {}, {}
    for name, data in (("config.json", b"{}"), ("m", b"weights"), ("original/m", b"others")):
        staged = tmp_path / "staged"
        staged.write_bytes(data)
        read = digests(staged)
        listing[name] = Listed(read.size, SHA256, read.sha256)
        if not name.startswith("original/"):
            put_blob(model, staged, read.sha256)
            files[name] = Held(read.size, read.mtime_ns, read.sha256, read.sha256)
            link(model / "snapshots" / COMMIT, name, files[name])
    put_ref(model, "main", COMMIT)
    write_stamp(model, Stamp("a/b", COMMIT, "hub", listing, files))
    return model


def wish(folder: Path, **options: Any) -> Wish:
    defaults: dict[str, Any] = {"revision": COMMIT, "ignore_patterns": IGNORED}
    return Wish(Access("a/b", "http://127.0.0.1:9"), cache_dir=str(folder.parent), **{**defaults, **options})


def rename_origin(folder: Path) -> None:
    stamp = read_stamp(folder, COMMIT)
    assert stamp
    write_stamp(folder, replace(stamp, origin="cache"))


@pytest.mark.parametrize(
    ("options", "change", "is_settled"),
    [
        ({}, None, True),
        ({"offline": True}, None, True),
        ({"offline": True, "revision": "main"}, None, True),
        ({"revision": "main"}, None, False),  # the branch may have moved
        ({"offline": True, "revision": "other"}, None, False),
        ({"reread": True}, None, False),
        ({"ignore_patterns": None}, None, False),
        ({"allow_patterns": ["*.json"]}, None, True),
        ({}, lambda folder: (folder / "snapshots" / COMMIT / "m").unlink(), False),
        ({}, lambda folder: (folder / "snapshots" / COMMIT / "m").resolve().unlink(), False),
        ({}, lambda folder: os.utime(folder / "snapshots" / COMMIT / "m", ns=(1, 1)), False),
        ({}, lambda folder: os.truncate(folder / "snapshots" / COMMIT / "m", 3), False),
        ({}, lambda folder: stamp_path(folder, COMMIT).unlink(), False),
        ({}, lambda folder: stamp_path(folder, COMMIT).rename(stamp_path(folder, COMMIT, False)), False),
        ({}, lambda folder: shutil.rmtree(folder / "snapshots"), False),
        ({}, rename_origin, False),  # a list that was guessed
        ({"offline": True}, rename_origin, True),
        ({}, lambda folder: (folder / "refs/main").unlink(), True),  # a commit needs no name
        ({"offline": True, "revision": "main"}, lambda folder: (folder / "refs/main").unlink(), False),
    ],
)
def test_whether_there_is_anything_to_do(
    folder: Path, options: dict[str, Any], change: Callable[[Path], None] | None, is_settled: bool
) -> None:
    if change:
        change(folder)
    outcome = settled(wish(folder, **options))
    assert (outcome is not None) == is_settled
    if outcome:
        assert (outcome.commit, outcome.changed, outcome.verified, outcome.n_bytes) == (COMMIT, False, True, 0)


def test_a_list_of_the_whole_repository_is_to_be_removed(folder: Path) -> None:
    """With it older releases of vLLM call a snapshot incomplete from which patterns left something out."""
    (folder / "trees").mkdir()
    (folder / "trees" / f"{COMMIT}.json").write_text("{}")
    assert settled(wish(folder)) is None
    assert Bringing(wish(folder), lambda status: None).run().changed
    assert settled(wish(folder)) and not list((folder / "trees").iterdir())


def test_what_changes_behind_ones_back_is_not_called_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool removes a file between its verification and the stamp."""
    stamp_path(folder, COMMIT).rename(stamp_path(folder, COMMIT, False))
    told: list[dict[str, Any]] = []
    original = Bringing._tidy

    def meddle(self: Bringing, stamp: Stamp) -> bool:
        os.utime(folder / "snapshots" / COMMIT / "m", ns=(7, 7))
        return original(self, stamp)

    monkeypatch.setattr(_model_state.Bringing, "_tidy", meddle)
    with pytest.raises(CacheError, match="expected m as verified a moment ago, found that something else changed it"):
        Bringing(wish(folder), told.append).run()
    assert read_stamp(folder, COMMIT) is None and settled(wish(folder)) is None
