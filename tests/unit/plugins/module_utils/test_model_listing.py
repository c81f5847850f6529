from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_listing import (
    check,
    forget_listing,
    local_listing,
    own_listing,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    GIT_SHA1,
    SHA256,
    Listed,
    Stamp,
    write_stamp,
)

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
SMALL, LARGE = "9e26dfeeb6e641a33dae4961196235bdb965b21b", "a" * 64


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "models--openai--gpt-oss-20b"


def tree(model: Path, document: Any) -> None:
    (model / "trees").mkdir(parents=True, exist_ok=True)
    (model / "trees" / f"{COMMIT}.json").write_text(json.dumps(document))


def test_what_a_cache_knows_of_a_commit(model: Path) -> None:
    assert local_listing(model, COMMIT) is None
    files = {
        "config.json": {"size": 2, "blob_id": SMALL},
        "m.safetensors": {"size": 130, "blob_id": "1" * 40, "lfs_sha256": LARGE, "lfs_size": 7},
    }
    tree(model, {"files": files})
    listing = {"config.json": Listed(2, GIT_SHA1, SMALL), "m.safetensors": Listed(7, SHA256, LARGE)}
    assert local_listing(model, COMMIT) == Stamp("openai/gpt-oss-20b", COMMIT, "hub", listing)
    half = Stamp("openai/gpt-oss-20b", COMMIT, "hub", {"half": Listed(1, SHA256, LARGE)})
    write_stamp(model, half, whole=False)
    assert local_listing(model, COMMIT) == half
    write_stamp(model, half)
    assert local_listing(model, COMMIT) == half
    forget_listing(model, COMMIT)
    assert local_listing(model, COMMIT) is None


@pytest.mark.parametrize("document", [None, [], {}, {"files": []}, {"files": {"a": {}}}, {"files": {"a": 3}}])
def test_what_is_no_list(model: Path, document: Any) -> None:
    tree(model, document)
    assert local_listing(model, COMMIT) is None


def put(model: Path, name: str, blob: str, content: str) -> None:
    """Put a file into the cache as huggingface_hub does."""
    (model / "blobs").mkdir(parents=True, exist_ok=True)
    (model / "blobs" / blob).write_text(content)
    path = model / "snapshots" / COMMIT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("../" * (2 + name.count("/")) + f"blobs/{blob}")


def test_a_cache_names_its_contents_by_their_hashes(model: Path) -> None:
    put(model, "config.json", SMALL, "{}")
    put(model, "sub/m.safetensors", LARGE, "weights")
    found = own_listing(model, COMMIT)
    assert found == {"config.json": Listed(2, GIT_SHA1, SMALL), "sub/m.safetensors": Listed(7, SHA256, LARGE)}
    (model / "blobs" / LARGE).unlink()
    assert own_listing(model, COMMIT)["sub/m.safetensors"].size == 0


def test_a_cache_that_lacks_what_its_index_names(model: Path) -> None:
    with pytest.raises(CacheError, match=r"expected config.json in .*, found no such file; bring the model anew"):
        own_listing(model, COMMIT)
    put(model, "config.json", SMALL, "{}")
    put(model, "model.safetensors.index.json", "b" * 40, '{"weight_map": {"a": "m1", "b": "m2", "c": "m1"}}')
    put(model, "m1", LARGE, "weights")
    with pytest.raises(CacheError, match="expected m2 in"):
        own_listing(model, COMMIT)
    put(model, "m2", "c" * 64, "weights")
    assert len(own_listing(model, COMMIT)) == 4
    (model / "blobs" / ("b" * 40)).write_text("{")
    with pytest.raises(CacheError, match="could not read it"):
        own_listing(model, COMMIT)


def test_a_file_that_does_not_tell_what_it_should_hold(model: Path) -> None:
    put(model, "config.json", "etag-of-a-mirror", "{}")
    with pytest.raises(CacheError, match="to be a link to a blob that is named by its hash.*offline: false"):
        own_listing(model, COMMIT)


@pytest.mark.parametrize(
    ("name", "listed", "good"),
    [
        ("a", Listed(0, GIT_SHA1, SMALL), True),
        ("a b/..c/d...e", Listed(1, SHA256, LARGE), True),
        ("/etc/passwd", Listed(1, SHA256, LARGE), False),
        ("../a", Listed(1, SHA256, LARGE), False),
        ("a/../../b", Listed(1, SHA256, LARGE), False),
        ("..", Listed(1, SHA256, LARGE), False),
        ("", Listed(1, SHA256, LARGE), False),
        (".", Listed(1, SHA256, LARGE), False),
        ("a\0b", Listed(1, SHA256, LARGE), False),
        ("a", Listed(1, SHA256, SMALL), False),
        ("a", Listed(1, GIT_SHA1, LARGE), False),
        ("a", Listed(1, SHA256, "../" + "a" * 61), False),
        ("a", Listed(1, SHA256, "A" * 64), False),
        ("a", Listed(1, "md5", "a" * 32), False),
        ("a", Listed(-1, SHA256, LARGE), False),
        ("a", Listed("1", SHA256, LARGE), False),  # type: ignore[arg-type]
        ("a", Listed(1, SHA256, None), False),  # type: ignore[arg-type]
    ],
)
def test_a_list_leads_nowhere_else(name: str, listed: Listed, good: bool) -> None:
    if good:
        check({name: listed})
        return
    with pytest.raises(CacheError, match="no list of the Hub's"):
        check({name: listed})
