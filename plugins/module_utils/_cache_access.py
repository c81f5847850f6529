# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cache access - who owns what in a cache, and who can read it.

Whoever may enter the cache's folder may read all that is in it: the rights below follow from the folder's own, as in
huggingface_hub's shared store. Rights are only given, never taken.
Standard library only.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError

_GROUP = stat.S_IRGRP | stat.S_IXGRP
_OTHERS = stat.S_IROTH | stat.S_IXOTH
_READ = stat.S_IRGRP | stat.S_IROTH
# huggingface_hub makes its lists of a commit's files readable by their owner alone. Who cannot read them does without,
# and vLLM 0.13 to 0.24 does better without.
_PRIVATE = "trees"
# The collection's own folder beside a model's snapshots.
_OWN = ".gpt_oss"


@dataclass(frozen=True)
class Wanted:
    """Who shall own all, by numbers; None leaves it as it is."""

    uid: Optional[int] = None
    gid: Optional[int] = None


@dataclass(frozen=True)
class Difference:
    """A file or folder that is not as it shall be, and how it is and shall be, as `root:root 0600`."""

    path: Path
    before: str
    after: str


@dataclass
class Survey:
    """What a cache holds in all: bytes and files, and by owner how many files.

    `foreign` belong to others than the cache's folder, `closed` cannot be read by some who can enter it, and `unseen`
    are folders that this user cannot look into.
    """

    n_bytes: int = 0
    n_files: int = 0
    owners: dict[str, int] = field(default_factory=dict)
    foreign: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    unseen: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """A file, link or folder: where it is, and its name in the open folder `fd`."""

    path: Path
    name: str
    fd: int
    status: os.stat_result

    @property
    def is_run_state(self) -> bool:
        """Whether it is what runs of this collection leave of themselves: each one's belong to who ran it."""
        return _OWN in self.path.parts and ("jobs" in self.path.parts or self.name == "lock")

    @property
    def is_linked(self) -> bool:
        """Whether it is a file that has another name, maybe outside of the cache: that one's rights are not ours."""
        return stat.S_ISREG(self.status.st_mode) and self.status.st_nlink > 1


def survey(cache_dir: Path) -> Survey:
    """Look at all that lies in a cache. Nothing is read but folders."""
    found = Survey()
    top = cache_dir.stat()
    inodes: set[tuple[int, int]] = set()
    for entry in _entries(cache_dir, found.unseen):
        status = entry.status
        owner = name_of(status.st_uid)
        found.owners[owner] = found.owners.get(owner, 0) + 1
        if status.st_uid != top.st_uid and not entry.is_run_state:
            found.foreign.append(entry.path)
        if _mode_of(entry, top, status.st_gid) != stat.S_IMODE(status.st_mode):
            found.closed.append(entry.path)
        if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in inodes:
            inodes.add((status.st_dev, status.st_ino))
            found.n_files += 1
            found.n_bytes += status.st_size
    return found


def differing(cache_dir: Path, wanted: Wanted, mend: bool = False) -> list[Difference]:
    """Return what in a cache has another owner or group, or cannot be read by who can enter it; mend it if so asked.

    What runs leave of themselves is mended and not told: the next run will leave it so again.
    Raises CacheError for what this user may not change.
    """
    top = cache_dir.stat()
    found = [(entry, _difference(entry, top, wanted, mend)) for entry in _entries(cache_dir, [])]
    return [difference for entry, difference in found if difference and not entry.is_run_state]


def wanted_of(owner: str, group: str) -> Wanted:
    """Return owner and group by number, given by name or number; empty texts leave them alone. Raises CacheError."""
    try:
        uid = None if not owner else int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        gid = None if not group else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as exc:
        raise CacheError(f"expected an owner and a group that the host knows, found none: {exc.args[0]}") from exc
    return Wanted(uid, gid)


def name_of(uid: int) -> str:
    """Return a user's name; the number where the host knows none, as for users of containers."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _entries(cache_dir: Path, unseen: list[Path]) -> Iterator[_Entry]:
    """Yield all below a folder. A model's folder may be a link, to another disk say; no other link is followed."""
    moved = [path for path in cache_dir.iterdir() if path.is_symlink() and "--" in path.name and path.is_dir()]
    for start in (cache_dir, *moved):
        yield from _within(Path(os.path.realpath(start)), None, unseen)


def _within(folder: Path, parent: Optional[int], unseen: list[Path]) -> Iterator[_Entry]:
    """Yield all below a folder, each by its open folder: a link put in its place meanwhile leads nowhere."""
    place = str(folder) if parent is None else folder.name
    try:
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except PermissionError:
        unseen.append(folder)
        return
    except (FileNotFoundError, NotADirectoryError):  # it went away meanwhile
        return
    try:
        for name in sorted(os.listdir(fd)):  # noqa: PTH208 - of an open folder
            with suppress(FileNotFoundError):
                entry = _Entry(folder / name, name, fd, os.stat(name, dir_fd=fd, follow_symlinks=False))
                yield entry
                if stat.S_ISDIR(entry.status.st_mode):
                    yield from _within(entry.path, fd, unseen)
    except PermissionError:  # a folder whose names can be read, and nothing else
        unseen.append(folder)
    finally:
        os.close(fd)


def _mode_of(entry: _Entry, top: os.stat_result, gid: int) -> int:
    """Return an entry's mode, with the right to read for all who may enter the cache's folder.

    Who may do so as one of its group is one of the others where an entry's group is another.
    """
    mode = stat.S_IMODE(entry.status.st_mode)
    is_folder = stat.S_ISDIR(entry.status.st_mode)
    private = entry.path.parent.name == _PRIVATE and "--" in entry.path.parent.parent.name
    if not (is_folder or stat.S_ISREG(entry.status.st_mode)) or entry.is_linked or private:
        return mode
    needed = 0
    if top.st_mode & _OTHERS == _OTHERS:
        needed |= _OTHERS | _GROUP
    if top.st_mode & _GROUP == _GROUP:
        needed |= _GROUP if gid == top.st_gid else _OTHERS
    return mode | (needed if is_folder else needed & _READ)


def _difference(entry: _Entry, top: os.stat_result, wanted: Wanted, mend: bool) -> Optional[Difference]:
    status = entry.status
    uid = status.st_uid if wanted.uid is None or entry.is_linked else wanted.uid
    gid = status.st_gid if wanted.gid is None or entry.is_linked else wanted.gid
    mode = _mode_of(entry, top, gid)
    before, after = _shown(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)), _shown(uid, gid, mode)
    if before == after:
        return None
    if mend:
        try:
            _mend(entry, uid, gid, mode)
        except PermissionError as exc:
            raise CacheError(
                f"expected to make {entry.path} {after}, found it {before} and no right to change that; run as root "
                "(ansible_become), or as its owner with owner and group left empty"
            ) from exc
    return Difference(entry.path, before, after)


def _mend(entry: _Entry, uid: int, gid: int, mode: int) -> None:
    if (uid, gid) != (entry.status.st_uid, entry.status.st_gid):
        os.chown(entry.name, uid, gid, dir_fd=entry.fd, follow_symlinks=False)
    if mode != stat.S_IMODE(entry.status.st_mode):
        # Not by name, as that could be a link by now.
        descriptor = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=entry.fd)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def _shown(uid: int, gid: int, mode: int) -> str:
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return f"{name_of(uid)}:{group} {mode:04o}"
