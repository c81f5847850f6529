# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.bundle: a folder holds all that hosts without internet need, with checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Keeps a bundle of what hosts without internet need
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Lays models, vocabulary, data sets, wheels and images out in one folder, with C(bundle.json), which says what they
    are, and C(SHA256SUMS), which C(sha256sum -c) checks. On request a tar archive is made of it.
  - Files are linked into the folder where it is on their disk, and copied elsewhere. What is there already is left as
    it is; what is no longer wanted is removed from the folder's parts.
options:
  path:
    description: The folder.
    type: path
    required: true
  archive:
    description: A tar archive of the folder, not compressed, as weights do not shrink.
    type: path
  models:
    description: >-
      The models, each with C(repo_id), C(revision), C(commit), and the C(path) of its snapshot, as
      M(gpt_oss.fleet.hf_model) returns them.
    type: list
    elements: dict
    default: []
  vocabulary:
    description: The vocabulary's files.
    type: list
    elements: path
    default: []
  data:
    description: The files of each data set, in order, by the task's name.
    type: dict
    default: {}
  wheels:
    description: A folder of wheels.
    type: path
  wheels_info:
    description: What is said of the wheels in C(bundle.json).
    type: dict
    default: {}
  images:
    description: The paths of images' archives, as C(docker save) makes them, by the images' names.
    type: dict
    default: {}
  memory:
    description: A file for the checksums of files that were read, so that they are read once.
    type: path
    required: true
attributes:
  check_mode:
    description: Tells which files would be laid out or removed.
    support: full
  diff_mode:
    description: Shows bundle.json before and after.
    support: full
"""

EXAMPLES = r"""
- name: Lay out the bundle
  gpt_oss.fleet.bundle:
    path: /srv/gpt-oss-bundle
    models: "{{ gpt_oss_models }}"
    memory: /srv/gpt-oss-bundle.cache/sums.json
"""

RETURN = r"""
bundle:
  description: What C(bundle.json) holds.
  type: dict
  returned: success
files:
  description: The files that were laid out anew, or would be in check mode.
  type: list
  elements: str
  returned: success
removed:
  description: The files that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
bytes:
  description: The size of all files.
  type: int
  returned: success
sha256:
  description: The checksum of C(SHA256SUMS). Whoever carries the bundle can compare it on the other side.
  type: str
  returned: success
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _bundle,
    _bundle_folder,
    _private_folder,
    _sums,
    _text_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle import BundleError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import FilesParcel, FolderParcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sum_memory import SumMemory

ARGUMENT_SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "archive": {"type": "path"},
    "models": {"type": "list", "elements": "dict", "default": []},
    "vocabulary": {"type": "list", "elements": "path", "default": []},
    "data": {"type": "dict", "default": {}},
    "wheels": {"type": "path"},
    "wheels_info": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "memory": {"type": "path", "required": True},
}


def files_of(params: Mapping[str, Any]) -> dict[str, Path]:
    """Return where each file of the bundle comes from, by its name in the bundle. Raises BundleError."""
    files = {}
    _check(params)
    for model in params["models"]:
        root = Path(model["path"])
        for name in FolderParcel(str(root)).names():
            files[f"{_bundle.model_place(model['repo_id'], model['commit'])}/{name}"] = root / name
    loose = {"vocabulary": params["vocabulary"], "data": [path for group in params["data"].values() for path in group]}
    loose["images"] = list(params["images"].values())
    for part, paths in loose.items():
        for path in paths:
            name = f"{part}/{Path(path).name}"
            if name in files and files[name] != Path(path):
                raise BundleError(f"wanted one file for {name}, found {files[name]} and {path}; rename one of them")
            files[name] = Path(path)
    if params["wheels"]:
        files |= {f"wheels/{path.name}": path for path in sorted(Path(params["wheels"]).glob("*.whl"))}
    absent = sorted(str(path) for path in files.values() if not path.is_file())
    if absent:
        raise BundleError(f"wanted the file {absent[0]} for the bundle, found none; bring it, or correct its path")
    return files


def _check(params: Mapping[str, Any]) -> None:
    for model in params["models"]:
        _bundle.need_texts("models", model, ("repo_id", "revision", "commit", "path"))
    for task, paths in params["data"].items():
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise BundleError(f"wanted a list of paths as data.{task}, found {str(paths)[:200]}; correct data")
    for image, path in params["images"].items():
        if not isinstance(path, str):
            raise BundleError(f"wanted a path as images.{image}, found {str(path)[:200]}; correct images")


def document_of(params: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """Return what the bundle's document says, but for its format."""

    def n_bytes(prefix: str) -> int:
        return sum(path.stat().st_size for name, path in files.items() if name.startswith(prefix))

    models = []
    for model in params["models"]:
        place = _bundle.model_place(model["repo_id"], model["commit"])
        told = {name: model[name] for name in ("repo_id", "revision", "commit")}
        models.append({**told, "path": place, "bytes": n_bytes(f"{place}/")})
    return {
        "models": models,
        "vocabulary": sorted(f"vocabulary/{Path(path).name}" for path in params["vocabulary"]),
        "data": {task: [f"data/{Path(path).name}" for path in paths] for task, paths in params["data"].items()},
        "wheels": {**params["wheels_info"], "bytes": n_bytes("wheels/")} if params["wheels"] else {},
        "images": {image: f"images/{Path(path).name}" for image, path in params["images"].items()},
        "bytes": n_bytes(""),
    }


def _archive(given: str | None) -> Path | None:
    """Return the archive's path, None where none is wanted. Raises BundleError for one that is no file's."""
    path = Path(given) if given else None
    if path is not None and (path.name in ("", "..") or path.is_dir()):
        raise BundleError(f"wanted the path of a file as archive, found {given!r}; name one, such as bundle.tar")
    return path


def bring(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the bundle about and return the result. Raises BundleError."""
    folder, memory = Path(params["path"]), SumMemory(params["memory"])
    files = files_of(params)
    sums = memory.sums(FilesParcel("the bundle's sources", files), files)
    document = _bundle.render(document_of(params, files))
    listing = _sums.render({**sums, _bundle.NAME: hashlib.sha256(document.encode()).hexdigest()})
    names = _bundle_folder.outdated(folder, files, sums, memory)
    removed = _bundle_folder.extra(folder, list(files))
    texts = {_bundle.NAME: document, _sums.NAME: listing}
    before = _text_files.read(str(folder / _bundle.NAME)) or ""
    archive = _archive(params["archive"])
    changed = bool(names or removed or _text_files.differing({str(folder / n): text for n, text in texts.items()}))
    stale = archive is not None and not _bundle_folder.archive_is_current(archive, listing)
    if not check_mode:
        _bundle_folder.put(folder, names, files)
        _bundle_folder.remove(folder, removed)
        wrong = _bundle_folder.outdated(folder, files, sums, memory)
        if wrong:
            raise BundleError(f"wanted {wrong[0]} in {folder} as it was read, found otherwise; its disk is at fault")
        _bundle_folder.write_texts(folder, texts)
        if archive and stale:
            _bundle_folder.write_archive(archive, folder, list(files))
    return {
        "changed": changed or stale,
        "bundle": document_of(params, files),
        "files": names,
        "removed": [str(path.relative_to(folder)) for path in removed],
        "bytes": sum(path.stat().st_size for path in files.values()),
        "sha256": hashlib.sha256(listing.encode()).hexdigest(),
        "diff": {"before": before, "after": document},
    }


def main() -> None:
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = bring(module.params, module.check_mode)
    except (BundleError, _sums.SumsError, OSError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
