from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _hub as hub
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from huggingface_hub import errors
from huggingface_hub.file_download import DryRunFileInfo

REPO = "openai/gpt-oss-20b"
COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"


class FakeHub:
    """Stands for huggingface_hub.snapshot_download: one commit with two files."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "models--openai--gpt-oss-20b"
        self.asked: list[dict[str, Any]] = []

    def snapshot_download(self, repo_id: str, **options: Any) -> Any:
        self.asked.append(options)
        snapshot = self.folder / "snapshots" / COMMIT
        if options.get("local_files_only"):
            if not snapshot.is_dir():
                raise errors.LocalEntryNotFoundError("nothing")
            return str(snapshot)
        names = ["config.json", "model.safetensors"]
        if options.get("dry_run"):
            there = snapshot.is_dir()
            return [DryRunFileInfo(COMMIT, 100, name, str(snapshot / name), there, not there) for name in names]
        snapshot.mkdir(parents=True)
        (self.folder / "refs").mkdir()
        (self.folder / "refs/main").write_text(COMMIT)
        (self.folder / "trees").mkdir()
        (self.folder / f"trees/{COMMIT}.json").write_text("[]")
        return str(snapshot)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub(tmp_path)
    monkeypatch.setattr(hub.huggingface_hub, "snapshot_download", fake.snapshot_download)
    return fake


def wish(tmp_path: Path, **options: Any) -> hub.Wish:
    return hub.Wish(REPO, options.pop("revision", "main"), str(tmp_path), None, ["original/*"], **options)


def test_fetched_once_then_unchanged(fake: FakeHub, tmp_path: Path) -> None:
    foreseen = hub.fetch(wish(tmp_path), check_mode=True)
    assert not fake.folder.exists()
    first = hub.fetch(wish(tmp_path))
    assert first == foreseen
    assert (first.changed, first.n_bytes, first.commit) == (True, 200, COMMIT)
    assert not (fake.folder / f"trees/{COMMIT}.json").exists()
    second = hub.fetch(wish(tmp_path))
    assert (second.changed, second.files, second.path) == (False, (), first.path)


def test_a_commit_in_the_cache_needs_no_network(fake: FakeHub, tmp_path: Path) -> None:
    hub.fetch(wish(tmp_path, revision=COMMIT))
    fake.asked.clear()
    assert not hub.fetch(wish(tmp_path, revision=COMMIT)).changed
    assert [asked.get("local_files_only") for asked in fake.asked] == [True]


def test_offline_without_the_model(fake: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="offline forbids to fetch it; run once with offline: false"):
        hub.fetch(wish(tmp_path, offline=True))


def test_no_token_of_the_users_own_is_sent(fake: FakeHub, tmp_path: Path) -> None:
    hub.fetch(wish(tmp_path))
    hub.fetch(wish(tmp_path, token="hf_x"))
    assert [asked["token"] for asked in fake.asked] == [False, False, "hf_x"]


def test_no_space(fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(cache_dir: str, n_bytes: int) -> None:
        raise CacheError(f"no room for {n_bytes}")

    monkeypatch.setattr(hub, "need_space", refuse)
    with pytest.raises(CacheError, match="no room for 200"):
        hub.fetch(wish(tmp_path))
    assert not fake.folder.exists()


def failure(kind: type[Exception], status: int) -> Exception:
    httpx = importlib.import_module(errors.HTTPError.__module__.partition(".")[0])
    response = httpx.Response(status, request=httpx.Request("GET", "http://hub.test/"))
    return kind("failed", response=response)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (failure(errors.GatedRepoError, 403), "granted access; ask for it there and set token_file"),
        (failure(errors.RevisionNotFoundError, 404), "not the revision main; correct revision"),
        (failure(errors.RepositoryNotFoundError, 401), "correct repo_id, or set token_file"),
        (failure(errors.HfHubHTTPError, 404), "correct repo_id, or set token_file"),
        (failure(errors.HfHubHTTPError, 401), "status 401; set token_file"),
        (failure(errors.HfHubHTTPError, 403), "status 403; set token_file"),
        (failure(errors.HfHubHTTPError, 429), "too many requests"),
        (failure(errors.HfHubHTTPError, 503), "status 503"),
        (errors.HFValidationError("bad"), "repo_id must look like"),
        (ConnectionError("refused"), "could not be fetched from the Hugging Face Hub: refused; check network"),
        (PermissionError(13, "Permission denied"), "check network, disk and permissions"),
    ],
)
def test_failures_name_the_remedy(
    exc: Exception, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise exc

    monkeypatch.setattr(hub.huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CacheError, match=expected):
        hub.fetch(wish(tmp_path))
