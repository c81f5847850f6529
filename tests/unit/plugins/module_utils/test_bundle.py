from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _bundle, _sums
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle import BundleError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle_models import from_source
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import ParcelError, open_parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sum_memory import SumMemory

C1, C2 = "1" * 40, "2" * 40
SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"


def model(repo_id: str, revision: str, commit: str) -> dict[str, Any]:
    return {
        "repo_id": repo_id,
        "revision": revision,
        "commit": commit,
        "path": _bundle.model_place(repo_id, commit),
    }


DOCUMENT = {"models": [model(SMALL, "main", C1), model(LARGE, "main", C1), model(LARGE, "v2", C2)]}


@pytest.mark.parametrize(
    ("repo_id", "revision", "commit"),
    [(SMALL, None, C1), (SMALL, "main", C1), (SMALL, C1, C1), (LARGE, "v2", C2), (LARGE, C2, C2)],
)
def test_model_of(repo_id: str, revision: str | None, commit: str) -> None:
    found = _bundle.model_of(DOCUMENT, repo_id, revision, "/b")
    assert (found["repo_id"], found["commit"]) == (repo_id, commit)
    assert found["path"] == f"models/{repo_id.replace('/', '--')}/snapshots/{commit}"


@pytest.mark.parametrize(
    ("repo_id", "revision", "expected"),
    [
        ("openai/other", None, "wanted the model openai/other in the bundle /b, found openai/gpt-oss-20b at main"),
        (SMALL, C2, f"wanted the model {SMALL} at {C2} in .*make the bundle again"),
        (LARGE, None, "say by its revision which one"),
    ],
)
def test_a_model_that_is_not_there(repo_id: str, revision: str | None, expected: str) -> None:
    with pytest.raises(BundleError, match=expected):
        _bundle.model_of(DOCUMENT, repo_id, revision, "/b")


def bundle_of(folder: Path, document: str, listed: str | None = None) -> Path:
    (folder / "bundle.json").write_text(document)
    digest = hashlib.sha256((document if listed is None else listed).encode()).hexdigest()
    (folder / "SHA256SUMS").write_text(_sums.render({"bundle.json": digest}))
    return folder


def test_read(tmp_path: Path) -> None:
    folder = bundle_of(tmp_path, _bundle.render(DOCUMENT))
    assert _bundle.read(open_parcel(str(folder))) == {"format": 1, **DOCUMENT}


@pytest.mark.parametrize(
    ("document", "listed", "expected"),
    [
        ('{"format": 1, "models": [1]}', '{"format": 1}', "found it damaged"),
        ('{"format": 2}', None, "wanted a bundle of format 1 at .*, found 2"),
    ],
)
def test_what_is_no_bundle_of_ours(tmp_path: Path, document: str, listed: str | None, expected: str) -> None:
    with pytest.raises(BundleError, match=expected):
        _bundle.read(open_parcel(str(bundle_of(tmp_path, document, listed))))


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ParcelError, match="wanted a bundle at .*, found no SHA256SUMS in it; the playbook"):
        _bundle.read(open_parcel(str(tmp_path)))


def test_a_model_of_its_own(tmp_path: Path) -> None:
    memory = SumMemory(str(tmp_path / "sums.json"))
    folder = tmp_path / "gpt-oss"
    (folder / "original").mkdir(parents=True)
    (folder / "original" / "x").write_text("x")
    entry = {"repo_id": SMALL, "source": str(folder), "remote_src": False}
    with pytest.raises(BundleError, match="wanted a model with its config.json in .*gpt-oss on the controller"):
        from_source(entry, memory.sums)
    (folder / "config.json").write_text("{}")
    found = from_source(entry, memory.sums)
    # As hf_model derives it on a host: sha1 of the checksums and names of the files that are wanted.
    line = f"{hashlib.sha256(b'{}').hexdigest()}  config.json\n"
    assert found["commit"] == hashlib.sha1(line.encode()).hexdigest()
    assert (found["src"], found["prefix"], found["remote_src"]) == (str(folder), "", False)
    pinned = from_source({**entry, "revision": C1}, memory.sums)
    assert pinned["commit"] == C1
