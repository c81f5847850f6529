# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: bundle_models - where the wanted models lie: in a bundle, or in a folder or archive of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle import BundleError, model_of, need_texts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_folder import commit_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import SHA256, Listed
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import open_parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel_files import Reader, select

INFO_SPEC: dict[str, Any] = {
    "path": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "models": {"type": "list", "elements": "dict", "default": []},
}
# What hf_model leaves out too, unless told otherwise: copies in other formats.
_IGNORED = ("original/*", "metal/*")


def from_bundle(document: Mapping[str, Any], entry: Mapping[str, Any], path: str, remote: bool) -> dict[str, Any]:
    """Return an entry with the place of its files in a bundle. Raises BundleError."""
    need_texts("models", entry, ("repo_id",))
    model = model_of(document, entry["repo_id"], entry.get("revision"), path)
    return {**entry, "commit": model["commit"], "src": path, "prefix": model["path"], "remote_src": remote}


def from_source(entry: Mapping[str, Any], read: Reader) -> dict[str, Any]:
    """Return an entry with the place of its files in a folder or archive of its own.

    `read` is asked for checksums that it does not bring along. Raises BundleError, ParcelError, SumsError.
    """
    path = str(entry["source"])
    parcel = open_parcel(path)
    if "config.json" not in parcel.names():
        raise BundleError(
            f"wanted a model with its config.json in {path} on the controller, found none; correct source"
        )
    params = {
        "prefix": "",
        "files": None,
        "allow_patterns": entry.get("allow_patterns"),
        "ignore_patterns": list(entry.get("ignore_patterns", _IGNORED)),
    }
    files = select(parcel, params, read).files
    listing = {file.name: Listed(file.size, SHA256, file.sha256) for file in files}
    commit = commit_of(path, entry.get("revision", "main"), listing)
    return {**entry, "commit": commit, "src": path, "prefix": "", "remote_src": False}
