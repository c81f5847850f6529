# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: package_folder - the index of a plain folder of packages, made again only when the folder has changed.

The index lies in a folder of its own. Formats: Debian's repository format (Packages, Release), createrepo_c(8).
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._apt_index import Runner
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import APT, RepositoryError

_CONTENTS = "contents.json"


def contents(folder: str, suffix: str) -> list[list[object]]:
    """Return name, size and modification time of each package in the folder."""
    wanted = f"expected a folder of *{suffix} packages at {folder}"
    if not Path(folder).is_dir():
        raise RepositoryError(f"{wanted}, found no folder; copy the packages there, or correct uri")
    found: list[list[object]] = [
        [file.name, file.stat().st_size, file.stat().st_mtime_ns]
        for file in sorted(Path(folder).glob(f"*{suffix}"))
        if file.is_file()
    ]
    if not found:
        raise RepositoryError(f"{wanted}, found none in it; copy the packages there, or correct uri")
    return found


def is_indexed(folder: str, index_path: str, manager: str) -> bool:
    """Return whether the index is of what lies in the folder now."""
    known = _text_files.read(record_path(index_path))
    return known == _record(folder, contents(folder, suffix_of(manager)))


def record_path(index_path: str) -> str:
    """Return the file that says of what the index is."""
    return f"{index_path}/{_CONTENTS}"


def suffix_of(manager: str) -> str:
    """Return how a package file's name ends."""
    return ".deb" if manager == APT else ".rpm"


def make_index(folder: str, index_path: str, manager: str, run: Runner) -> None:
    """Make the index anew."""
    found = contents(folder, suffix_of(manager))
    maker: Callable[[str, str, Runner], None] = _apt if manager == APT else _dnf
    maker(folder, index_path, run)
    _text_files.put(record_path(index_path), _record(folder, found))


def _record(folder: str, found: list[list[object]]) -> str:
    return json.dumps({"folder": folder, "packages": found}) + "\n"


def _apt(folder: str, index_path: str, run: Runner) -> None:
    stanzas = [_stanza(file, run) for file in sorted(Path(folder).glob("*.deb"))]
    packages = "\n".join(stanzas).encode("utf-8")
    digest = hashlib.sha256(packages).hexdigest()
    # apt warns of an index that does not call itself what the sources file calls it.
    head = f"Suite: {index_path.strip('/')}\nDate: {email.utils.formatdate(usegmt=True)}\n"
    release = f"{head}SHA256:\n {digest} {len(packages)} Packages\n"
    _text_files.put(f"{index_path}/Packages", packages)
    _text_files.put(f"{index_path}/Release", release)


def _stanza(file: Path, run: Runner) -> str:
    code, stdout, stderr = run(["dpkg-deb", "--field", str(file)])
    if code != 0:
        raise RepositoryError(
            f"expected a Debian package in {file}, found: {stderr.strip()}; copy the file again, or remove it"
        )
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    fields = {"Filename": str(file).lstrip("/"), "Size": file.stat().st_size, "SHA256": digest.hexdigest()}
    return stdout.strip("\n") + "\n" + "".join(f"{key}: {value}\n" for key, value in fields.items())


def _dnf(folder: str, index_path: str, run: Runner) -> None:
    if not shutil.which("createrepo_c"):
        raise RepositoryError(
            f"expected createrepo_c, to make the index of {folder}, found no such command; install the package "
            "createrepo_c, or run createrepo_c on the folder elsewhere and set folder to false"
        )
    Path(index_path).mkdir(parents=True, exist_ok=True)
    code, stdout, stderr = run(
        ["createrepo_c", "--quiet", "--update", "--outputdir", index_path, "--baseurl", f"file://{folder}", folder]
    )
    if code != 0:
        said = (stderr or stdout).strip()
        raise RepositoryError(f"expected createrepo_c to read {folder}, found: {said}; copy the packages again")
