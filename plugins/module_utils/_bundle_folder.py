# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: bundle_folder - a bundle's folder, and its archive, are brought to what they shall hold."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _bundle, _sums, _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle import BundleError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_space import existing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import FilesParcel, ParcelError, TarParcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sum_memory import SumMemory

_RESERVE = 16 * 2**20


def outdated(folder: Path, files: Mapping[str, Path], sums: Mapping[str, str], memory: SumMemory) -> list[str]:
    """Return the names of files that the folder lacks, or has otherwise."""
    there = {name: folder / name for name in files if _is_like(folder / name, files[name])}
    apart = {name: path for name, path in there.items() if not path.samefile(files[name])}
    read = memory.sums(FilesParcel(str(folder), apart), apart)
    return sorted(name for name in files if name not in there or read.get(name, sums[name]) != sums[name])


def extra(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the files that are in the folder's parts and that nobody wants any more."""
    wanted = {folder / name for name in names}
    return sorted(path for part in _bundle.PARTS for path in (folder / part).rglob("*") if _is_extra(path, wanted))


def put(folder: Path, names: Sequence[str], files: Mapping[str, Path]) -> None:
    """Link files into the folder, or copy them where it is on another disk. Raises BundleError."""
    need_space(folder, sum(files[name].stat().st_size for name in names if not _same_disk(folder, files[name])))
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            try:
                os.link(files[name].resolve(), fresh)
            except OSError:
                shutil.copyfile(files[name], fresh)
            fresh.chmod(0o644)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)


def remove(folder: Path, paths: Sequence[Path]) -> None:
    """Remove files, and the folders that are empty then."""
    for path in paths:
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def archive_is_current(archive: Path, listing: str) -> bool:
    """Tell whether an archive holds the files of a list of checksums, by the list that it begins with."""
    try:
        parcel = TarParcel(str(archive))
        with parcel.open(_sums.NAME) as file:
            return file.read().decode() == listing
    except (OSError, KeyError, ParcelError):
        return False


def write_archive(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Write the folder's files into an archive; it bears its name when it is whole. Raises BundleError."""
    order = [_sums.NAME, _bundle.NAME, *sorted(set(names) - {_sums.NAME, _bundle.NAME})]
    archive.parent.mkdir(parents=True, exist_ok=True)
    need_space(archive.parent, sum((folder / name).stat().st_size for name in order))
    fresh = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        with tarfile.open(fresh, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in order:
                with (folder / name).open("rb") as file:
                    tar.addfile(_member(name, folder / name), file)
        fresh.replace(archive)
    finally:
        fresh.unlink(missing_ok=True)


def write_texts(folder: Path, texts: Mapping[str, str]) -> bool:
    """Write the document and the list of checksums; return whether they were others."""
    wanted: _text_files.Texts = {str(folder / name): text for name, text in texts.items()}
    changed = bool(_text_files.differing(wanted))
    if changed:
        _text_files.write(wanted)
    return changed


def need_space(folder: Path, n_bytes: int) -> None:
    """Raise BundleError where the disk has no room for that many bytes."""
    folder = existing(str(folder))
    free = shutil.disk_usage(folder).free
    if n_bytes and n_bytes + _RESERVE > free:
        raise BundleError(
            f"wanted {n_bytes:,} bytes of free space for the bundle, found {free:,} on the disk of {folder}; free "
            "some, or set bundle_path and bundle_archive to a larger disk"
        )


def _member(name: str, path: Path) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    status = path.stat()
    member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), 0o644
    return member


def _is_like(path: Path, origin: Path) -> bool:
    return path.is_file() and path.stat().st_size == origin.stat().st_size


def _is_extra(path: Path, wanted: set[Path]) -> bool:
    return not path.is_dir() and path not in wanted


def _same_disk(folder: Path, path: Path) -> bool:
    return existing(str(folder)).stat().st_dev == path.resolve().stat().st_dev
