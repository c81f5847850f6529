# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: parcel - the files of a folder or of a tar archive, read without unpacking it. Standard library only."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol, Union, cast

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _sums


class ParcelError(Exception):
    """The folder or archive cannot be used. The text says what was wanted, what was found, and what to do."""


class Parcel(Protocol):
    """Files by their relative names."""

    path: str

    def names(self) -> list[str]:
        """Return all names, sorted."""

    def state(self, name: str) -> list[Union[int, str]]:
        """Return what changes when the file does, the size first."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file; it can seek."""


class FilesParcel:
    """Files wherever they lie, by the names that they are given."""

    def __init__(self, path: str, files: Mapping[str, Path]) -> None:
        self.path = path
        self._files = files

    def names(self) -> list[str]:
        """Return the names of all files."""
        return sorted(self._files)

    def state(self, name: str) -> list[Union[int, str]]:
        """Return size, time of change and place."""
        path = self._files[name].resolve()
        status = path.stat()
        return [status.st_size, status.st_mtime_ns, str(path)]

    def open(self, name: str) -> IO[bytes]:
        """Open a file."""
        return self._files[name].open("rb", buffering=0)


class FolderParcel(FilesParcel):
    """The files below a folder. Links to files are followed, as snapshots of a cache consist of them."""

    def __init__(self, path: str) -> None:
        root = Path(path)
        super().__init__(path, {file.relative_to(root).as_posix(): file for file in root.rglob("*") if file.is_file()})


class TarParcel:
    """The files of an archive that is not compressed. A folder that holds all of them is no part of their names."""

    def __init__(self, path: str) -> None:
        self.path = path
        status = Path(path).stat()
        self._stamp: list[Union[int, str]] = [status.st_size, status.st_mtime_ns, str(Path(path).resolve())]
        try:
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115 - it is read until the end
            members_there = list(self._tar)
            places = {member.name for member in members_there if member.isfile()}
            # A link that leads out of the archive leads to nothing of it.
            files = [m for m in members_there if m.isfile() or (m.islnk() and m.linkname in places)]
        except (tarfile.TarError, EOFError) as exc:
            raise ParcelError(
                f"wanted a tar archive that is whole and not compressed at {path}, found: {exc}; copy it again, or "
                "unpack it and make it anew with tar -cf"
            ) from exc
        members = {member.name.removeprefix("./"): member for member in files}
        top = _common_folder(list(members))
        self._members = {name[len(top) :]: member for name, member in members.items()}

    def names(self) -> list[str]:
        """Return the names of all files."""
        return sorted(self._members)

    def state(self, name: str) -> list[Union[int, str]]:
        """Return size, the archive's time of change and place, and where in it the file begins."""
        member = self._real(name)
        return [member.size, *self._stamp, member.offset_data]

    def open(self, name: str) -> IO[bytes]:
        """Open a file."""
        file = self._tar.extractfile(self._members[name])
        return cast("IO[bytes]", file)

    def _real(self, name: str) -> tarfile.TarInfo:
        """Return where the contents of a file are: the same file under two names is in an archive once."""
        member = self._members[name]
        return self._tar.getmember(member.linkname) if member.islnk() else member


def open_parcel(path: str) -> Parcel:
    """Return the files of a folder or of an archive. Raises ParcelError."""
    if Path(path).is_dir():
        return FolderParcel(path)
    if Path(path).is_file():
        return TarParcel(path)
    raise ParcelError(f"wanted a folder or a tar archive at {path}, found none; correct the path")


def sums_of(parcel: Parcel) -> dict[str, str]:
    """Return the checksums that a parcel brings along, by name; empty when it brings none. Raises SumsError."""
    if _sums.NAME not in parcel.names():
        return {}
    with parcel.open(_sums.NAME) as file:
        return _sums.parse(file.read().decode("utf-8", "replace"), f"{parcel.path}: {_sums.NAME}")


def _common_folder(names: list[str]) -> str:
    tops = {name.partition("/")[0] for name in names if "/" in name}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""
