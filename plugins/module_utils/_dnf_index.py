# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: dnf_index - one repository's index, fetched and verified by dnf before its file is put in place.

dnf names a repository's cache after its id and address, so the cache that the trial fills is the one used later.
Sources: dnf(8), dnf.conf(5).
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._apt_index import Runner
from ansible_collections.gpt_oss.fleet.plugins.module_utils._index_errors import explain
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import Repository, RepositoryError

_TIMED_OUT = 124


def command(repository: Repository, stage: str, timeout: float) -> list[str]:
    """Return the command that reads the index of the one repository described in the folder `stage`."""
    stall = max(5, min(30, int(timeout / 6)))
    options = {
        "reposdir": stage,
        f"{repository.name}.skip_if_unavailable": "0",
        "timeout": stall,
        "retries": "1",
    }
    settings = [f"--setopt={key}={value}" for key, value in options.items()]
    limit = ["timeout", "--kill-after=5", f"{timeout:g}"]
    return [*limit, "dnf", "-y", *settings, f"--repo={repository.name}", "--refresh", "makecache"]


def fetch(repository: Repository, key: str, files: _text_files.Texts, run: Runner, timeout: float) -> tuple[str, ...]:
    """Read and verify the index, then write the files, and have rpm trust the key; returns warnings."""
    stage = tempfile.mkdtemp(prefix=f"repository-{repository.name}-")
    try:
        staged_key = f"{stage}/key.asc" if key else ""
        if key:
            _text_files.put(staged_key, key)
        text = replace(repository, key_path=staged_key).text()
        _text_files.put(f"{stage}/{Path(repository.path).name}", text)
        code, stdout, stderr = run(command(repository, stage, timeout))
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    wanted = f"expected a readable index of {repository.name} at {repository.uri}"
    said = [*stderr.splitlines(), *stdout.splitlines()]
    if code == _TIMED_OUT:
        waiting = [line for line in said if "aiting for process" in line]
        why = f": {waiting[-1].strip()}" if waiting else "; check the network, or raise timeout"
        raise RepositoryError(f"{wanted}, found no end after {timeout:g} s{why}")
    if code != 0:
        raise RepositoryError(f"{wanted}, found that {explain(said)}")
    _text_files.write(files)
    if repository.key_path in files:
        _trust(repository.key_path, run)
    return ()


def _trust(key_path: str, run: Runner) -> None:
    """Have rpm accept packages that the key signed, so that no later installation asks."""
    code, stdout, stderr = run(["rpm", "--import", key_path])
    if code != 0:
        raise RepositoryError(
            f"expected rpm to import {key_path}, found: {(stderr or stdout).strip()}; "
            "correct key (a policy against SHA-1 refuses old keys)"
        )
