# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cache leftovers - what lies in a cache and is of no use to anybody. Standard library only.

What a process has open, what belongs to a model that is being brought, and what changed a moment ago are none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import repo_id_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_busy import is_brought
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import (
    REMOVED,
    Holdings,
    commits_of,
    entries,
    files_of,
    holdings,
    named,
    repositories,
    staged,
    unfinished,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_removal import Removal, foresee
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import folder_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._open_files import OpenFiles, open_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._shared_blobs import SharedBlobs, is_file

INCOMPLETE = "incomplete"  # a file that huggingface_hub did not finish
STAGING = "staging"  # a folder of the collection's own, in which a run that died kept what had arrived
REMOVAL = "removal"  # a removal that was killed
BLOB = "blob"  # a content that no revision leads to
LINK = "link"  # a link whose content is lost
REF = "ref"  # the name of a commit of which nothing is here
MODEL = "model"  # a folder without any revision
SHARED = "shared_blob"  # a content in the store that models share, that none has a link to


@dataclass(frozen=True)
class Leftover:
    """Something of no use: what it is, as named above, where, and how many bytes become free with it.

    `removal` is that which has to be finished.
    """

    kind: str
    path: Path
    n_bytes: int = 0
    removal: Optional[Removal] = None


@dataclass(frozen=True)
class Judge:
    """Tells what is in use still: what processes have open, and what changed less than `age` seconds before `now`."""

    held: OpenFiles
    now: float
    age: float

    def spares(self, *paths: Path) -> bool:
        """Tell whether one of these is in use."""
        return any(path in self.held.holders or self.now - _changed(path) < self.age for path in paths)


def judge(cache_dir: Path, now: float, age: float) -> Judge:
    """Look for who has files open that could be leftovers."""
    blobs = cache_dir.glob("*--*/blobs/*")
    own = (path for root in cache_dir.glob("*--*/.gpt_oss/*-*") if root.is_dir() for _name, path in files_of(root))
    return Judge(open_files([*blobs, *own]), now, age)


def leftovers(cache_dir: Path, judge: Judge, removals: Sequence[Removal] = ()) -> list[Leftover]:
    """Return all leftovers of a cache, as they will be after removals."""
    found = [one for folder in repositories(cache_dir) for one in of_repository(folder, judge)]
    removed = [*removals, *(one.removal for one in found if one.removal)]
    unlinked = {
        path for one in found for path in [one.path, *(entries(one.path / "blobs") if one.kind == MODEL else [])]
    }
    return [*found, *_of_store(cache_dir, judge, removed, unlinked)]


def of_repository(folder: Path, judge: Judge, who_brings: Callable[[Path], str] = is_brought) -> list[Leftover]:
    """Return the leftovers of one model; of other kinds of repositories only what was not finished. None when busy."""
    if who_brings(folder):
        return []
    partial = [path for path in entries(folder / "blobs") if path.name.endswith(".incomplete")]
    incomplete = [Leftover(INCOMPLETE, path, written(path)) for path in partial if not judge.spares(path)]
    if not folder.name.startswith("models--"):
        return incomplete
    held = [holdings(folder, commit) for commit in commits_of(folder)]
    if not any(one.snapshot or one.stamps for one in held):
        whole = [path for _name, path in files_of(folder) if path != folder_of(folder) / "lock"]
        return [] if judge.spares(*whole) else [Leftover(MODEL, folder, sum(map(written, whole)))]
    return [*incomplete, *_of_collection(folder, judge), *_of_model(folder, held, judge)]


def written(path: Path) -> int:
    """Return how many bytes of a file are on the disk: Xet writes out of order, so until its end a file has holes."""
    if not is_file(path):
        return 0
    status = path.lstat()
    return min(status.st_size, status.st_blocks * 512)


def _of_collection(folder: Path, judge: Judge) -> Iterator[Leftover]:
    for one in staged(folder):
        if one.kind == REMOVED and one.commit in unfinished(folder):
            (removal,) = foresee(str(folder.parent), [(repo_id_of(folder), one.commit)])
            yield Leftover(REMOVAL, one.path, removal.n_bytes, removal)
            continue
        inside = [path for _name, path in files_of(one.path)]
        if not judge.spares(one.path, *inside):
            yield Leftover(STAGING, one.path, sum(map(written, inside)))


def _of_model(folder: Path, held: Sequence[Holdings], judge: Judge) -> Iterator[Leftover]:
    needed = {blob for one in held for blob in one.blobs}
    for blob in entries(folder / "blobs"):
        if not blob.exists():
            yield Leftover(LINK, blob)
        elif blob not in needed and blob.suffix != ".incomplete" and not judge.spares(blob):
            yield Leftover(BLOB, blob, blob.lstat().st_size if is_file(blob) else 0)
    for path in [path for one in held if one.snapshot for _name, path in files_of(one.snapshot)]:
        if not path.exists():
            yield Leftover(LINK, path)
    known = {one.commit for one in held if one.snapshot or one.stamps} | set(unfinished(folder))
    yield from (Leftover(REF, folder / "refs" / name) for name, commit in named(folder).items() if commit not in known)


def _of_store(
    cache_dir: Path, judge: Judge, removals: Sequence[Removal], unlinked: Collection[Path]
) -> Iterator[Leftover]:
    """Yield the shared contents to which nothing leads that stays, but for what removals take."""
    store = SharedBlobs(cache_dir)
    payloads = store.payloads()
    links = store.links() if payloads else {}
    gone = {*unlinked, *(blob for removal in removals for blob in removal.blobs)}
    taken = {payload for removal in removals for payload in removal.payloads}
    for payload in payloads:
        if links.get(payload, set()) <= gone and payload not in taken and not judge.spares(payload):
            yield Leftover(SHARED, payload, payload.lstat().st_size)


def _changed(path: Path) -> float:
    """Return when a path changed: its contents, its name or its place, whichever was last."""
    try:
        status = os.lstat(path)  # noqa: PTH116 - a link's own time is wanted
    except OSError:
        return 0.0
    return max(status.st_mtime, status.st_ctime)
