# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: repository_state - a repository as it is on the host and as it is wanted, and the way between."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _apt_index,
    _apt_sources,
    _dnf_index,
    _package_folder,
    _repository_key,
    _text_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._apt_index import Runner
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import (
    APT,
    Repository,
    RepositoryError,
    default_key_path,
    path_of,
    repository,
    wanted_fingerprints,
)


@dataclass(frozen=True)
class Change:
    """What differs, or differed: the files as wanted, and whether the index is to be read."""

    files: dict[str, Optional[str]]
    fingerprints: list[str] = field(default_factory=list)
    refresh: bool = False
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.files) or self.refresh


def absent(params: Mapping[str, Any], manager: str, check_mode: bool) -> Change:
    """Remove the repository's file, its key unless another file names it, and the index made of a folder."""
    path = path_of(params["name"], manager)
    key_path = params["key_path"] or default_key_path(params["name"], manager)
    used = manager == APT and any(source.signed_by == key_path for source in _apt_sources.others(path, set()))
    index = _package_folder.record_path(params["index_path"])
    gone: dict[str, Optional[str]] = dict.fromkeys([path, index, *([] if used else [key_path])])
    files = _text_files.differing(gone)
    change = Change(files, diff=_text_files.diff(files))
    if not check_mode:
        _text_files.write(files)
        if index in files:
            shutil.rmtree(params["index_path"])
    return change


def present(params: Mapping[str, Any], manager: str, check_mode: bool, run: Runner) -> Change:
    """Make the repository known, if its key is right and its index can be read; touch nothing before that."""
    wanted = repository(params, manager)
    patterns = [pattern.lstrip("/") for pattern in params["replaces"]]
    replaced = [str(path) for pattern in patterns for path in Path("/").glob(pattern) if str(path) != wanted.path]
    files: dict[str, Optional[str]] = {wanted.path: wanted.text(), **dict.fromkeys(replaced)}
    key, found = _key_on_disk(wanted, params)
    folder_changed = params["folder"] and not _package_folder.is_indexed(params["uri"], params["index_path"], manager)
    without_lists = manager == APT and not _apt_index.has_lists(wanted)
    refresh = params["refresh"] or folder_changed or without_lists
    if not refresh and (key or wanted.trusted) and not _text_files.differing(files):
        return Change({}, found)
    warnings: list[str] = []
    if not wanted.trusted:
        key, found = _key(params, key, found, check_mode, warnings)
        files = {wanted.key_path: key, **files} if key else files
    if manager == APT:
        _refuse_clashes(wanted, set(replaced))
    files = _text_files.differing(files)
    change = Change(files, found, True, _text_files.diff(files), warnings)
    if not check_mode:
        if folder_changed:
            _package_folder.make_index(params["uri"], params["index_path"], manager, run)
        fetch = _apt_index.fetch if manager == APT else _dnf_index.fetch
        warnings.extend(fetch(wanted, key, files, run, params["timeout"]))
    return change


def _key_on_disk(wanted: Repository, params: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the key that is in place, if it is what is asked for: then nothing needs to be fetched."""
    text = _text_files.read(wanted.key_path) if wanted.key_path else None
    if text is None:
        return "", []
    fingerprints = wanted_fingerprints(params["fingerprints"])
    try:
        armored, found = _repository_key.checked(text.encode("utf-8", "surrogateescape"), fingerprints, wanted.key_path)
        if not _repository_key.is_url(params["key"]):
            given = _repository_key.obtain(params["key"], params["timeout"])
            if armored != _repository_key.checked(given, fingerprints, params["key"])[0]:
                return "", []
    except RepositoryError:
        return "", []
    return (armored, found) if armored == text else ("", [])


def _key(
    params: Mapping[str, Any], there: str, found: list[str], check_mode: bool, warnings: list[str]
) -> tuple[str, list[str]]:
    """Return the key to be put in place, and its fingerprints."""
    origin = "the text in key" if params["key"].lstrip().startswith("-----BEGIN") else params["key"]
    try:
        data = _repository_key.obtain(params["key"], min(30, params["timeout"]))
    except _repository_key.KeyUnreachableError as exc:
        # A good key from an earlier run will do, and check mode on a bare host may come before the key.
        if not there and not check_mode:
            raise
        warnings.append(str(exc))
        return there, found
    return _repository_key.checked(data, wanted_fingerprints(params["fingerprints"]), origin)


def _refuse_clashes(wanted: Repository, replaced: set[str]) -> None:
    sources = _apt_sources.others(wanted.path, replaced)
    clashes = _apt_sources.clashes(sources, wanted.uri, wanted.suite, wanted.key_path)
    if clashes:
        files = ", ".join(sorted({source.path for source in clashes}))
        raise RepositoryError(
            f"expected no other file to name {wanted.uri} {wanted.suite} with another key, found {files}: apt would "
            "read no source at all; add it to replaces, or remove it"
        )
