# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of the look-alike: commits with their files, and the branches and tags that point to them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from .content import Content, content_of

Given = Union[Content, Path, bytes, str]

# What .gitattributes of a new repository on the Hub tracks, as far as models have it, and the Hub's limit for git.
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".h5", ".gguf", ".msgpack", ".model", ".tar", ".zip")
LFS_SIZE = 10 * 1024 * 1024
DATE = "2025-08-26T17:25:03.000Z"


@dataclass(frozen=True)
class File:
    """One file of a commit. Of large ones git holds a pointer, and the content in LFS is named by its sha256."""

    path: str
    content: Content
    lfs: bool
    xet: bool = False

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.hashes()[0]

    @property
    def pointer(self) -> bytes:
        return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
            self.sha256.encode(),
            self.size,
        )

    @property
    def oid(self) -> str:
        """The git blob's sha1: the pointer's, for a file in LFS."""
        if not self.lfs:
            return self.content.hashes()[1]
        return hashlib.sha1(b"blob %d\0" % len(self.pointer) + self.pointer).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid

    @property
    def xet_hash(self) -> str | None:
        """A name of the content in the Xet store: 64 hex digits, as there, but not that store's Merkle hash."""
        return hashlib.sha256(b"xet " + self.sha256.encode()).hexdigest() if self.xet and self.lfs else None


@dataclass(frozen=True)
class Commit:
    """A commit: 40 hex digits and its files, in the order of their paths."""

    id: str
    files: dict[str, File]
    title: str = "Upload"


@dataclass
class Repository:
    """One repository. ``kind`` is the Hub's type in the plural, as its paths have it.

    A private one is there only for valid tokens; a gated one shows itself, but its files only to ``readers``.
    """

    repo_id: str
    kind: str = "models"
    xet: bool = False
    private: bool = False
    gated: bool = False
    readers: set[str] = field(default_factory=set)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(
        self,
        files: Mapping[str, Given],
        *,
        branch: str | None = "main",
        tag: str | None = None,
        commit: str | None = None,
        lfs: bool | None = None,
    ) -> str:
        """Add a commit with just these files; the branch and the tag point to it. Returns its 40 hex digits.

        ``lfs`` puts all files or none into LFS; by default the suffix and the size decide.
        """
        found = {path: self._file(path, content_of(given), lfs) for path, given in sorted(files.items())}
        if commit is None:
            names = "".join(f"{path} {file.size}\n" for path, file in found.items())
            commit = hashlib.sha1(f"{self.repo_id} {len(self.commits)}\n{names}".encode()).hexdigest()
        self.commits[commit] = Commit(commit, found)
        if branch is not None:
            self.branches[branch] = commit
        if tag is not None:
            self.tags[tag] = commit
        return commit

    def _file(self, path: str, content: Content, lfs: bool | None) -> File:
        large = path.endswith(LFS_SUFFIXES) or content.size > LFS_SIZE
        return File(path, content, large if lfs is None else lfs, self.xet)

    def add_folder(self, folder: Path, **options: str | None) -> str:
        """Add a commit with all files below a folder, but hidden ones."""
        names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
        seen = [name for name in names if not any(part.startswith(".") for part in name.parts)]
        files = {name.as_posix(): folder / name for name in seen}
        return self.commit(files, **options)  # type: ignore[arg-type]

    def resolve(self, revision: str) -> Commit | None:
        """Return the commit that a branch, a tag, a full ref or a commit names."""
        short = revision
        for prefix in ("refs/heads/", "refs/tags/"):
            short = short[len(prefix) :] if short.startswith(prefix) else short
        return self.commits.get(self.branches.get(short) or self.tags.get(short) or revision)

    def hash_all(self, workers: int = 2) -> None:
        """Compute all hashes now, so that no request waits for them."""
        files = [file for commit in self.commits.values() for file in commit.files.values()]
        todo = sorted({file.content for file in files}, key=lambda content: content.size)

        def work() -> None:
            while todo:
                try:
                    content = todo.pop()
                except IndexError:
                    return
                content.hashes()

        threads = [threading.Thread(target=work) for _number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
