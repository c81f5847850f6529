# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: weights, which verified files a container serves, by the stamp that hf_model left in the mounted cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import repo_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import commit_named
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Stamp, read_stamp
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_users import use_of


def weights_of(container: Mapping[str, Any]) -> Optional[dict[str, str]]:
    """Return the commit and the sha256 of the files that an inspected container serves; None where no stamp tells.

    Where a server names no revision it takes what main is.
    """
    config = container.get("Config") or {}
    words = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    use = use_of("", words, config.get("Labels") or {}, config.get("Env") or [])
    if not use.repo_id:
        return None
    for folder in _folders(container, use.repo_id):
        for revision in use.revisions or ("main",):
            commit = _commit(folder, revision)
            stamp = read_stamp(folder, commit) if commit else None
            if stamp is not None:
                return {"commit": stamp.commit, "sha256": files_sha256(stamp)}
    return None


def files_sha256(stamp: Stamp) -> str:
    """Return one sha256 for the names and contents of all verified files, in hex."""
    lines = (f"{held.sha256}  {name}\n" for name, held in sorted(stamp.files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _folders(container: Mapping[str, Any], repo_id: str) -> Iterator[Path]:
    """Yield where the model may lie in what is mounted: a cache, or the folder above it ($HF_HOME)."""
    for mount in container.get("Mounts") or []:
        source = mount.get("Source")
        for cache in (source, f"{source}/hub") if source else ():
            yield repo_folder(cache, repo_id)


def _commit(folder: Path, revision: str) -> Optional[str]:
    try:
        return commit_named(folder, revision)
    except (OSError, ValueError):
        return None
