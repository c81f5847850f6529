# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model folder - a model that comes from a folder on the host. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, is_commit, wanted
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import Digests, digests, digests_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import SHA256, Listed, folder_of

Patterns = tuple[Optional[Sequence[str]], Optional[Sequence[str]]]
# What tools leave in a folder, and is no part of a model.
_FOREIGN = (".cache/", ".git/")
_MEMORY = "sources.json"


@dataclass(frozen=True)
class Source:
    """The wanted files of a folder, by relative name: where each lies, and its size and sha256."""

    files: Mapping[str, Path]
    listing: Mapping[str, Listed]


def look(
    source: str, patterns: Patterns, model_folder: Path, count: Optional[Callable[[int], None]] = None
) -> tuple[Source, dict[str, Any]]:
    """Return what a folder holds, and what to remember of it, so that the next look need not read it.

    Raises CacheError when it holds no model.
    """
    files = _files(source, patterns)
    memory = _remembered(model_folder)
    unread = {Path(path): SHA256 for path in _unread(files, memory)}
    for path, read in digests_of(unread, count=count):
        if read.error:
            raise CacheError(f"{path} {read.error}; see to the source, or run again when nothing writes to it")
        memory[str(path)] = [read.size, read.mtime_ns, read.sha256]
    listing = {name: Listed(memory[key][0], SHA256, memory[key][2]) for name, key in _keys(files).items()}
    return Source(files, listing), memory


def is_remembered(source: str, patterns: Patterns, model_folder: Path) -> bool:
    """Tell whether a look need not read any file. Raises CacheError when the folder holds no model."""
    return not _unread(_files(source, patterns), _remembered(model_folder))


def _files(source: str, patterns: Patterns) -> dict[str, Path]:
    root = Path(source)
    if not root.is_dir():
        raise CacheError(f"expected a folder with the model at {source} on the host, found none; correct source")
    names = ((path.relative_to(root).as_posix(), path) for path in sorted(root.rglob("*")) if path.is_file())
    files = {name: path for name, path in names if not name.startswith(_FOREIGN) and wanted(name, *patterns)}
    if "config.json" not in files:
        raise CacheError(
            f"expected a model with its config.json in {source}, found {len(files)} other files; correct source"
        )
    return files


def _unread(files: Mapping[str, Path], memory: Mapping[str, Any]) -> list[str]:
    """Return the real paths of files that are not as they are remembered."""
    fresh = {str(path.resolve()): _state(path) for path in files.values()}
    return [path for path, state in fresh.items() if memory.get(path, [])[:2] != state]


def remember(model_folder: Path, memory: Mapping[str, Any]) -> None:
    """Keep the hashes by the sources' paths, of those that are still there."""
    kept = {path: known for path, known in memory.items() if Path(path).exists()}
    if kept != _remembered(model_folder):
        _text_files.put(str(folder_of(model_folder) / _MEMORY), json.dumps(kept, indent=1, sort_keys=True) + "\n")


def commit_of(source: str, revision: str, listing: Mapping[str, Listed]) -> str:
    """Return the revision if it is a commit, the folder's name if it is a snapshot of a cache, else a hash of all."""
    if is_commit(revision):
        return revision
    folder = Path(source).resolve()
    if is_commit(folder.name) and folder.parent.name == "snapshots":
        return folder.name
    lines = "".join(f"{listed.digest}  {name}\n" for name, listed in sorted(listing.items()))
    return hashlib.sha1(lines.encode(), usedforsecurity=False).hexdigest()


def stage(path: Path, staged: Path, listed: Listed, hard_link: bool) -> Digests:
    """Copy a file, or link it where that is wanted and can be; return what the copy was found to be."""
    staged.unlink(missing_ok=True)
    staged.parent.mkdir(parents=True, exist_ok=True)
    origin = path.resolve()
    try:
        if not hard_link:
            raise OSError
        os.link(origin, staged)
    except OSError:
        shutil.copyfile(origin, staged)
    read = digests(staged, listed.algorithm)
    if read.error or read.by(listed.algorithm) != listed.digest:
        staged.unlink()
        found = read.error or f"{listed.algorithm} {read.by(listed.algorithm)}"
        raise CacheError(
            f"{path} is not what was expected: {listed.algorithm} {listed.digest}, found {found}; it changed "
            "meanwhile, or is of another revision: correct source or revision"
        )
    return read


def _keys(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(path.resolve()) for name, path in files.items()}


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _remembered(model_folder: Path) -> dict[str, Any]:
    try:
        memory = _json_text.loads((folder_of(model_folder) / _MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}
