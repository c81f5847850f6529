# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hub - brings a model's snapshot from the Hugging Face Hub. The only importer of huggingface_hub."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import (
    CacheError,
    Change,
    is_commit,
    need_space,
    present_commit,
    repo_folder,
)

# Read once, when huggingface_hub is imported. The cache shall be whole in itself: each model's blobs in its own folder.
os.environ.setdefault("HF_HUB_DISABLE_SHARED_BLOBS", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

IMPORT_ERROR: Optional[str] = None
try:
    import huggingface_hub
    from huggingface_hub import errors
except ImportError:
    IMPORT_ERROR = traceback.format_exc()


@dataclass(frozen=True)
class Wish:
    """Which files of which model are wanted, and how the Hub is reached."""

    repo_id: str
    revision: str
    cache_dir: str
    allow_patterns: Optional[Sequence[str]] = None
    ignore_patterns: Optional[Sequence[str]] = None
    token: Optional[str] = None
    endpoint: Optional[str] = None
    offline: bool = False


def fetch(wish: Wish, check_mode: bool = False) -> Change:
    """Bring the snapshot into the cache. Raises CacheError with cause and remedy."""
    try:
        if wish.offline or is_commit(wish.revision):
            local = _in_cache(wish)
            if local is not None:
                return local
        return _download(wish, check_mode)
    except _edge_errors() as exc:
        raise CacheError(explain(_telling(exc), wish)) from exc


def _edge_errors() -> tuple[type[Exception], ...]:
    return (
        errors.HfHubHTTPError,
        errors.EntryNotFoundError,
        errors.HFValidationError,
        OSError,
        ValueError,
        RuntimeError,
    )


def _in_cache(wish: Wish) -> Optional[Change]:
    """Return an unchanged snapshot, found without a network; None when it is not whole."""
    try:
        path = _snapshot_download(wish, local_files_only=True)
    except errors.LocalEntryNotFoundError:
        if wish.offline:
            raise
        return None
    return Change(Path(path).name, path, (), 0, False)


def _download(wish: Wish, check_mode: bool) -> Change:
    plan = _snapshot_download(wish, dry_run=True)
    if not plan:
        raise CacheError(f"no file of {wish.repo_id} matches the patterns; correct allow_patterns and ignore_patterns")
    moving = [info for info in plan if info.will_download]
    n_bytes = sum(info.file_size or 0 for info in moving)
    commit = plan[0].commit_hash
    same_ref = present_commit(wish.cache_dir, wish.repo_id, wish.revision) == commit
    path = str(repo_folder(wish.cache_dir, wish.repo_id) / "snapshots" / commit)
    change = Change(commit, path, tuple(sorted(i.filename for i in moving)), n_bytes, bool(moving) or not same_ref)
    if change.changed and not check_mode:
        need_space(wish.cache_dir, n_bytes)
        _snapshot_download(wish)
        _forget_tree(wish, commit)
    return change


def _forget_tree(wish: Wish, commit: str) -> None:
    """Remove the list of the whole repository's files from a filtered cache.

    With it, huggingface_hub 1.22 and newer calls the snapshot incomplete when vLLM 0.13 to 0.24 asks for it offline.
    """
    if wish.allow_patterns or wish.ignore_patterns:
        (repo_folder(wish.cache_dir, wish.repo_id) / "trees" / f"{commit}.json").unlink(missing_ok=True)


def _snapshot_download(wish: Wish, **how: Any) -> Any:
    return huggingface_hub.snapshot_download(
        wish.repo_id,
        revision=wish.revision,
        cache_dir=wish.cache_dir,
        allow_patterns=list(wish.allow_patterns) if wish.allow_patterns else None,
        ignore_patterns=list(wish.ignore_patterns) if wish.ignore_patterns else None,
        token=wish.token or False,
        endpoint=wish.endpoint,
        **how,
    )


def _telling(exc: Exception) -> Exception:
    """Return the Hub's own refusal where huggingface_hub hides it behind "check your internet connection"."""
    found: Optional[BaseException] = exc
    while found is not None:
        if isinstance(found, errors.HfHubHTTPError):
            return found
        found = found.__cause__ or found.__context__
    return exc


def explain(exc: Exception, wish: Wish) -> str:
    """Return what was wanted, what was found, and what to do."""
    where = wish.endpoint or "the Hugging Face Hub"
    what = f"{wish.repo_id} at revision {wish.revision}"
    status = getattr(getattr(exc, "response", None), "status_code", None)
    if isinstance(exc, errors.GatedRepoError):
        return f"{where} gives {what} only to accounts that were granted access; ask for it there and set token_file"
    if isinstance(exc, errors.RevisionNotFoundError):
        return f"{where} has {wish.repo_id}, but not the revision {wish.revision}; correct revision"
    if isinstance(exc, errors.RepositoryNotFoundError) or status == 404:
        return f"{where} shows no model {wish.repo_id}; correct repo_id, or set token_file if it is private"
    if status in (401, 403):
        return f"{where} refused {what} with status {status}; set token_file to the file of a token that may read it"
    if status == 429:
        return (
            f"{where} answered 429, too many requests, for {what}; wait, or set token_file, or use a mirror by endpoint"
        )
    if status is not None:
        return f"{where} answered status {status} for {what}; try again later, or use a mirror by endpoint"
    if isinstance(exc, errors.LocalEntryNotFoundError) and wish.offline:
        return (
            f"{what} is not whole in {wish.cache_dir}, and offline forbids to fetch it; run once with offline: false, "
            "or give a folder with the model by source"
        )
    if isinstance(exc, errors.HFValidationError):
        return f"repo_id must look like openai/gpt-oss-20b; found {wish.repo_id!r}"
    return f"{what} could not be fetched from {where}: {exc or type(exc).__name__}; check network, disk and permissions"
