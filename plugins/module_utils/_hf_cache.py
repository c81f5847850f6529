# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: Hugging Face cache - the layout of the cache, and what is in it.

The layout is `models--<org>--<name>/{blobs,refs,snapshots/<commit>}`: blobs named by their hash, a snapshot of relative
links to them, and a ref that names the commit of a branch. huggingface_hub and vLLM read it without a network.
Standard library only.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")
# A part of a name, as the Hub allows it and no file system takes it for anything else.
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?"
_REPO_ID = re.compile(rf"(?!.*\.\.)(?:{_PART}/)?{_PART}")
_REVISION = re.compile(rf"(?!.*\.\.){_PART}(?:/{_PART})*")


class CacheError(Exception):
    """The folder or the cache is not as it must be. The text says what was found and what to do."""


def refuse_odd_names(repo_id: str, revision: str) -> None:
    """Raise CacheError for names that lead out of the cache, or are no names of models and revisions at all."""
    if not _REPO_ID.fullmatch(repo_id):
        raise CacheError(f"repo_id must look like openai/gpt-oss-20b; found {repo_id!r}")
    if not _REVISION.fullmatch(revision):
        raise CacheError(f"revision must be a commit, a branch or a tag, such as main or refs/pr/1; found {revision!r}")


def repo_folder(cache_dir: str, repo_id: str) -> Path:
    """Return the folder of a model in the cache."""
    return Path(cache_dir) / ("models--" + repo_id.replace("/", "--"))


def repo_id_of(folder: Path) -> str:
    """Return the model whose folder that is."""
    return folder.name.partition("--")[2].replace("--", "/")


def is_commit(revision: str) -> bool:
    """Tell a full commit hash from the name of a branch or tag."""
    return _COMMIT.fullmatch(revision) is not None


def wanted(name: str, allow: Sequence[str] | None, ignore: Sequence[str] | None) -> bool:
    """Tell whether a file is wanted, by the Hub's rules: "*" crosses "/", and "folder/" means all in it."""

    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatch.fnmatchcase(name, p + "*" if p.endswith("/") else p) for p in patterns)

    if allow is not None and not matches(allow):
        return False
    return not (ignore is not None and matches(ignore))


def present_commit(cache_dir: str, repo_id: str, revision: str) -> str | None:
    """Return the commit that a revision has in the cache; None when the cache does not hold it."""
    folder = repo_folder(cache_dir, repo_id)
    commit: str | None = revision
    if not is_commit(revision):
        ref = folder / "refs" / revision
        commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else None
    return commit if commit and (folder / "snapshots" / commit).is_dir() else None
