# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: apt_index - one repository's index, fetched and verified by apt on its own before the host sees it.

`apt-get update` tells of a wrong key or of a dead server by warnings only, and keeps the old lists. So the repository
is tried out alone, with a sources file, a key and lists in a folder of their own, and the lists move to apt's only when
all of them could be read. Until then nothing on the host has changed.

Sources: apt-get(8), apt.conf(5), sources.list(5).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _file_lock, _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._index_errors import explain
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import Repository, RepositoryError

# A command to (exit code, stdout, stderr).
Runner = Callable[[list[str]], tuple[int, str, str]]

STATE = "/var/lib/apt"
LISTS = f"{STATE}/lists"
_QUOTED = '\\|{}[]<>"^~_=!@#$%^&*'
_TIMED_OUT = 124
# What a folder of lists has beside lists.
_OF_THE_FOLDER = ("lock", "partial", "auxfiles")
# Warnings that mean that an index was not read. All others are passed on.
_FAILURES = re.compile(
    r"Failed to fetch|GPG error|OpenPGP signature verification|[Ss]ignature verification|Some index files failed"
    r"|[Hh]ash [Ss]um mismatch|is not signed|Release file|component misspelt|could not be (read|verified)"
)


def list_name(uri: str) -> str:
    """Return the name that apt gives to the list it got from a URI: URItoFileName() of apt-pkg/contrib/fileutl.cc."""
    _scheme, _separator, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    plain = host.rpartition("@")[2] + slash + path
    return "".join(f"%{ord(c):02x}" if c in _QUOTED or not " " < c < "\x7f" else c for c in plain).replace("/", "_")


def has_lists(repository: Repository, lists: str = LISTS) -> bool:
    """Return whether apt has the packages of this repository in its lists."""
    start = list_name(repository.metadata_uri)
    folder = Path(lists)
    return folder.is_dir() and any(e.name.startswith(start) and "_Packages" in f"_{e.name}" for e in folder.iterdir())


def configuration(repository: Repository, stage: str, timeout: float) -> str:
    """Return apt's configuration for one repository alone. Hooks that refresh other programs' data stay out."""
    # Two tries of two files fit into the whole.
    stall = max(5, min(30, int(timeout / 6)))
    settings = {
        "Dir::Etc::sourcelist": f"{stage}/{Path(repository.path).name}",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": f"{stage}/lists/",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Update::Error-Mode": "any",
        "APT::Get::List-Cleanup": "0",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": stall,
        "Acquire::https::Timeout": stall,
    }
    hooks = ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")
    lines = [f'{key} "{value}";' for key, value in settings.items()]
    return "\n".join([*lines, *(f"#clear APT::Update::{hook};" for hook in hooks), ""])


def fetch(repository: Repository, key: str, files: _text_files.Texts, run: Runner, timeout: float) -> tuple[str, ...]:
    """Fetch and verify the index, then write the files and bring the lists to apt's; returns apt's warnings."""
    stage = tempfile.mkdtemp(dir=STATE, prefix=f"repository-{repository.name}-")
    try:
        # apt's methods run as the user _apt.
        Path(stage).chmod(0o755)
        Path(stage, "lists", "partial").mkdir(parents=True)
        warnings = _update(repository, key, stage, run, timeout)
        with _file_lock.held(f"{LISTS}/lock", timeout):
            _text_files.write(files)
            for entry in Path(stage, "lists").iterdir():
                if entry.name not in _OF_THE_FOLDER:
                    entry.replace(Path(LISTS, entry.name))
        return warnings
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _update(repository: Repository, key: str, stage: str, run: Runner, timeout: float) -> tuple[str, ...]:
    staged_key = f"{stage}/key.asc" if key else ""
    if key:
        _text_files.put(staged_key, key)
    text = replace(repository, key_path=staged_key).text()
    _text_files.put(f"{stage}/{Path(repository.path).name}", text)
    _text_files.put(f"{stage}/apt.conf", configuration(repository, stage, timeout))
    command = ["timeout", "--kill-after=5", f"{timeout:g}", "apt-get", "update", "-q", "-c", f"{stage}/apt.conf"]
    code, stdout, stderr = run(command)
    notes = [line for line in f"{stdout}\n{stderr}".splitlines() if re.match(r"[EWN]: ", line)]
    bad = [line for line in notes if line.startswith("E: ") or (line.startswith("W: ") and _FAILURES.search(line))]
    wanted = f"expected a readable index of {repository.name} at {repository.uri} (suite {repository.suite})"
    if code == _TIMED_OUT:
        raise RepositoryError(f"{wanted}, found no end after {timeout:g} s; check the network, or raise timeout")
    if code != 0 or bad:
        raise RepositoryError(f"{wanted}, found that {explain([*bad, *notes] or stderr.splitlines())}")
    if not has_lists(repository, f"{stage}/lists"):
        raise RepositoryError(f"{wanted}, found none for this architecture: {' / '.join(notes)}; correct the suite")
    return tuple(line[3:] for line in notes if line.startswith("W: "))
