# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model peers - takes over what other hosts share: received, verified here, put into the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_inspect import glance, known_blobs
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_listing import local_listing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_place import put_blob
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_space import need_space
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    Held,
    Stamp,
    from_manifest,
    read_stamp,
    write_stamp,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_swarm import receive
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_share import SwarmError

NAME = "peers"


def take_over(wish: Wish, staging: Path, report: Callable[[dict[str, Any]], None]) -> int:
    """Have what peers share of a commit in the cache's `blobs/`; return how many bytes came.

    What was verified is noted in the commit's stamp; whether that is all that is wanted is for others to find. Raises
    SwarmError when the peers do not give it, and CacheError when there is no room.
    """
    peers = wish.peers or {}
    commit, here = str(peers["commit"]), _verified(wish, str(peers["commit"]))
    if here is None:
        return 0
    need_space(wish.cache_dir, max(0, int(peers["size"]) - _size(here)), int(peers["files"]), wish.reserve)

    def tell(status: dict[str, Any]) -> None:
        report({"phase": NAME, **status})

    content = receive(wish.folder, wish.access.repo_id, commit, peers, here, tell)
    shared = _shared(wish, commit, content)
    lacking = {name: held for name, held in shared.files.items() if held.blob not in here}
    good = _checked(wish, shared, {name: content / "blobs" / held.blob for name, held in lacking.items()}, staging)
    known = known_blobs(wish.folder)
    kept = {name: known[held.blob] for name, held in shared.files.items() if held.blob in here}
    write_stamp(wish.folder, replace(shared, files={**kept, **good}), whole=False)
    return sum({held.blob: held.size for held in good.values()}.values())


def _verified(wish: Wish, commit: str) -> Mapping[str, Path] | None:
    """Return the blobs that are here and verified; None when a commit's files are all here."""
    known = known_blobs(wish.folder)
    blobs = {name: wish.folder / "blobs" / name for name in known}
    fits = {name: Path(os.path.realpath(path)) for name, path in blobs.items() if _is(path, known[name])}
    stamp = read_stamp(wish.folder, commit)
    if stamp and not wish.reread:
        found = glance(wish.folder, commit, wish.wanted(stamp.listing), known)
        if not (found.missing or found.damaged or found.unread):
            return None
    return fits


def _is(path: Path, held: Held) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (held.size, held.mtime_ns)


def _size(here: Mapping[str, Path]) -> int:
    return sum(path.stat().st_size for path in here.values())


def _shared(wish: Wish, commit: str, content: Path) -> Stamp:
    """Return what the peers' manifest tells. Raises SwarmError when it tells of something else."""
    try:
        shared = from_manifest((content / "manifest.json").read_bytes())
    except (OSError, ValueError) as exc:
        raise SwarmError(f"expected the manifest of {wish.access.repo_id} from the peers: {exc}") from exc
    if (shared.repo_id, shared.commit) != (wish.access.repo_id, commit):
        raise SwarmError(
            f"expected {wish.access.repo_id} at {commit} from the peers, found {shared.repo_id} at {shared.commit}"
        )
    known = local_listing(wish.folder, commit)
    other = [name for name, listed in (known.listing if known else {}).items() if shared.listing.get(name) != listed]
    if other:
        raise SwarmError(
            f"expected from the peers what the Hub lists for {commit}, found other contents of {', '.join(other)}"
        )
    return shared


def _checked(wish: Wish, shared: Stamp, received: Mapping[str, Path], staging: Path) -> dict[str, Held]:
    """Verify what was received, put what is right into the cache, and return it."""
    staging.mkdir(parents=True, exist_ok=True)
    names: dict[Path, list[str]] = {}
    for name, path in received.items():
        names.setdefault(path, []).append(name)
    good = {}
    for path, read in digests_of({path: shared.listing[some[0]].algorithm for path, some in names.items()}):
        listed, told = shared.listing[names[path][0]], shared.files[names[path][0]]
        if read.error or (read.by(listed.algorithm), read.sha256) != (listed.digest, told.sha256):
            continue
        # Linked, not moved: from its own folder it goes on to others.
        staged = staging / listed.digest
        staged.unlink(missing_ok=True)
        os.link(path, staged)
        put_blob(wish.folder, staged, listed.digest)
        held = Held(read.size, read.mtime_ns, read.sha256, listed.digest)
        good.update(dict.fromkeys(names[path], held))
    return good
