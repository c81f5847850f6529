# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Hub's JSON documents: a repository's description, its tree, its refs. Pure functions over repositories."""

from __future__ import annotations

import hashlib
from typing import Any

from .repository import DATE, Commit, File, Repository


def info(repository: Repository, commit: Commit, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the description of a repository at a commit; ``blobs=true`` adds sizes and hashes of its files."""
    blobs = parameters.get("blobs", "").lower() in ("true", "1")
    author, _slash, _name = repository.repo_id.rpartition("/")
    return {
        "_id": hashlib.sha1(repository.repo_id.encode()).hexdigest()[:24],
        "id": repository.repo_id,
        "modelId": repository.repo_id,
        "author": author or None,
        "sha": commit.id,
        "lastModified": DATE,
        "createdAt": DATE,
        "private": repository.private,
        "gated": "manual" if repository.gated else False,
        "disabled": False,
        "downloads": 1,
        "likes": 1,
        "tags": [],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "usedStorage": sum(file.size for file in commit.files.values()),
        "siblings": [sibling(file, blobs) for file in commit.files.values()],
    }


def sibling(file: File, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": file.path}
    found: dict[str, Any] = {"rfilename": file.path, "blobId": file.oid, "size": file.size}
    if file.lfs:
        found["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return found


def refs(repository: Repository, pull_requests: bool) -> dict[str, Any]:
    def listed(kind: str, names: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit} for name, commit in names.items()]

    found = {"branches": listed("heads", repository.branches), "tags": listed("tags", repository.tags), "converts": []}
    return {**found, **({"pullRequests": []} if pull_requests else {})}


def tree(commit: Commit, folder: str, recursive: bool, expand: bool) -> list[dict[str, Any]] | None:
    """Return the entries below a folder, folders too, in the order of their paths; None for a folder that is not."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, file in commit.files.items():
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts)):
            name = prefix + "/".join(parts[:depth])
            if recursive or depth == 1:
                entries.setdefault(name, directory_entry(commit, name, expand))
        if recursive or len(parts) == 1:
            entries[path] = file_entry(commit, file, expand)
    if not entries and folder:
        return None
    return [entries[path] for path in sorted(entries)]


def directory_entry(commit: Commit, path: str, expand: bool) -> dict[str, Any]:
    oid = hashlib.sha1(f"{commit.id} {path}".encode()).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path, **(last_commit(commit) if expand else {})}


def file_entry(commit: Commit, file: File, expand: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    if file.lfs:
        found["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    if file.xet_hash:
        found["xetHash"] = file.xet_hash
    if expand:
        scan = {"status": "safe", "avScan": {"virusFound": False, "virusNames": None}, "pickleImportScan": None}
        found.update(last_commit(commit), securityFileStatus=scan)
    return found


def last_commit(commit: Commit) -> dict[str, Any]:
    return {"lastCommit": {"id": commit.id, "title": commit.title, "date": DATE}}
