# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: parcel_files - which files of a parcel are meant, and what their checksums are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _sums
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import wanted
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel, ParcelError, sums_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._staging import Wanted

SPEC: dict[str, Any] = {
    "src": {"type": "path", "required": True},
    "prefix": {"type": "str", "default": ""},
    "files": {"type": "list", "elements": "str"},
    "allow_patterns": {"type": "list", "elements": "str"},
    "ignore_patterns": {"type": "list", "elements": "str"},
    "dest": {"type": "path", "required": True},
    "known": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "in_place": {"type": "bool", "default": False},
}
# What tools leave in a folder, and nobody means.
_FOREIGN = (".cache/", ".git/")
Reader = Callable[[Parcel, Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Selection:
    """The files that are meant, named below a prefix, which ends in a slash unless it is empty."""

    prefix: str
    files: tuple[Wanted, ...]


def select(parcel: Parcel, params: Mapping[str, Any], read: Optional[Reader] = None) -> Selection:
    """Return the files that the parameters mean. Raises ParcelError, SumsError.

    The checksums are those that the parcel brings along. `read` is asked where it brings none, and may read the files;
    without it that is an error.
    """
    prefix = f"{params['prefix'].strip('/')}/" if params["prefix"].strip("/") else ""
    there, listed = parcel.names(), sums_of(parcel)
    patterns = (params["allow_patterns"], params["ignore_patterns"])
    below = [name[len(prefix) :] for name in listed or there if name.startswith(prefix)]
    names = params["files"] if params["files"] is not None else [n for n in below if _meant(n) and wanted(n, *patterns)]
    odd = [name for name in names if not _sums.is_plain(name)]
    if odd:
        raise ParcelError(f"wanted names in {parcel.path} that stay within it, found {odd[0]!r}; make it again")
    refuse_absent(parcel, prefix, names, set(there))
    if listed:
        unlisted = [prefix + name for name in names if prefix + name not in listed]
        if unlisted:
            raise ParcelError(f"wanted {unlisted[0]} in {parcel.path}/{_sums.NAME}, found no such line; make it again")
        sums: Mapping[str, str] = {name: listed[prefix + name] for name in names}
    elif read:
        told = read(parcel, [prefix + name for name in names])
        sums = {name: told[prefix + name] for name in names}
    else:
        raise ParcelError(
            f"wanted the checksums of all files in {parcel.path}/{_sums.NAME}, found no such file; make it there with "
            f"sha256sum, or take a folder that the playbook gpt_oss.fleet.bundle made"
        )
    return Selection(prefix, tuple(Wanted(name, int(parcel.state(prefix + name)[0]), sums[name]) for name in names))


def refuse_absent(parcel: Parcel, prefix: str, names: Sequence[str], there: set[str]) -> None:
    """Raise ParcelError where files are missing, naming them, or where there is none."""
    absent = [prefix + name for name in names if prefix + name not in there]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise ParcelError(
            f"wanted {absent[0]}{more} in {parcel.path}, found no such file; copy it there again, or make the bundle "
            "again with it"
        )
    if not names:
        raise ParcelError(f"wanted files below {prefix or 'its top'} in {parcel.path}, found none; correct the path")


def damaged_text(path: str, names: Sequence[str]) -> str:
    """Return what is said of files that are not as their checksums say."""
    return (
        f"wanted the files of {path} as {_sums.NAME} says, found {', '.join(names)} damaged; copy "
        f"{'it' if len(names) == 1 else 'them'} there again (sha256sum -c {_sums.NAME} checks all)"
    )


def _meant(name: str) -> bool:
    return name != _sums.NAME and not name.startswith(_FOREIGN)
