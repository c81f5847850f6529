from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _bundle_folder
from ansible_collections.gpt_oss.fleet.plugins.modules import bundle

COMMIT = "1" * 40


class Sources:
    """What was downloaded, and the module run over it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.path = root / "bundle"
        blobs, snapshot = root / "cache/blobs", root / "cache/snapshots" / COMMIT
        for folder in (blobs, snapshot, root / "files", root / "wheels"):
            folder.mkdir(parents=True)
        (blobs / "b1").write_text("{}")
        (snapshot / "config.json").symlink_to(blobs / "b1")
        (root / "files/q.csv").write_text("Question\n")
        (root / "wheels/one-1-py3-none-any.whl").write_text("wheel")
        (root / "wheels/missing-optional.txt").write_text("not for the bundle")
        model = {"repo_id": "org/name", "revision": "main", "commit": COMMIT, "path": str(snapshot), "verified": True}
        self.parameters: dict[str, Any] = {
            "path": str(self.path),
            "models": [model],
            "data": {"gpqa": [str(root / "files/q.csv")]},
            "wheels": str(root / "wheels"),
            "memory": str(root / "sums.json"),
        }

    def run(self, check: bool = False, **more: Any) -> dict[str, Any]:
        with patch_module_args({**self.parameters, **more, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            bundle.main()
        return dict(json.loads(self.capsys.readouterr().out))

    def names(self) -> list[str]:
        return sorted(path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file())


@pytest.fixture
def sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sources:
    return Sources(tmp_path, capsys)


LAID = [
    "SHA256SUMS",
    "bundle.json",
    "data/q.csv",
    f"models/org--name/snapshots/{COMMIT}/config.json",
    "wheels/one-1-py3-none-any.whl",
]


def test_laid_out_by_links_and_then_left_alone(sources: Sources) -> None:
    planned = sources.run(check=True)
    assert (planned["changed"], planned["files"], sources.path.exists()) == (True, LAID[2:], False)
    first = sources.run()
    assert (first["changed"], first["files"], sources.names()) == (True, LAID[2:], LAID)
    laid = sources.path / LAID[3]
    assert not laid.is_symlink()
    assert laid.samefile(sources.root / "cache/blobs/b1")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=sources.path, check=True)
    again = sources.run()
    assert (again["changed"], again["files"], again["sha256"]) == (False, [], first["sha256"])


def test_copied_where_links_cannot_be(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: Any) -> None:
        raise OSError("no links there")

    monkeypatch.setattr(os, "link", refuse)
    sources.run()
    laid = sources.path / LAID[3]
    assert not laid.samefile(sources.root / "cache/blobs/b1")
    laid.write_text("[]")
    mended = sources.run()
    assert (mended["changed"], mended["files"], laid.read_text()) == (True, [LAID[3]], "{}")
    assert not sources.run()["changed"]


def test_what_is_no_longer_wanted_goes(sources: Sources) -> None:
    sources.run()
    (sources.path / "notes.txt").write_text("mine")
    less = sources.run(models=[])
    assert (less["changed"], less["removed"]) == (True, [LAID[3]])
    assert sources.names() == sorted([*LAID[:3], LAID[4], "notes.txt"])
    assert not (sources.path / "models").exists()


def test_the_archive_follows_the_folder(sources: Sources) -> None:
    archive = sources.root / "bundle.tar"
    assert sources.run(archive=str(archive))["changed"]
    assert not sources.run(archive=str(archive))["changed"]
    (sources.root / "files/q.csv").write_text("Another\n")
    assert sources.run(archive=str(archive))["changed"]
    said = subprocess.run(["tar", "-xOf", archive, "data/q.csv"], capture_output=True, text=True, check=True)
    assert said.stdout == "Another\n"
    archive.write_bytes(archive.read_bytes()[:700])
    assert sources.run(archive=str(archive))["changed"]
    assert not sources.run(archive=str(archive))["changed"]


def test_an_archive_that_is_cut_off_bears_no_name(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_bundle_folder, "_member", full)
    failed = sources.run(archive=str(sources.root / "bundle.tar"))
    assert failed["failed"]
    assert list(sources.root.glob("*.tar*")) + list(sources.root.glob(".*tar*")) == []


def test_what_cannot_be_laid_out(sources: Sources) -> None:
    (sources.root / "q.csv").write_text("Other\n")
    both = {"gpqa": [str(sources.root / "files/q.csv")], "other": [str(sources.root / "q.csv")]}
    assert "wanted one file for data/q.csv" in sources.run(data=both)["msg"]
    assert "wanted the file /nonexistent for the bundle, found none" in sources.run(vocabulary=["/nonexistent"])["msg"]
    assert not sources.path.exists()
