from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _hf_cache as cache
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _model_folder, _model_inspect, _model_space
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_client import Access
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_removal import remove
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_state import Bringing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Outcome, Wish
from huggingface_hub import scan_cache_dir, snapshot_download

REPO = "openai/gpt-oss-20b"
COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
IGNORE = (None, ["original/*", "metal/*"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name, text in {
        "config.json": "{}",
        "model.safetensors": "weights" * 100,
        "sub/tokenizer.json": "[]",
        "original/model.safetensors": "other weights",
        ".cache/huggingface/x": "noise",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> str:
    return str(tmp_path / "hub")


def bring(source: Path, hub: str, revision: str = "main", check_mode: bool = False, **options: Any) -> Outcome:
    wish = Wish(Access(REPO), revision, hub, *IGNORE, source=str(source), **options)
    return Bringing(wish, lambda status: None, check_mode).run()


def test_huggingface_hub_finds_it_without_a_network(source: Path, hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    change = bring(source, hub)
    assert change.changed
    assert change.files == ("config.json", "model.safetensors", "sub/tokenizer.json")
    path = snapshot_download(REPO, cache_dir=hub, local_files_only=True)
    assert path == change.path
    assert (Path(path) / "model.safetensors").read_text() == "weights" * 100
    assert (Path(path) / "sub/tokenizer.json").read_text() == "[]"
    assert not (Path(path) / "original").exists()
    report = scan_cache_dir(hub)
    assert not report.warnings
    assert [revision.commit_hash for repo in report.repos for revision in repo.revisions] == [change.commit]


def test_the_second_run_changes_nothing_and_reads_no_file(
    source: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bring(source, hub)
    for module in (_model_folder, _model_inspect):
        monkeypatch.setattr(
            module, "digests_of", lambda paths, *how, **more: pytest.fail(f"read {paths}") if paths else []
        )
    second = bring(source, hub)
    assert (second.changed, second.files, second.n_bytes, second.commit) == (False, (), 0, first.commit)


def test_check_mode_says_what_would_move_and_writes_nothing(source: Path, hub: str) -> None:
    foreseen = bring(source, hub, check_mode=True)
    assert not Path(hub).exists()
    assert not foreseen.verified
    assert replace(foreseen, verified=True) == bring(source, hub)


def test_drift_in_the_source_is_a_new_snapshot(source: Path, hub: str) -> None:
    first = bring(source, hub)
    (source / "config.json").write_text('{"new": 1}')
    second = bring(source, hub)
    assert second.changed
    assert second.commit != first.commit
    assert second.n_bytes == len('{"new": 1}')
    assert Path(snapshot_download(REPO, cache_dir=hub, local_files_only=True)).name == second.commit
    assert Path(first.path).is_dir()


def test_same_contents_elsewhere_are_the_same_commit(source: Path, hub: str, tmp_path: Path) -> None:
    first = bring(source, hub)
    assert bring(source.rename(tmp_path / "moved"), hub).commit == first.commit


@pytest.mark.parametrize("harm", ["blob lost", "blob cut", "link lost", "ref lost", "file too many"])
def test_damage_is_mended(source: Path, hub: str, harm: str) -> None:
    first = bring(source, hub)
    link = Path(first.path) / "model.safetensors"
    if harm == "blob lost":
        link.resolve().unlink()
    elif harm == "blob cut":
        link.resolve().write_text("w")
    elif harm == "link lost":
        link.unlink()
    elif harm == "ref lost":
        (Path(hub) / "models--openai--gpt-oss-20b/refs/main").unlink()
    else:
        (Path(first.path) / "more.txt").write_text("more")
    assert bring(source, hub, check_mode=True).changed
    assert bring(source, hub).changed
    assert link.read_text() == "weights" * 100
    assert not (Path(first.path) / "more.txt").exists()
    assert not bring(source, hub).changed


def test_a_commit_given_is_the_commit(source: Path, hub: str) -> None:
    assert bring(source, hub, COMMIT).commit == COMMIT
    assert not (Path(hub) / "models--openai--gpt-oss-20b/refs").exists()
    assert not bring(source, hub, COMMIT).changed
    assert snapshot_download(REPO, revision=COMMIT, cache_dir=hub, local_files_only=True)


def test_a_snapshot_of_another_cache_keeps_its_commit(source: Path, hub: str, tmp_path: Path) -> None:
    first = bring(source, str(tmp_path / "other"), COMMIT)
    assert bring(Path(first.path), hub).commit == COMMIT


def test_no_folder_or_no_model(hub: str, tmp_path: Path) -> None:
    with pytest.raises(cache.CacheError, match="expected a folder with the model at .*; correct source"):
        bring(tmp_path / "nowhere", hub)
    with pytest.raises(cache.CacheError, match="expected a model with its config.json"):
        bring(tmp_path, hub)


def test_no_space_is_said_before_the_first_byte(source: Path, hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimpleNamespace(f_bavail=10, f_frsize=1, f_files=0, f_favail=0)
    monkeypatch.setattr(_model_space.os, "statvfs", lambda path: disk)
    with pytest.raises(cache.CacheError, match="expected 704 bytes of free space .* found 10"):
        bring(source, hub)
    assert not list(Path(hub).glob("*/snapshots"))


@pytest.mark.parametrize(
    ("name", "allow", "ignore", "expected"),
    [
        ("model.safetensors", None, None, True),
        ("original/a/b", None, ["original/*"], False),
        ("original/a", None, ["original/"], False),
        ("model.safetensors", ["*.json"], None, False),
        ("a/config.json", ["*.json"], None, True),
        ("a/config.json", ["*.json"], ["a/*"], False),
    ],
)
def test_wanted(name: str, allow: list[str] | None, ignore: list[str] | None, expected: bool) -> None:
    assert cache.wanted(name, allow, ignore) is expected


def test_remove_keeps_what_another_revision_uses(source: Path, hub: str) -> None:
    first = bring(source, hub)
    (source / "config.json").write_text('{"new": 1}')
    second = bring(source, hub)
    assert remove(hub, REPO, "main", check_mode=True).commit
    assert Path(second.path).exists()
    gone = remove(hub, REPO, "main")
    assert (gone.commit, gone.n_bytes) == (second.commit, len('{"new": 1}'))
    assert not Path(second.path).exists()
    assert (Path(first.path) / "model.safetensors").read_text() == "weights" * 100
    assert not remove(hub, REPO, "main").commit
    assert remove(hub, REPO, first.commit).commit
    assert not (Path(hub) / "models--openai--gpt-oss-20b").exists()
