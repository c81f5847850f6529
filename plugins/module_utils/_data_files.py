# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: data files, which files the evals' tasks want, where from, and whether they are the official ones."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS, unknown_tasks

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class DataError(Exception):
    """Data files cannot be had, or what is asked for makes no sense."""


@dataclass(frozen=True)
class WantedFile:
    """One file of a task: its places in the order in which they are tried, addresses or paths; ``sha256`` in hex."""

    task: str
    places: tuple[str, ...]
    sha256: Optional[str] = None

    @property
    def name(self) -> str:
        """The file's name in the cache and on the hosts, whatever place it comes from: that of the first place."""
        return re.split(r"[?#]", self.places[0])[0].rstrip("/").rpartition("/")[2]


def is_address(place: str) -> bool:
    """Return whether a place must be fetched over the network."""
    return place.startswith(("http://", "https://"))


def wanted_files(data: Mapping[str, Any], sha256: Mapping[str, Any]) -> list[WantedFile]:
    """Return the files of all tasks in order.

    data: for each task its files, each a place or a list of places; sha256: for some tasks their files' checksums.
    DataError lists all that is wrong with them.
    """
    problems = list(filter(None, [unknown_tasks(list(data))]))
    wanted: list[WantedFile] = []
    for task, given in data.items():
        if task not in TASKS:
            continue
        files = [_places(item) for item in _as_list(given)]
        sums = [str(digest).lower() for digest in _as_list(sha256.get(task) or [])]
        found = _problems(task, files, sums)
        problems += found
        if not found:
            wanted += [WantedFile(task, places, sums[number] if sums else None) for number, places in enumerate(files)]
    names = Counter(file.name for file in wanted)
    for name in sorted(name for name, count in names.items() if count > 1):
        problems.append(f"{names[name]} files are named {name}; rename one, as they lie in one folder on the hosts")
    if problems:
        raise DataError("; ".join(problems))
    return wanted


def _problems(task: str, files: Sequence[Sequence[str]], sums: Sequence[str]) -> list[str]:
    problems = []
    sources = TASKS[task].default_sources
    if len(files) != len(sources) or not all(files):
        problems.append(
            f"task {task}: wanted {len(sources)} data file(s), found {len(files)}; give the counterparts of "
            f"{', '.join(sources)}, in this order"
        )
    places = [place for file in files for place in file if not is_address(place)]
    relative = [place for place in places if not Path(place).expanduser().is_absolute()]
    if relative:
        problems.append(
            f"task {task}: wanted addresses (http or https) or whole paths, found {', '.join(relative)}; write the "
            "whole path, as with {{ inventory_dir }} before it"
        )
    bad = [digest for digest in sums if not _SHA256.fullmatch(digest)]
    if bad or (sums and len(sums) != len(sources)):
        problems.append(
            f"task {task}: wanted {len(sources)} sha256 checksum(s) of 64 hex digits, found {', '.join(sums)}; "
            "give one for each file, in the files' order"
        )
    return problems


def unofficial(task: str, sha256: Sequence[str]) -> Optional[str]:
    """Return what tells these files from the task's official ones, as a sentence; None when nothing does."""
    official = TASKS[task].source_sha256
    if not official or list(official) == list(sha256):
        return None
    differing = [f"sha256 {found} instead of {wanted}" for found, wanted in zip(sha256, official) if found != wanted]
    return (
        f"The data of {task} is not the official one ({'; '.join(differing)}): its scores cannot be compared with "
        f"published ones. If that is meant, give its checksums."
    )


def _places(item: Any) -> tuple[str, ...]:
    return tuple(str(place) for place in _as_list(item) if place)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
