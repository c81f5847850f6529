# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model listing - what a cache itself knows of a commit's files, without asking anybody.

A commit's list never changes, so a list that was kept is as good as the Hub's, whose it was. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, repo_id_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    GIT_SHA1,
    SHA256,
    Listed,
    Stamp,
    read_stamp,
    stamp_path,
)

_INDEX = "model.safetensors.index.json"
_ALGORITHMS = {40: GIT_SHA1, 64: SHA256}
_LENGTHS = {algorithm: length for length, algorithm in _ALGORITHMS.items()}
# The origin of a list that a cache guesses from its own names: nothing tells what is not there.
OWN = "cache"


def check(listing: Mapping[str, Listed]) -> None:
    """Raise CacheError for a list that must not be used: what another host says shall be no path out of the cache."""
    for name, listed in listing.items():
        parts = PurePosixPath(name).parts
        is_path = bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name
        length = _LENGTHS.get(listed.algorithm)
        is_hash = length is not None and re.fullmatch(rf"[0-9a-f]{{{length}}}", str(listed.digest))
        if not (is_path and is_hash and isinstance(listed.size, int) and listed.size >= 0):
            raise CacheError(
                f"expected names, sizes and hashes in the list of the model's files, found {name!r} with "
                f"{listed.size!r} bytes and {listed.digest!r}; that is no list of the Hub's: correct endpoint, and "
                "trust nothing from there"
            )


def local_listing(model_folder: Path, commit: str) -> Optional[Stamp]:
    """Return what a stamp, or a list that huggingface_hub kept, tells of a commit; None when there is neither."""
    return (
        read_stamp(model_folder, commit)
        or read_stamp(model_folder, commit, whole=False)
        or _from_tree(model_folder, commit)
    )


def forget_listing(model_folder: Path, commit: str) -> None:
    """Remove what is kept of a commit's list, so that the next run asks for it anew."""
    for path in (*(stamp_path(model_folder, commit, whole) for whole in (True, False)), _tree(model_folder, commit)):
        path.unlink(missing_ok=True)


def own_listing(model_folder: Path, commit: str) -> dict[str, Listed]:
    """Return the files of a snapshot as the names of its blobs tell them: these are their hashes.

    Raises CacheError where that does not do: a shard that the model's index names is not there, or a file is no link.
    """
    snapshot = model_folder / "snapshots" / commit
    files = {p.relative_to(snapshot).as_posix(): p for p in sorted(snapshot.rglob("*")) if not p.is_dir()}
    lacking = [name for name in ("config.json", *_shards(snapshot)) if name not in files]
    if lacking:
        raise CacheError(f"expected {', '.join(lacking)} in {snapshot}, found no such file; bring the model anew")
    return {name: _by_name(path) for name, path in files.items()}


def _from_tree(model_folder: Path, commit: str) -> Optional[Stamp]:
    """Read `trees/<commit>.json` of huggingface_hub 1.22 and newer."""
    try:
        tree = _json_text.loads(_tree(model_folder, commit).read_text(encoding="utf-8"))
        listing = {name: _of_tree(about) for name, about in tree["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Stamp(repo_id_of(model_folder), commit, "hub", listing)


def _tree(model_folder: Path, commit: str) -> Path:
    return model_folder / "trees" / f"{commit}.json"


def _of_tree(about: Mapping[str, Any]) -> Listed:
    if about.get("lfs_sha256"):
        return Listed(about["lfs_size"], SHA256, about["lfs_sha256"])
    return Listed(about["size"], GIT_SHA1, about["blob_id"])


def _by_name(path: Path) -> Listed:
    blob = path.readlink().name if path.is_symlink() else ""
    if len(blob) not in _ALGORITHMS:
        raise CacheError(
            f"expected {path} to be a link to a blob that is named by its hash, found none; without the Hub nothing "
            "tells what it should hold: run once with offline: false"
        )
    return Listed(path.stat().st_size if path.exists() else 0, _ALGORITHMS[len(blob)], blob)


def _shards(snapshot: Path) -> list[str]:
    try:
        index = _json_text.loads((snapshot / _INDEX).read_bytes())
        return sorted({str(shard) for shard in index["weight_map"].values()})
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as exc:
        raise CacheError(f"expected the model's index in {snapshot / _INDEX}, could not read it: {exc}") from exc
    except (KeyError, TypeError, AttributeError) as exc:
        raise CacheError(
            f"expected a weight_map in the model's index {snapshot / _INDEX}, found none; bring the model anew"
        ) from exc
