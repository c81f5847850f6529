# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model inspect - which of a commit's wanted files are in the cache and right. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    Held,
    Listed,
    Stamp,
    folder_of,
    read_stamp,
)


@dataclass
class Findings:
    """What was found of the wanted files, by name: those that are right, lacking, or wrong, with what is wrong.

    `unread` are those that would have to be read to tell; there are none after `inspect` has read them.
    """

    good: dict[str, Held] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    unread: dict[str, Path] = field(default_factory=dict)


def known_blobs(model_folder: Path) -> dict[str, Held]:
    """Return what any stamp of a model tells of blobs that were verified, by their names."""
    stamps: Iterable[Optional[Stamp]] = (
        read_stamp(model_folder, path.name.partition(".")[0], whole=not path.name.endswith(".part.json"))
        for path in sorted(folder_of(model_folder).glob("*.json"))
    )
    return {held.blob: held for stamp in stamps if stamp for held in stamp.files.values()}


def glance(
    model_folder: Path, commit: str, wanted: Mapping[str, Listed], known: Mapping[str, Held], reread: bool = False
) -> Findings:
    """Look at sizes and times only. With `reread`, nothing that was verified earlier is believed."""
    found = Findings()
    for name, listed in sorted(wanted.items()):
        path = _content(model_folder, commit, name, listed)
        if path is None:
            found.missing.append(name)
            continue
        status = path.stat()
        held = known.get(listed.digest)
        if status.st_size != listed.size:
            found.damaged[name] = f"{status.st_size:,} bytes instead of {listed.size:,}"
        elif not reread and held and (held.size, held.mtime_ns) == (status.st_size, status.st_mtime_ns):
            found.good[name] = held
        else:
            found.unread[name] = path
    return found


def inspect(
    found: Findings, wanted: Mapping[str, Listed], count: Optional[Callable[[int], None]] = None, workers: int = 0
) -> Findings:
    """Read what a glance could not tell, in parallel, and return the findings without anything unread.

    `count` is told of each piece that was read, in bytes.
    """
    done = Findings(dict(found.good), list(found.missing), dict(found.damaged))
    names: dict[Path, list[str]] = {}
    for name, path in found.unread.items():
        names.setdefault(path, []).append(name)
    algorithms = {path: wanted[some[0]].algorithm for path, some in names.items()}
    for path, read in digests_of(algorithms, workers, count):
        for name in names[path]:
            listed = wanted[name]
            if read.error:
                done.damaged[name] = read.error
            elif read.by(listed.algorithm) != listed.digest:
                done.damaged[name] = f"{listed.algorithm} {read.by(listed.algorithm)} instead of {listed.digest}"
            else:
                done.good[name] = Held(read.size, read.mtime_ns, read.sha256, listed.digest)
    return done


def _content(model_folder: Path, commit: str, name: str, listed: Listed) -> Optional[Path]:
    """Return the file that holds, or should hold, the contents: the snapshot's own, or a blob of that name."""
    for path in (model_folder / "snapshots" / commit / name, model_folder / "blobs" / listed.digest):
        if path.is_file():
            return Path(os.path.realpath(path))
    return None
