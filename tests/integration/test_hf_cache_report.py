"""hf_cache state=reported on caches that the real huggingface_hub and hf_model made."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from cache_harness import CONTENTS, LARGE, SMALL, commit_of, download, everything, hf_cache_run, hub_with_models
from hub_harness import Hub, hf_model_run
from huggingface_hub import scan_cache_dir

FOLDER = "models--openai--gpt-oss-20b"


def rows(cache: Path, **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the revisions that a report tells of, by model and first name."""
    before = everything(cache)
    result = hf_cache_run(cache, **options)
    assert not result.get("failed") and not result["changed"], result
    assert everything(cache) == before
    return {(row["repo_id"], (row["refs"] or [""])[0]): row for row in result["cache"]["revisions"]}


@pytest.mark.parametrize("xet", [True, False], ids=["shared store", "no store"])
def test_sizes_names_and_times_are_those_of_huggingface_hub(tmp_path: Path, xet: bool) -> None:
    cache = tmp_path / "hub"
    with hub_with_models(xet) as hub:
        download(cache, hub, (SMALL, "main"), (SMALL, "next"), (LARGE, "main"))
    found = rows(cache)
    info = scan_cache_dir(cache)
    theirs = {(repo.repo_id, ref): (repo, one) for repo in info.repos for one in repo.revisions for ref in one.refs}
    assert set(found) == set(theirs) == {(SMALL, "main"), (SMALL, "next"), (LARGE, "main")}
    for name, row in found.items():
        repository, revision = theirs[name]
        assert row["commit"] == revision.commit_hash == commit_of(hub, *name)
        assert row["path"] == str(revision.snapshot_path)
        assert row["files"] == revision.nb_files == len(CONTENTS[name[0]][name[1]])
        assert row["bytes"] == revision.size_on_disk == row["own_bytes"] + row["shared_bytes"]
        assert (row["verified"], row["used_by"], row["tree_lacks"]) == ("none", [], 0)
        assert row["last_modified"] == iso(revision.last_modified)
        assert row["last_accessed"] <= iso(repository.last_accessed)
    own = {name: row["own_bytes"] for name, row in found.items()}
    # The large file is in both revisions of the one model, and where there is a store, the other model's too.
    alone = 100_002 if xet else 400_002
    assert own == {(SMALL, "main"): 6, (SMALL, "next"): 200_003, (LARGE, "main"): alone}
    result = hf_cache_run(cache)["cache"]
    assert (result["leftovers"], result["others"]) == ([], [])
    files = {(path.lstat().st_ino, path.lstat().st_size) for path in cache.rglob("*") if path.is_file()}
    files -= {(path.lstat().st_ino, path.lstat().st_size) for path in cache.rglob("*") if path.is_symlink()}
    assert (result["bytes"], result["files"]) == (sum(size for _inode, size in files), len(files))
    disk = os.statvfs(cache)
    assert result["disk"]["total_bytes"] == disk.f_blocks * disk.f_frsize
    assert result["disk"]["free_inodes"] > 0


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def test_verified_whole_part_damaged_or_not_at_all(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    assert hf_cache_run(cache)["cache"]["exists"] is False
    assert not cache.exists()

    hub.fault("reset", path="model.safetensors", after=60_000)
    assert hf_model_run(cache, endpoint=hub.endpoint, retries=0)["failed"]
    part = rows(cache)[SMALL, ""]
    assert (part["verified"], part["path"], part["refs"]) == ("part", "", [])
    hub.faults.clear()

    path = Path(hf_model_run(cache, endpoint=hub.endpoint)["path"])
    whole = rows(cache)[SMALL, "main"]
    assert (whole["verified"], whole["problems"], whole["bytes"]) == ("whole", {}, 100_002)
    assert (whole["own_bytes"], whole["files"], whole["brought_by"]) == (100_002, 2, "")

    os.utime((path / "config.json").resolve(), (1, 1))
    (path / "model.safetensors").unlink()
    damaged = rows(cache)[SMALL, "main"]
    assert damaged["verified"] == "damaged"
    assert damaged["problems"] == {
        "config.json": "changed since it was verified",
        "model.safetensors": "is not there",
    }
    assert hf_model_run(cache, endpoint=hub.endpoint)["verified"]
    assert rows(cache)[SMALL, "main"]["verified"] == "whole"


def test_a_list_with_which_a_filtered_snapshot_is_refused_offline(tmp_path: Path) -> None:
    """What the report calls tree_lacks is what huggingface_hub itself stumbles over, as vLLM 0.13 to 0.24 asks it."""
    with hub_with_models() as hub:
        download(tmp_path, hub, (SMALL, "main"), ignore_patterns=["sub/*"])
        assert rows(tmp_path)[SMALL, "main"]["tree_lacks"] == 1
        with pytest.raises(AssertionError, match="IncompleteSnapshotError"):
            download(tmp_path, hub, (SMALL, "main"), local_files_only=True)
        hf_model_run(tmp_path, endpoint=hub.endpoint, ignore_patterns=["sub/*"])
        assert rows(tmp_path)[SMALL, "main"]["tree_lacks"] == 0
        download(tmp_path, hub, (SMALL, "main"), local_files_only=True)


def test_copies_links_from_elsewhere_and_data_sets(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    path = Path(hf_model_run(cache, endpoint=hub.endpoint)["path"])
    (path / "copy").write_bytes(b"c" * 1000)
    (tmp_path / "linked").write_bytes(b"l" * 500)
    os.link(tmp_path / "linked", cache / FOLDER / "blobs" / "linked")
    (path / "linked").symlink_to("../../blobs/linked")
    (cache / "datasets--a--b/blobs").mkdir(parents=True)
    (cache / "datasets--a--b/blobs/1").write_bytes(b"d" * 700)
    row = rows(cache)[SMALL, "main"]
    assert (row["bytes"], row["own_bytes"], row["shared_bytes"]) == (101_502, 101_002, 500)
    assert hf_cache_run(cache)["cache"]["others"] == [{"name": "datasets--a--b", "bytes": 700}]
