from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests, digests_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_inspect import glance, inspect, known_blobs
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_place import leads_to, link, put_blob, put_ref
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    GIT_SHA1,
    SHA256,
    Held,
    Listed,
    Stamp,
    write_stamp,
)

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
DATA = b"weights" * 1000
LARGE = hashlib.sha256(DATA).hexdigest()
LISTED = Listed(len(DATA), SHA256, LARGE)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with one file, verified."""
    (tmp_path / "staged").write_bytes(DATA)
    put_blob(tmp_path, tmp_path / "staged", LARGE)
    link(tmp_path / "snapshots" / COMMIT, "m", held(tmp_path))
    return tmp_path


def held(model: Path) -> Held:
    read = digests(model / "blobs" / LARGE)
    return Held(read.size, read.mtime_ns, read.sha256, LARGE)


def cut(path: Path) -> None:
    os.truncate(path, 10)


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def spoil(path: Path) -> None:
    path.write_bytes(b"x" * len(DATA))
    touch(path)


@pytest.mark.parametrize(
    ("change", "reread", "at_a_glance", "in_the_end"),
    [
        (lambda path: None, False, "good", "good"),
        (lambda path: None, True, "unread", "good"),
        (lambda path: path.unlink(), False, "missing", "missing"),
        (cut, False, "damaged", "damaged"),
        (cut, True, "damaged", "damaged"),
        (touch, False, "unread", "good"),
        (spoil, False, "unread", "damaged"),
    ],
)
def test_what_is_found(
    model: Path, change: Callable[[Path], None], reread: bool, at_a_glance: str, in_the_end: str
) -> None:
    known = {LARGE: held(model)}
    change(model / "blobs" / LARGE)
    wanted = {"m": LISTED}
    first = glance(model, COMMIT, wanted, known, reread)
    assert [kind for kind in ("good", "missing", "damaged", "unread") if "m" in getattr(first, kind)] == [at_a_glance]
    read: list[int] = []
    last = inspect(first, wanted, read.append)
    assert [kind for kind in ("good", "missing", "damaged") if "m" in getattr(last, kind)] == [in_the_end]
    assert not last.unread and sum(read) == (len(DATA) if at_a_glance == "unread" else 0)
    if in_the_end == "damaged":
        assert last.damaged["m"] == (
            "10 bytes instead of 7,000"
            if change is cut
            else f"sha256 {digests(model / 'blobs' / LARGE).sha256} instead of {LARGE}"
        )


def test_a_blob_that_no_snapshot_leads_to_is_found_by_its_name(model: Path) -> None:
    assert "m" in glance(model, "0" * 40, {"m": LISTED}, {LARGE: held(model)}).good


def test_what_other_stamps_verified_is_known(model: Path) -> None:
    listing = {"m": LISTED}
    other = replace(held(model), blob="b" * 64)
    write_stamp(model, Stamp("a/b", COMMIT, "hub", listing, {"m": held(model)}))
    write_stamp(model, Stamp("a/b", "0" * 40, "hub", listing, {"n": other}), whole=False)
    (model / ".gpt_oss/lock").touch()
    (model / ".gpt_oss" / f"{'1' * 40}.json").write_text("{")
    assert known_blobs(model) == {LARGE: held(model), "b" * 64: other}


def test_hashes_are_those_of_git_and_sha256sum(tmp_path: Path) -> None:
    files = {tmp_path / "empty": GIT_SHA1, tmp_path / "a": GIT_SHA1, tmp_path / "b": SHA256, tmp_path / "none": SHA256}
    for path, data in zip(files, (b"", b"{}", DATA), strict=False):
        path.write_bytes(data)
    found = dict(digests_of(files, workers=2))
    # git hash-object
    assert found[tmp_path / "empty"].git_sha1 == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert found[tmp_path / "a"].git_sha1 == "9e26dfeeb6e641a33dae4961196235bdb965b21b"
    assert (found[tmp_path / "b"].sha256, found[tmp_path / "b"].git_sha1) == (LARGE, None)
    assert found[tmp_path / "none"].error == "cannot be read: No such file or directory"
    assert found[tmp_path / "a"].by(GIT_SHA1) != found[tmp_path / "a"].by(SHA256)


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (3 << 20))

    def grow(_count: int) -> None:
        with path.open("ab") as file:
            file.write(b"y")

    assert digests(path, count=grow).error == "changed while it was read"


# --- putting things into their places


def test_a_link_is_made_once_and_mended(model: Path) -> None:
    snapshot = model / "snapshots" / COMMIT
    path = snapshot / "sub/m"
    assert not leads_to(snapshot, "sub/m", LARGE)
    for before in (None, "nothing", str(model / "blobs" / LARGE)):
        path.unlink(missing_ok=True)
        if before:
            path.symlink_to(before)
        link(snapshot, "sub/m", held(model))
        assert leads_to(snapshot, "sub/m", LARGE) and str(path.readlink()) == f"../../../blobs/{LARGE}"
        assert path.read_bytes() == DATA
    inode = path.lstat().st_ino
    link(snapshot, "sub/m", held(model))
    assert path.lstat().st_ino == inode
    assert sorted(p.name for p in snapshot.rglob("*")) == ["m", "m", "sub"]


@pytest.mark.parametrize("hard_links", [True, False])
@pytest.mark.parametrize("blob", ["none", "wrong"])
def test_verified_contents_of_a_snapshot_become_the_blob(
    model: Path, hard_links: bool, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, target = model / "snapshots" / COMMIT / "m", model / "blobs" / LARGE
    file.unlink()
    target.rename(file)
    wanted = digests(file)
    if blob == "wrong":
        target.write_bytes(b"x" * len(DATA))
    if not hard_links:

        def refuse(*_paths: object) -> None:
            raise OSError

        monkeypatch.setattr(os, "link", refuse)
    inode = file.stat().st_ino
    link(file.parent, "m", Held(wanted.size, wanted.mtime_ns, wanted.sha256, LARGE))
    assert (file.read_bytes(), file.stat().st_ino, leads_to(file.parent, "m", LARGE)) == (DATA, inode, True)


def test_contents_that_were_not_verified_do_not_become_the_blob(model: Path) -> None:
    file = model / "snapshots" / COMMIT / "m"
    file.unlink()
    file.write_bytes(b"x" * len(DATA))
    touch(file)
    link(file.parent, "m", held(model))
    assert file.read_bytes() == DATA


def test_a_ref_is_noted_for_names_alone(tmp_path: Path) -> None:
    assert [put_ref(tmp_path, "main", COMMIT), put_ref(tmp_path, "main", COMMIT)] == [True, False]
    assert put_ref(tmp_path, "refs/pr/1", COMMIT) and (tmp_path / "refs/refs/pr/1").read_text() == COMMIT
    assert not put_ref(tmp_path, COMMIT, COMMIT)
