# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: Hugging Face cache - the layout of the cache, what is in it, and how a revision leaves it.

The layout is `models--<org>--<name>/{blobs,refs,snapshots/<commit>}`: blobs named by their hash, a snapshot of relative
links to them, and a ref that names the commit of a branch. huggingface_hub and vLLM read it without a network.
Standard library only.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")


class CacheError(Exception):
    """The folder or the cache is not as it must be. The text says what was found and what to do."""


@dataclass(frozen=True)
class Change:
    """What a run moved, or would move. `files` holds relative names; `n_bytes` is the size of the blobs to write."""

    commit: str
    path: str
    files: tuple[str, ...]
    n_bytes: int
    changed: bool


def repo_folder(cache_dir: str, repo_id: str) -> Path:
    """Return the folder of a model in the cache."""
    return Path(cache_dir) / ("models--" + repo_id.replace("/", "--"))


def is_commit(revision: str) -> bool:
    """Tell a full commit hash from the name of a branch or tag."""
    return _COMMIT.fullmatch(revision) is not None


def wanted(name: str, allow: Sequence[str] | None, ignore: Sequence[str] | None) -> bool:
    """Tell whether a file is wanted, by the Hub's rules: "*" crosses "/", and "folder/" means all in it."""

    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatch.fnmatchcase(name, p + "*" if p.endswith("/") else p) for p in patterns)

    if allow is not None and not matches(allow):
        return False
    return not (ignore is not None and matches(ignore))


def present_commit(cache_dir: str, repo_id: str, revision: str) -> str | None:
    """Return the commit that a revision has in the cache; None when the cache does not hold it."""
    folder = repo_folder(cache_dir, repo_id)
    commit: str | None = revision
    if not is_commit(revision):
        ref = folder / "refs" / revision
        commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else None
    return commit if commit and (folder / "snapshots" / commit).is_dir() else None


def need_space(cache_dir: str, n_bytes: int) -> None:
    """Raise CacheError when the disk of the cache has no room for that many bytes."""
    folder = Path(cache_dir)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise CacheError(
            f"expected {n_bytes:,} bytes of free space for the model in {cache_dir}, found {free:,} on the disk of "
            f"{folder}; free some, or set cache_dir to a larger disk"
        )


def remove(cache_dir: str, repo_id: str, revision: str, check_mode: bool = False) -> Change:
    """Remove one revision of a model, the blobs that no other revision uses, and the folder when nothing is left."""
    folder = repo_folder(cache_dir, repo_id)
    commit = present_commit(cache_dir, repo_id, revision)
    if commit is None:
        return Change("", "", (), 0, False)
    snapshot = folder / "snapshots" / commit
    others = [path for path in (folder / "snapshots").iterdir() if path != snapshot]
    kept = {path.resolve() for other in others for path in other.rglob("*") if path.is_symlink()}
    files = sorted(path for path in snapshot.rglob("*") if not path.is_dir())
    blobs = {path.resolve() for path in files} - kept
    names = tuple(str(path.relative_to(snapshot)) for path in files)
    n_bytes = sum(blob.stat().st_size for blob in blobs if blob.exists())
    change = Change(commit, str(snapshot), names, n_bytes, True)
    if check_mode:
        return change
    if not others:
        shutil.rmtree(folder)
        shutil.rmtree(Path(cache_dir) / ".locks" / folder.name, ignore_errors=True)
        return change
    _remove_one(folder, snapshot, commit, blobs)
    return change


def _remove_one(folder: Path, snapshot: Path, commit: str, blobs: set[Path]) -> None:
    shutil.rmtree(snapshot)
    for blob in blobs:
        blob.unlink(missing_ok=True)
    (folder / "trees" / f"{commit}.json").unlink(missing_ok=True)
    for ref in (folder / "refs").rglob("*"):
        if ref.is_file() and ref.read_text(encoding="utf-8").strip() == commit:
            ref.unlink()
