# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model stamp - what was found out about a snapshot: its commit's files, and which of them were verified.

It lies beside the snapshots, in `models--<org>--<name>/.gpt_oss/<commit>.json`, and is there only when every wanted
file was verified. Until then the same is kept in `<commit>.part.json`, so that a run that was killed need not begin
anew.
Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _text_files

FORMAT = 1
# The algorithms by which the Hub names contents: sha256 for large files, git's hash of a blob for small ones.
SHA256 = "sha256"
GIT_SHA1 = "git_sha1"
_NUMBERS = ("size", "mtime_ns")


@dataclass(frozen=True)
class Listed:
    """A file of a commit as its origin lists it: its size in bytes, and its hash by one of the algorithms above.

    The hash is the file's name in `blobs/` too.
    """

    size: int
    algorithm: str
    digest: str


@dataclass(frozen=True)
class Held:
    """A verified file: size in bytes and time of change of its contents then, their sha256, its name in `blobs/`."""

    size: int
    mtime_ns: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class Stamp:
    """What is known of a commit. `origin` is where its list came from: hub, folder, peers, or cache.

    `listing` holds all its files, by relative name, those that were left out too; `files` those that were verified.
    """

    repo_id: str
    commit: str
    origin: str
    listing: Mapping[str, Listed]
    files: Mapping[str, Held] = field(default_factory=dict)


def folder_of(model_folder: Path) -> Path:
    """Return where the collection keeps what it needs beside a model's snapshots."""
    return model_folder / ".gpt_oss"


def stamp_path(model_folder: Path, commit: str, whole: bool = True) -> Path:
    """Return where a commit's stamp lies; `whole`: the one that says that all wanted files were verified."""
    return folder_of(model_folder) / f"{commit}{'' if whole else '.part'}.json"


def read_stamp(model_folder: Path, commit: str, whole: bool = True) -> Optional[Stamp]:
    """Return a commit's stamp; None when there is none that can be read."""
    try:
        return _parsed(_json_text.loads(stamp_path(model_folder, commit, whole).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_stamp(model_folder: Path, stamp: Stamp, whole: bool = True) -> bool:
    """Replace a commit's stamp at once, and remove the other of the two; return whether anything changed."""
    path, other = (stamp_path(model_folder, stamp.commit, which) for which in (whole, not whole))
    text = json.dumps({"format": FORMAT, **asdict(stamp)}, indent=1, sort_keys=True) + "\n"
    if _text_files.read(str(path)) == text and not other.exists():
        return False
    # The one that promises less is there before the other goes, and goes after the other is there.
    _text_files.put(str(path), text)
    _text_files.put(str(other), None)
    return True


def manifest(stamp: Stamp) -> bytes:
    """Return what another host needs to know of the verified files: the same bytes on each host that holds the same."""
    files = {name: {"size": f.size, "sha256": f.sha256, "blob": f.blob} for name, f in stamp.files.items()}
    listing = {name: asdict(listed) for name, listed in stamp.listing.items()}
    document = {
        "format": FORMAT,
        "repo_id": stamp.repo_id,
        "commit": stamp.commit,
        "files": files,
        "listing": listing,
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def from_manifest(content: bytes) -> Stamp:
    """Return a stamp as a manifest tells it; what it calls held has still to be verified here. Raises ValueError."""
    try:
        document = _json_text.loads(content)
        files = {name: {**held, "mtime_ns": 0} for name, held in document["files"].items()}
        return _parsed({**document, "origin": "peers", "files": files})
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"this is no manifest of a model: {content[:80]!r}") from exc


def _parsed(document: Mapping[str, Any]) -> Stamp:
    if document["format"] != FORMAT:
        raise ValueError(f"this is of format {document['format']}, wanted {FORMAT}")
    for entry in (*document["listing"].values(), *document["files"].values()):
        if not all(isinstance(value, int if name in _NUMBERS else str) for name, value in entry.items()):
            raise TypeError("a file is not told as it is written here")
    return Stamp(
        str(document["repo_id"]),
        str(document["commit"]),
        str(document["origin"]),
        {name: Listed(**listed) for name, listed in document["listing"].items()},
        {name: Held(**held) for name, held in document["files"].items()},
    )
