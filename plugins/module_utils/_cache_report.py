# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cache report - what a Hugging Face cache holds, who needs it, and what is wrong with it.

Nothing is changed, and nothing is read but folders, names and the small files that tell of them. Standard library only.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_access import Survey, name_of, survey
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_leftovers import (
    Judge,
    Leftover,
    leftovers,
    written,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import repo_id_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_disks import filesystems
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_busy import is_brought
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import (
    Holdings,
    commits_of,
    files_of,
    holdings,
    named,
    repositories,
    unfinished,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_inspect import glance
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import read_stamp, stamp_path
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_users import Use
from ansible_collections.gpt_oss.fleet.plugins.module_utils._shared_blobs import SharedBlobs

# Of long lists so many are named; all are counted.
_NAMED = 10
WHOLE, PART, NONE, DAMAGED = "whole", "part", "none", "damaged"

Row = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What a report is made with: the cache, who needs what (None: that cannot be told, `problem` says why)."""

    cache_dir: Path
    judge: Judge
    uses: Optional[Sequence[Use]] = None
    problem: str = ""


def report(look: Look) -> Row:
    """Return what the cache holds. One that is not there holds nothing."""
    cache_dir = look.cache_dir
    found = survey(cache_dir) if cache_dir.is_dir() else None
    return {
        "folder": str(cache_dir),
        "exists": found is not None,
        "bytes": found.n_bytes if found else 0,
        "files": found.n_files if found else 0,
        "disk": filesystems(Reader(lambda _command: (127, "", "")), [str(cache_dir)])[str(cache_dir)],
        "revisions": revisions(look),
        "others": _others(cache_dir),
        # What a folder leads to that one cannot look into may be needed.
        "leftovers": [] if found and found.unseen else [shown(one) for one in leftovers(cache_dir, look.judge)],
        "access": _access(cache_dir, found or Survey()),
        "users_problem": look.problem,
    }


def revisions(look: Look) -> list[Row]:
    """Return a row for each revision of a model of which something is in the cache."""
    try:
        links = SharedBlobs(look.cache_dir).links()
    except PermissionError:  # who else has a link cannot be told; the folder is told as unseen
        links = {}
    return [row for folder in _models(look.cache_dir) for row in _of_model(look, folder, links)]


def shown(leftover: Leftover) -> Row:
    """Return a leftover as results have it."""
    folder = next((path for path in (leftover.path, *leftover.path.parents) if "--" in path.name), None)
    return {
        "kind": leftover.kind,
        "repo_id": repo_id_of(folder) if folder else "",
        "commit": leftover.removal.commit if leftover.removal else "",
        "refs": [],
        "path": str(leftover.path),
        "bytes": leftover.n_bytes,
    }


def _models(cache_dir: Path) -> list[Path]:
    return [folder for folder in repositories(cache_dir) if folder.name.startswith("models--")]


def _of_model(look: Look, folder: Path, links: dict[Path, set[Path]]) -> list[Row]:
    try:
        held = [holdings(folder, commit) for commit in sorted(commits_of(folder) - set(unfinished(folder)))]
        return [_row(look, folder, one, held, links) for one in held]
    except PermissionError:  # what one cannot look into is told as unseen
        return []


def _row(look: Look, folder: Path, held: Holdings, all_held: Sequence[Holdings], links: dict[Path, set[Path]]) -> Row:
    others = {blob for other in all_held if other is not held for blob in other.blobs}
    return {
        **_named_row(folder, held),
        **_sizes(held, others, links),
        **_verified(folder, held),
        **_times(held),
        "used_by": _users(look, folder, held),
        "brought_by": is_brought(folder),
        "tree_lacks": _tree_lacks(folder, held),
    }


def _named_row(folder: Path, held: Holdings) -> Row:
    return {
        "repo_id": repo_id_of(folder),
        "commit": held.commit,
        "refs": list(held.refs),
        "path": str(held.snapshot or ""),
        "files": len(held.files),
    }


def _sizes(held: Holdings, others: set[Path], links: dict[Path, set[Path]]) -> Row:
    """Return the bytes of a revision, and how many of them nobody else has, so that they become free with it."""
    own_blobs = held.blobs - others
    foreign = {payload for payload, blobs in links.items() if not blobs <= own_blobs}
    copies = {path for path in held.files.values() if not path.is_symlink()}
    sizes: dict[tuple[int, int], tuple[int, bool]] = {}
    for path in [path for path in (*held.blobs, *copies) if path.is_file()]:
        status = path.stat()
        linked_by_others = path.is_symlink() and Path(os.path.normpath(path.parent / path.readlink())) in foreign
        own = path in own_blobs | copies and status.st_nlink == 1 and not linked_by_others
        sizes[status.st_dev, status.st_ino] = (status.st_size, own)
    staged = sum(written(path) for root in held.beside for _name, path in files_of(root))
    total = sum(size for size, _own in sizes.values()) + staged
    own_bytes = sum(size for size, own in sizes.values() if own) + staged
    return {"bytes": total, "own_bytes": own_bytes, "shared_bytes": total - own_bytes}


def _verified(folder: Path, held: Holdings) -> Row:
    """Return what was verified, and what is not any more as it was then, by sizes and times."""
    stamp = read_stamp(folder, held.commit)
    if stamp is None:
        begun = bool(held.stamps or held.beside) and stamp_path(folder, held.commit, whole=False).exists()
        return {"verified": PART if begun or not held.snapshot else NONE, "problems": {}}
    files = {name: stamp.listing[name] for name in stamp.files if name in stamp.listing}
    found = glance(folder, held.commit, files, {one.blob: one for one in stamp.files.values()})
    problems = {
        **dict.fromkeys(found.unread, "changed since it was verified"),
        **found.damaged,
        **dict.fromkeys([*found.missing, *(name for name in files if name not in held.files)], "is not there"),
    }
    return {"verified": DAMAGED if problems else WHOLE, "problems": dict(sorted(problems.items()))}


def _times(held: Holdings) -> Row:
    """Return when a revision was used last and changed last, as huggingface_hub tells it: by its contents' times."""
    paths = [path for path in (*held.files.values(), *held.blobs) if path.is_file()]
    statuses = [path.stat() for path in paths]
    return {
        "last_accessed": _time(status.st_atime for status in statuses),
        "last_modified": _time(status.st_mtime for status in statuses),
    }


def _time(times: Iterable[float]) -> Optional[str]:
    last = max(times, default=None)
    return None if last is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last))


def _users(look: Look, folder: Path, held: Holdings) -> Optional[list[str]]:
    """Return who needs a revision; None when that cannot be told."""
    if look.uses is None:
        return None
    refs = named(folder)
    users = {use.who for use in look.uses if use.covers(repo_id_of(folder), held.commit, refs)}
    holders = look.judge.held.holders
    return sorted(users) + sorted({who for blob in held.blobs for who in holders.get(blob, [])})


def _tree_lacks(folder: Path, held: Holdings) -> int:
    """Return how many files huggingface_hub's list of a commit has that its snapshot has not.

    vLLM 0.13 to 0.24 refuses such a snapshot when it is offline.
    """
    try:
        tree = _json_text.loads((folder / "trees" / f"{held.commit}.json").read_text(encoding="utf-8"))
        return len(set(tree["files"]) - set(held.files)) if held.snapshot else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _others(cache_dir: Path) -> list[Row]:
    """Return the repositories that are no models, with their sizes."""
    folders = [folder for folder in repositories(cache_dir) if not folder.name.startswith("models--")]
    return [
        {"name": folder.name, "bytes": sum(written(path) for _name, path in files_of(folder))} for folder in folders
    ]


def _access(cache_dir: Path, found: Survey) -> Row:
    top = cache_dir.stat() if cache_dir.is_dir() else None
    return {
        "owner": name_of(top.st_uid) if top else "",
        "mode": f"{stat.S_IMODE(top.st_mode):04o}" if top else "",
        "owners": [{"owner": name, "count": count} for name, count in sorted(found.owners.items())],
        "foreign": _counted(found.foreign),
        "unreadable": _counted(found.closed),
        "unseen": _counted(found.unseen),
    }


def _counted(paths: Sequence[Path]) -> Row:
    return {"count": len(paths), "paths": [str(path) for path in sorted(paths)[:_NAMED]]}
