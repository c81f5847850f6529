# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: snapshot - a model's snapshot in the cache, made from a folder without a network. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import (
    CacheError,
    Change,
    is_commit,
    need_space,
    present_commit,
    repo_folder,
    wanted,
)

_STAMP = ".gpt_oss.json"


@dataclass(frozen=True)
class Entry:
    """One file of the source: its relative name, where it lies, its size, and its sha256."""

    name: str
    path: Path
    size: int
    sha256: str


def import_folder(
    source: str,
    cache_dir: str,
    repo_id: str,
    revision: str,
    patterns: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
    check_mode: bool = False,
) -> Change:
    """Make the snapshot of a model from a folder. A second run on the same folder changes nothing.

    `patterns` are those of the files to allow and to ignore. The commit is the revision when that is one, or the name
    of the folder when that is a snapshot of a cache; else it is derived from names and contents.
    """
    folder = repo_folder(cache_dir, repo_id)
    stamp = _read_stamp(folder)
    entries = _entries(source, patterns, stamp)
    commit = _commit_of(source, revision, entries)
    snapshot = folder / "snapshots" / commit
    links = {entry.name: entry for entry in entries if not _in_place(snapshot, entry)}
    stale = _stale(snapshot, {entry.name for entry in entries})
    missing = {entry.sha256: entry for entry in links.values() if not _blob_is_whole(folder, entry)}
    ref_differs = not is_commit(revision) and present_commit(cache_dir, repo_id, revision) != commit
    n_bytes = sum(entry.size for entry in missing.values())
    change = Change(commit, str(snapshot), tuple(sorted(links)), n_bytes, bool(links or stale or ref_differs))
    if check_mode:
        return change
    if change.changed:
        need_space(cache_dir, n_bytes)
        for entry in missing.values():
            _copy_blob(entry, folder / "blobs")
        for entry in links.values():
            _link(snapshot, entry)
        for path in stale:
            path.unlink()
        if not is_commit(revision):
            _write(folder / "refs" / revision, commit)
    _write_stamp(folder, stamp, entries)
    return change


def _entries(
    source: str, patterns: tuple[Sequence[str] | None, Sequence[str] | None], stamp: Mapping[str, Any]
) -> list[Entry]:
    root = Path(source)
    if not root.is_dir():
        raise CacheError(f"expected a folder with the model at {source} on the host, found none; correct source")
    entries = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith((".cache/", ".git/")) and wanted(name, *patterns):
            entries.append(_entry(name, path, stamp))
    if not any(entry.name == "config.json" for entry in entries):
        raise CacheError(
            f"expected a model with its config.json in {source}, found {len(entries)} other files; correct source"
        )
    return entries


def _entry(name: str, path: Path, stamp: Mapping[str, Any]) -> Entry:
    """Hash a file, or take the hash from the stamp when size and time are as they were."""
    status = path.stat()
    known = stamp.get(str(path.resolve()))
    if known and known[:2] == [status.st_size, status.st_mtime_ns]:
        return Entry(name, path, status.st_size, known[2])
    return Entry(name, path, status.st_size, _sha256(path))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _commit_of(source: str, revision: str, entries: Sequence[Entry]) -> str:
    if is_commit(revision):
        return revision
    folder = Path(source).resolve()
    if is_commit(folder.name) and folder.parent.name == "snapshots":
        return folder.name
    lines = "".join(f"{entry.sha256}  {entry.name}\n" for entry in entries)
    return hashlib.sha1(lines.encode(), usedforsecurity=False).hexdigest()


def _in_place(snapshot: Path, entry: Entry) -> bool:
    link = snapshot / entry.name
    return link.is_symlink() and link.readlink().name == entry.sha256 and _size(link) == entry.size


def _blob_is_whole(folder: Path, entry: Entry) -> bool:
    return _size(folder / "blobs" / entry.sha256) == entry.size


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _stale(snapshot: Path, names: set[str]) -> list[Path]:
    """Return the files of an existing snapshot that the source no longer has."""
    return [p for p in snapshot.rglob("*") if not p.is_dir() and p.relative_to(snapshot).as_posix() not in names]


def _copy_blob(entry: Entry, blobs: Path) -> None:
    blobs.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=blobs, suffix=".incomplete")
    temporary = Path(name)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as target, entry.path.open("rb") as origin:
            for block in iter(lambda: origin.read(1 << 20), b""):
                digest.update(block)
                target.write(block)
        if digest.hexdigest() != entry.sha256:
            raise CacheError(f"{entry.path} changed while it was copied; run again when nothing writes to it")
        temporary.chmod(0o644)
        temporary.replace(blobs / entry.sha256)
    finally:
        temporary.unlink(missing_ok=True)


def _link(snapshot: Path, entry: Entry) -> None:
    link = snapshot / entry.name
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(snapshot.parent.parent / "blobs" / entry.sha256, link.parent)
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.symlink_to(target)
    temporary.replace(link)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _read_stamp(folder: Path) -> dict[str, Any]:
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(folder: Path, old: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Keep the hashes by the source's path, so that the next run need not read the files again."""
    new = {}
    for entry in entries:
        status = entry.path.stat()
        new[str(entry.path.resolve())] = [status.st_size, status.st_mtime_ns, entry.sha256]
    if new != old:
        _write(folder / _STAMP, json.dumps(new, indent=1, sort_keys=True) + "\n")
