# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model removal - how a revision leaves the cache.

What says that all is right goes first, then the snapshot moves aside at once, and only then blobs go. A removal that
was killed leaves `removed-<commit>` among the collection's own files, by which the next one finishes it.
Standard library only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, repo_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_busy import is_brought, is_brought_otherwise
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import (
    Holdings,
    commit_named,
    commits_of,
    entries,
    files_of,
    holdings,
    unfinished,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_lock import alone
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import folder_of, stamp_path
from ansible_collections.gpt_oss.fleet.plugins.module_utils._shared_blobs import SharedBlobs, is_file


@dataclass(frozen=True)
class Removal:
    """What left, or would leave: the commit, its snapshot's path and files, and how many bytes become free.

    `blobs` are those of the model that leave, `payloads` those of the shared store; `last`: so does the whole folder.
    """

    commit: str = ""
    path: str = ""
    files: tuple[str, ...] = ()
    n_bytes: int = 0
    blobs: tuple[Path, ...] = ()
    payloads: frozenset[Path] = frozenset()
    last: bool = False


def remove(cache_dir: str, repo_id: str, revision: str, check_mode: bool = False) -> Removal:
    """Remove one revision of a model, the blobs that no other uses, and the model's folder when nothing else is left.

    What there is of a revision that never was whole goes too. Raises CacheError while a run brings the model.
    """
    folder = repo_folder(cache_dir, repo_id)
    commit = _commit(folder, revision)
    if commit is None:
        if not check_mode:
            _remove_husk(folder)
        return Removal()
    if check_mode:
        _refuse(repo_id, is_brought(folder))
        return foresee(cache_dir, [(repo_id, commit)])[0]
    _refuse(repo_id, is_brought_otherwise(folder))
    with alone(folder, lambda: _refuse(repo_id, "a run that brings it")):
        leaving = _Leaving.of(folder, _commit(folder, revision) or commit)
        removal = leaving.foreseen()
        leaving.go(revision)
    return removal


def foresee(cache_dir: str, revisions: Sequence[tuple[str, str]]) -> list[Removal]:
    """Return what would leave if these commits of models were removed one after the other."""
    gone: dict[Path, set[str]] = {}
    removals: list[Removal] = []
    for repo_id, commit in revisions:
        folder = repo_folder(cache_dir, repo_id)
        removals.append(_Leaving.of(folder, commit, frozenset(gone.get(folder, ()))).foreseen(removals))
        gone.setdefault(folder, set()).add(commit)
    return removals


def _commit(folder: Path, revision: str) -> Optional[str]:
    """Return the commit to remove; None when there is nothing of it. A removal that was not finished has no name."""
    commit = commit_named(folder, revision)
    if commit and holdings(folder, commit).anything:
        return commit
    begun = unfinished(folder) if commit is None else []
    return begun[0] if begun else None


def _remove_husk(folder: Path) -> None:
    """Remove what a removal left that was killed at its very end: the collection's own lock, in folders of nothing."""

    def empty() -> bool:
        return [path for path in folder.rglob("*") if not path.is_dir()] == [folder_of(folder) / "lock"]

    if empty() and not is_brought(folder):
        with suppress(CacheError), alone(folder, lambda: _refuse("", "another run")):
            if empty():
                _remove_model(folder)


def _refuse(repo_id: str, who: str) -> None:
    if who:
        raise CacheError(f"expected that nothing changes {repo_id} in the cache, found {who}; wait for its end")


@dataclass(frozen=True)
class _Leaving:
    """What leaves with a commit. `last`: nothing else is left of the model then, so that its folder goes."""

    folder: Path
    held: Holdings
    blobs: tuple[Path, ...]
    last: bool

    @classmethod
    def of(cls, folder: Path, commit: str, gone: frozenset[str] = frozenset()) -> _Leaving:
        """Return what leaves when these other commits are gone already."""
        held = holdings(folder, commit)
        others = [holdings(folder, other) for other in commits_of(folder) - gone - {commit}]
        kept = {blob for other in others for blob in other.blobs}
        mine = held.blobs if others else set(entries(folder / "blobs"))
        return cls(folder, held, tuple(sorted(mine - kept)), not others)

    def foreseen(self, before: Sequence[Removal] = ()) -> Removal:
        """Return the removal, after those before it."""
        held = self.held
        gone = {blob for removal in before for blob in removal.blobs}
        blobs = [blob for blob in self.blobs if blob not in gone]
        payloads = SharedBlobs(self.folder.parent).going_with(self.folder.name, {*blobs, *gone})
        payloads -= {payload for removal in before for payload in removal.payloads}
        copies = [path for path in held.files.values() if not path.is_symlink()]
        beside = [root for root in held.beside if held.snapshot or root != removal_marker(self.folder, held.commit)]
        staged = [path for root in beside for _name, path in files_of(root)]
        return Removal(
            held.commit,
            str(self.folder / "snapshots" / held.commit),
            tuple(sorted(held.files)),
            _bytes_of([*blobs, *copies, *staged, *payloads]),
            tuple(blobs),
            frozenset(payloads),
            self.last,
        )

    def go(self, revision: str) -> None:
        store = SharedBlobs(self.folder.parent)
        marker = self._set_aside()
        for path in [self.folder / "refs" / name for name in self.held.refs]:
            path.unlink()
            remove_empty(path.parent, self.folder / "refs")
        for path in self.blobs:
            _remove(path)
        for payload in store.listed_for(self.folder.name):
            store.sweep(payload)
        for path in [*self.held.beside, *self._jobs(revision)]:
            if path != marker:
                _remove(path)
        if self.last:
            for path in [path for path in entries(self.folder) if path != folder_of(self.folder)]:
                _remove(path)
            shutil.rmtree(self.folder.parent / ".locks" / self.folder.name, ignore_errors=True)
        stamp_path(self.folder, self.held.commit, whole=False).unlink(missing_ok=True)
        _remove(marker)
        if self.last:
            _remove_model(self.folder)

    def _set_aside(self) -> Path:
        """Take away what says that all is right, and the snapshot; return the folder that holds it meanwhile."""
        commit = self.held.commit
        whole, part = (stamp_path(self.folder, commit, which) for which in (True, False))
        if whole.exists():
            whole.replace(part)
        marker = removal_marker(self.folder, commit)
        if self.held.snapshot:
            # As deep as it was, so that its links still lead to the blobs.
            _remove(marker)
            self.held.snapshot.replace(marker)
        elif not os.path.lexists(marker):
            marker.mkdir()
        return marker

    def _jobs(self, revision: str) -> list[Path]:
        names = {revision, self.held.commit, *self.held.refs}
        jobs = entries(folder_of(self.folder) / "jobs")
        return [job for job in jobs if _job_status.read_status(job).get("revision") in names]


def removal_marker(folder: Path, commit: str) -> Path:
    """Return where a snapshot waits for the end of its removal."""
    return folder_of(folder) / f"removed-{commit}"


def _bytes_of(paths: Iterable[Path]) -> int:
    """Return how many bytes become free: of a file that has another name elsewhere, none do."""
    found = (path.lstat() for path in paths if is_file(path))
    return sum(status.st_size for status in found if status.st_nlink == 1)


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder that holds nothing any more, and those above it up to a root."""
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _remove_model(folder: Path) -> None:
    """Remove what is left of a model's folder; of one that is a link, to another disk say, what it leads to as well.

    Where a run begins to bring the model anew at this moment, what it makes stays.
    """
    shutil.rmtree(folder.resolve(), ignore_errors=True)
    if folder.is_symlink():
        folder.unlink()
