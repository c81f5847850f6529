# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cache prune - takes from a cache what was asked for and nobody needs. Standard library only."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _cache_leftovers as kinds
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_access import survey
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_leftovers import (
    Judge,
    Leftover,
    leftovers,
    of_repository,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_report import Look, revisions, shown
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, repo_folder, repo_id_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_busy import is_brought_otherwise
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import holdings, named
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_lock import alone
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_removal import (
    Removal,
    foresee,
    remove,
    remove_empty,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_users import Use
from ansible_collections.gpt_oss.fleet.plugins.module_utils._shared_blobs import SharedBlobs

REVISION = "revision"
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What may go: revisions that no server needs and that are not to be kept, and leftovers."""

    keep: Sequence[Use] = ()
    revisions: bool = False
    leftovers: bool = False


@dataclass
class Pruned:
    """What went, or would go, and the revisions that stay, each with the reason."""

    removed: list[Row] = field(default_factory=list)
    kept: list[Row] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        """How many bytes became free."""
        return sum(row["bytes"] for row in self.removed)


def prune(look: Look, asked: Asked, check_mode: bool) -> Pruned:
    """Take from the cache what may go. Raises CacheError, before anything went, when it cannot be told what that is."""
    if not look.cache_dir.is_dir():
        return Pruned()
    _refuse(look, asked)
    rows = revisions(look) if asked.revisions else []
    reasons = {(row["repo_id"], row["commit"]): _reason(look, row, asked.keep) for row in rows}
    pruned = Pruned(kept=[_told(row, why) for row in rows if (why := reasons[row["repo_id"], row["commit"]])])
    going = [row for row in rows if not reasons[row["repo_id"], row["commit"]]]
    if check_mode:
        removals = foresee(str(look.cache_dir), [(row["repo_id"], row["commit"]) for row in going])
        pruned.removed = [_gone(row, removal) for row, removal in zip(going, removals)]
        left = _left(look, going, removals) if asked.leftovers else []
        pruned.removed += [shown(one) for one in left]
        return pruned
    for row in going:
        try:
            pruned.removed.append(_gone(row, remove(str(look.cache_dir), row["repo_id"], row["commit"])))
        except CacheError as exc:
            pruned.kept.append(_told(row, str(exc)))
    if asked.leftovers:
        pruned.removed += [shown(one) for one in leftovers(look.cache_dir, look.judge) if _take(look, one)]
    return pruned


def _refuse(look: Look, asked: Asked) -> None:
    if asked.revisions and look.uses is None:
        raise CacheError(
            f"expected to be told which revisions servers use, but {look.problem}; nothing was removed. Without "
            "revisions, leftovers alone are removed, whoever serves"
        )
    unseen = survey(look.cache_dir).unseen if asked.revisions or asked.leftovers else []
    if unseen:
        raise CacheError(
            f"expected to look into all of {look.cache_dir}, could not look into {', '.join(map(str, unseen[:3]))}; "
            "nothing was removed. Run as root (ansible_become), or mend the rights (state: accessible)"
        )


def _reason(look: Look, row: Row, keep: Sequence[Use]) -> str:
    """Return why a revision stays; empty when it goes."""
    folder = repo_folder(str(look.cache_dir), row["repo_id"])
    if row["used_by"]:
        return f"used by {', '.join(row['used_by'])}"
    if any(use.covers(row["repo_id"], row["commit"], named(folder)) for use in keep):
        return "to be kept"
    return f"changed by {row['brought_by']}" if row["brought_by"] else ""


def _left(look: Look, going: Sequence[Row], removals: Sequence[Removal]) -> list[Leftover]:
    """Return the leftovers that will be there when revisions have gone, which take some with them."""
    folders = [repo_folder(str(look.cache_dir), row["repo_id"]) for row in going]
    within = [folder for folder, removal in zip(folders, removals) if removal.last]
    for folder, row in zip(folders, going):
        within += [folder / "snapshots" / row["commit"], *holdings(folder, row["commit"]).beside]
    within += [blob for removal in removals for blob in removal.blobs]
    found = leftovers(look.cache_dir, look.judge, removals)
    return [one for one in found if not {one.path, *one.path.parents} & set(within)]


def _take(look: Look, leftover: Leftover) -> bool:
    """Remove a leftover; return whether it went. What came into use meanwhile stays."""
    if leftover.kind == kinds.SHARED:
        return SharedBlobs(look.cache_dir).sweep(leftover.path, unlisted=True) > 0
    folder = next(path for path in (leftover.path, *leftover.path.parents) if path.parent == look.cache_dir)
    try:
        if leftover.removal:
            return bool(remove(str(look.cache_dir), repo_id_of(folder), leftover.removal.commit).commit)
        # Of what is no model, this collection brings nothing.
        with alone(folder, _give_up) if folder.name.startswith("models--") else nullcontext():
            return _still(folder, leftover, look.judge) and _unlinked(folder, leftover.path)
    except CacheError:  # a run brings the model: it may need it
        return False


def _still(folder: Path, leftover: Leftover, judge: Judge) -> bool:
    return leftover.path in [one.path for one in of_repository(folder, judge, is_brought_otherwise)]


def _unlinked(folder: Path, path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path.resolve())
    if path.is_symlink() or path.exists():
        path.unlink()
    if folder / "refs" in path.parents:
        remove_empty(path.parent, folder / "refs")
    return True


def _give_up() -> None:
    raise CacheError("a run brings the model")


def _gone(row: Row, removal: Removal) -> Row:
    return {**_named(row), "bytes": removal.n_bytes}


def _told(row: Row, why: str) -> Row:
    return {**_named(row), "bytes": row["bytes"], "reason": why}


def _named(row: Row) -> Row:
    return {"kind": REVISION, **{name: row[name] for name in ("repo_id", "commit", "refs", "path")}}
