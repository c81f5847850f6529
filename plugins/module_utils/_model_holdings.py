# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model holdings - what a cache holds of a model's commits, whole or not. Standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import is_commit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import folder_of, read_stamp, stamp_path

# Folders of the collection's own that belong to a commit: where its files arrive, are shared from, or wait for their
# removal to be finished.
REMOVED = "removed"
_BESIDE = re.compile(r"(?P<kind>incoming|swarm|removed)-(?:.*-)?(?P<commit>[0-9a-f]{40})(?:\..*)?")


@dataclass(frozen=True)
class Staged:
    """A folder of the collection's own that belongs to a commit: its kind, incoming, swarm or removed, and its path."""

    kind: str
    commit: str
    path: Path


@dataclass(frozen=True)
class Holdings:
    """What there is of one commit.

    `files` are the snapshot's, links or copies, by relative name; those of a snapshot whose removal was not finished
    too. `blobs` are the model's that these lead to, or a stamp names. `beside` is what else belongs to the commit.
    """

    commit: str
    snapshot: Optional[Path]
    files: dict[str, Path]
    blobs: frozenset[Path]
    refs: tuple[str, ...]
    stamps: tuple[Path, ...]
    beside: tuple[Path, ...]

    @property
    def anything(self) -> bool:
        """Whether there is anything at all of the commit."""
        return bool(self.snapshot or self.refs or self.stamps or self.beside)


def commits_of(folder: Path) -> set[str]:
    """Return the commits of which a model's folder holds files, or what they arrive in; a name alone does not count."""
    found = {path.name for path in entries(folder / "snapshots") if path.is_dir()}
    found |= {path.name.partition(".")[0] for path in entries(folder_of(folder)) if _is_stamp(path)}
    return found | {one.commit for one in staged(folder)}


def commit_named(folder: Path, revision: str) -> Optional[str]:
    """Return the commit of a branch, a tag or a commit, as the cache knows it; None when it does not."""
    return revision if is_commit(revision) else named(folder).get(revision)


def named(folder: Path) -> dict[str, str]:
    """Return the commits of a model's branches and tags, by name."""
    refs = folder / "refs"
    paths = (path for path in sorted(refs.rglob("*")) if path.is_file())
    return {path.relative_to(refs).as_posix(): path.read_text(encoding="utf-8").strip() for path in paths}


def unfinished(folder: Path) -> list[str]:
    """Return the commits whose removal was begun and not finished; none that was brought anew since."""
    begun = {one.commit for one in staged(folder) if one.kind == REMOVED}
    return sorted(commit for commit in begun if not os.path.lexists(folder / "snapshots" / commit))


def holdings(folder: Path, commit: str) -> Holdings:
    """Return what a model's folder holds of a commit."""
    snapshot = folder / "snapshots" / commit
    own = [one for one in staged(folder) if one.commit == commit]
    removed = [] if os.path.lexists(snapshot) else [one.path for one in own if one.kind == REMOVED]
    files = {name: path for root in (*removed, snapshot) for name, path in files_of(root)}
    blobs = {blob for path in files.values() if (blob := _blob_of(folder, path))}
    for whole in (True, False):
        stamp = read_stamp(folder, commit, whole)
        blobs |= {folder / "blobs" / held.blob for held in stamp.files.values()} if stamp else set()
    return Holdings(
        commit,
        snapshot if os.path.lexists(snapshot) else None,
        files,
        frozenset(blob for blob in blobs if os.path.lexists(blob)),
        tuple(name for name, target in named(folder).items() if target == commit),
        tuple(path for whole in (True, False) if (path := stamp_path(folder, commit, whole)).exists()),
        (*(one.path for one in own), *(path for path in _lists(folder, commit) if path.exists())),
    )


def staged(folder: Path) -> list[Staged]:
    """Return the folders of the collection's own that belong to a commit."""
    found = ((path, _BESIDE.fullmatch(path.name)) for path in entries(folder_of(folder)))
    return [Staged(match["kind"], match["commit"], path) for path, match in found if match]


def files_of(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder with their relative names, links to nowhere too; none where it is not there."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(root).as_posix(), path


def repositories(cache_dir: Path) -> list[Path]:
    """Return the folders of models, data sets and the like in a cache."""
    return [path for path in entries(cache_dir) if "--" in path.name and path.is_dir()]


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder; nothing where there is none."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_stamp(path: Path) -> bool:
    name, _dot, rest = path.name.partition(".")
    return rest in ("json", "part.json") and is_commit(name)


def _lists(folder: Path, commit: str) -> tuple[Path, Path]:
    """Return where huggingface_hub notes all files of a commit, and those that it was asked for and that it lacks."""
    return folder / "trees" / f"{commit}.json", folder / ".no_exist" / commit


def _blob_of(folder: Path, path: Path) -> Optional[Path]:
    """Return the blob of the same model that a link leads to; None for a copy and for what lies elsewhere.

    The link is followed one step only: a blob can itself be a link, into a store that models share.
    """
    if not path.is_symlink():
        return None
    target = Path(os.path.normpath(path.parent / path.readlink()))
    if target.parent != folder / "blobs" and os.path.realpath(target.parent) != os.path.realpath(folder / "blobs"):
        return None
    return folder / "blobs" / target.name
