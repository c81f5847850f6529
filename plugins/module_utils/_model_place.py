# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model place - puts verified files into the cache.

Each step is one rename, so a reader sees the old or the new. A server that has the old file open, or mapped into its
memory, keeps what it has. Standard library only.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import is_commit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Held


def put_blob(folder: Path, staged: Path, blob: str) -> Path:
    """Move a verified file into a model's `blobs/`; return where it lies."""
    target = folder / "blobs" / blob
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.chmod(0o644)
    staged.replace(target)
    return target


def link(snapshot: Path, name: str, held: Held) -> None:
    """Have a file of a snapshot, which was verified, lead to its blob.

    A cache that was filled without links, or by another server's names, holds the contents in the snapshot: they become
    the blob, and no byte moves.
    """
    path, blob = snapshot / name, snapshot.parent.parent / "blobs" / held.blob
    if _is(path, held) and not (blob.exists() and path.samefile(blob)):
        _make_blob(path, blob)
    if leads_to(snapshot, name, held.blob):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(_target(snapshot, name, held.blob))
    fresh.replace(path)


def _is(path: Path, held: Held) -> bool:
    """Tell whether these are the contents that were verified: whatever else lies under the name was not."""
    if not path.is_file():
        return False
    status = path.stat()
    return (status.st_size, status.st_mtime_ns) == (held.size, held.mtime_ns)


def _make_blob(path: Path, blob: Path) -> None:
    """Make what a file of a snapshot holds, or leads to, the blob."""
    contents = Path(os.path.realpath(path))
    blob.parent.mkdir(parents=True, exist_ok=True)
    fresh = blob.with_name(f".{blob.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        os.link(contents, fresh)
    except OSError:  # another filesystem, or one without such links
        if not path.is_symlink():
            path.replace(blob)
            return
        fresh.symlink_to(os.path.relpath(contents, blob.parent))
    fresh.replace(blob)


def leads_to(snapshot: Path, name: str, blob: str) -> bool:
    """Tell whether a file of a snapshot leads to that blob."""
    path = snapshot / name
    return path.is_symlink() and str(path.readlink()) == _target(snapshot, name, blob)


def _target(snapshot: Path, name: str, blob: str) -> str:
    return os.path.relpath(snapshot.parent.parent / "blobs" / blob, (snapshot / name).parent)


def put_ref(folder: Path, revision: str, commit: str) -> bool:
    """Note which commit a branch or tag is; return whether that is new. A commit needs no note."""
    path = folder / "refs" / revision
    if is_commit(revision) or _text_files.read(str(path)) == commit:
        return False
    _text_files.put(str(path), commit)
    return True
