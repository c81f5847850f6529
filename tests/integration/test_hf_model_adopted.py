# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model and a cache that the real huggingface_hub filled: it is verified and taken over, and no byte moves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_harness import COMMIT, FILES, FOLDER, REPO, Hub, bring, refused, whole

BIG = "model.safetensors"
IGNORED = ["original/*", "metal/*"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub with the Xet store: its files are those that huggingface_hub shares between models."""
    with Hub() as hub:
        hub.add(REPO, xet=True).commit(FILES, commit=COMMIT)
        yield hub


def snapshot_download(hub: Hub, cache: Path, environment: dict[str, str] | None = None, **options: Any) -> None:
    """Have the real huggingface_hub fill a cache."""
    arguments = {"cache_dir": str(cache), "endpoint": hub.endpoint, "ignore_patterns": IGNORED, **options}
    done = subprocess.run(
        [sys.executable, "-c", f"import huggingface_hub as h; h.snapshot_download({REPO!r}, **{arguments!r})"],
        env={**os.environ, "HF_HOME": str(cache.parent / "home"), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hub.books.clear()


def inodes(cache: Path) -> set[int]:
    """Return which contents there are, wherever they lie."""
    snapshot = cache / FOLDER / "snapshots" / COMMIT
    return {path.stat().st_ino for path in snapshot.rglob("*") if path.is_file()}


WAYS = {
    "as it is": {},
    "without a store that models share": {"HF_HUB_DISABLE_SHARED_BLOBS": "1"},
    "without links": {"HF_HUB_DISABLE_SYMLINKS": "1"},
}


@pytest.mark.parametrize("trees", [True, False], ids=["list", "no list"])
@pytest.mark.parametrize("offline", [True, False], ids=["offline", "online"])
@pytest.mark.parametrize("way", WAYS)
def test_a_cache_that_is_there_is_taken_over(hub: Hub, tmp_path: Path, way: str, offline: bool, trees: bool) -> None:
    cache = tmp_path / "hub"
    snapshot_download(hub, cache, WAYS[way])
    assert (cache / FOLDER / "trees").is_dir()
    assert bool(list((cache / "blobs").glob("*/*"))) == (way == "as it is"), "the store that models share"
    if not trees:
        shutil.rmtree(cache / FOLDER / "trees")
    before = inodes(cache)
    if way == "without links" and offline and not trees:
        words = ("expected", "to be a link to a blob that is named by its hash", "run once with offline: false")
        refused(bring(hub, cache, offline=True), cache, *words)
        return
    foreseen = bring(hub, cache, offline=offline, check_mode=True)
    assert (foreseen["changed"], foreseen["bytes"], foreseen["verified"]) == (True, 0, False)
    result = bring(hub, cache, offline=offline)
    whole(result)
    assert (result["changed"], result["bytes"], result["commit"]) == (True, 0, COMMIT)
    assert hub.books.downloads() == [] and (not offline or hub.books.requests() == [])
    assert inodes(cache) == before, "the very same files"
    hub.books.clear()
    assert not bring(hub, cache, revision=COMMIT)["changed"] or (offline and not trees)
    assert found_offline(cache) == str(cache / FOLDER / "snapshots" / COMMIT)


def found_offline(cache: Path) -> str:
    """Return where huggingface_hub finds the model offline and without patterns, as vLLM asks for it."""
    code = f"import huggingface_hub as h; print(h.snapshot_download({REPO!r}, cache_dir={str(cache)!r}))"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def test_a_file_that_is_damaged_in_the_store_that_models_share(hub: Hub, tmp_path: Path) -> None:
    """It is mended for this model; what others have of the store is not written to."""
    cache = tmp_path / "hub"
    snapshot_download(hub, cache)
    blob = next(path for path in (cache / "blobs").rglob("*") if path.is_file() and path.stat().st_size == 100_000)
    blob.write_bytes(b"x" * 100_000)
    result = bring(hub, cache)
    whole(result)
    assert result["files"] == [BIG] and "sha256" in result["damaged"][BIG]
    assert blob.read_bytes() == b"x" * 100_000


def test_a_damaged_copy_does_not_displace_the_right_blob(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    snapshot_download(hub, cache, {"HF_HUB_DISABLE_SYMLINKS": "1"})
    (cache / FOLDER / "snapshots" / COMMIT / BIG).write_bytes(b"x" * 100_000)
    result = bring(hub, cache)
    whole(result)
    assert result["files"] == [BIG]


def test_a_right_copy_displaces_a_damaged_blob(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    snapshot_download(hub, cache, {"HF_HUB_DISABLE_SHARED_BLOBS": "1"})
    file = cache / FOLDER / "snapshots" / COMMIT / BIG
    blob = file.resolve()
    file.unlink()
    shutil.copyfile(blob, file)
    blob.write_bytes(b"x" * 100_000)
    result = bring(hub, cache)
    whole(result)
    assert result["bytes"] == 0 and blob.read_bytes() == FILES[BIG]


def test_blobs_with_other_names_are_taken_over(hub: Hub, tmp_path: Path) -> None:
    """Some mirrors have entity tags of their own, by which huggingface_hub names blobs."""
    cache = tmp_path / "hub"
    snapshot_download(hub, cache, {"HF_HUB_DISABLE_SHARED_BLOBS": "1"})
    file = cache / FOLDER / "snapshots" / COMMIT / BIG
    blob = file.resolve()
    blob.rename(blob.with_name("d41d8cd9-12"))
    file.unlink()
    file.symlink_to("../../blobs/d41d8cd9-12")
    before = inodes(cache)
    result = bring(hub, cache)
    whole(result)
    assert result["bytes"] == 0 and inodes(cache) == before


def test_a_download_that_huggingface_hub_left_half(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    snapshot_download(hub, cache, allow_patterns=["config.json"])
    left = cache / FOLDER / "blobs/aaaa.incomplete"
    left.write_bytes(b"w" * 1000)
    result = bring(hub, cache)
    whole(result)
    assert result["files"] == [BIG]
    offline = bring(hub, tmp_path / "other", offline=True)
    assert offline["failed"]


def test_a_list_and_half_the_files_offline(hub: Hub, tmp_path: Path) -> None:
    """The list tells what is lacking; without it a shard that the index names does."""
    index = b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    shards = {f"model-0000{number}-of-00002.safetensors": b"%d" % number * 1000 for number in (1, 2)}
    files = {"config.json": b"{}", "model.safetensors.index.json": index, **shards}
    hub.repository(REPO).commit(files, commit=COMMIT)
    cache = tmp_path / "hub"
    second = "model-00002-of-00002.safetensors"
    snapshot_download(hub, cache, ignore_patterns=[second])
    words = (f"lacks {second} in", "offline forbids to fetch it")
    refused(bring(hub, cache, offline=True), cache, *words)
    shutil.rmtree(cache / FOLDER / ".gpt_oss")
    shutil.rmtree(cache / FOLDER / "trees")
    refused(bring(hub, cache, offline=True), cache, f"expected {second} in", "bring the model anew")
    result = bring(hub, cache)
    whole(result, files)
    assert result["files"] == [second]


def test_what_two_revisions_share_is_there_once(hub: Hub, tmp_path: Path) -> None:
    whole(bring(hub, tmp_path))
    later = {**FILES, "config.json": b'{"later": true}'}
    commit = hub.repository(REPO).commit(later, tag="v2")
    hub.books.clear()
    result = bring(hub, tmp_path, revision="v2")
    assert (result["commit"], result["files"], result["bytes"]) == (commit, ["config.json"], 15)
    assert hub.books.downloads() == ["config.json"]
    assert result["verified"] and (Path(result["path"]) / BIG).read_bytes() == FILES[BIG]
    assert (tmp_path / FOLDER / "refs/v2").read_text() == commit
    assert (tmp_path / FOLDER / "refs/main").read_text() == COMMIT
