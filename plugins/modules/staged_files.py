# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.staged_files: files of a folder or archive are on the host, each with the right sha256."""

from __future__ import annotations

DOCUMENTATION = r"""
module: staged_files
short_description: Brings files of a folder or a tar archive to the host, each proven by its sha256
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Brings files, large ones too, from the controller to the host over Ansible's connection, or from elsewhere on the
    host.
  - Each file is compared with its sha256 when it has come. Checksums are taken from C(SHA256SUMS) in O(src), a list as
    sha256sum(1) writes it; without one, from the files as they are on the controller.
  - Files that are there are not sent again. What was cut off in mid-file goes on at the byte where it was cut off.
  - A copy goes straight to the disk of O(dest), and needs no other space on the host and none on the controller.
options:
  src:
    description: A folder, or a tar archive that is not compressed, on the controller; see O(remote_src).
    type: path
    required: true
  prefix:
    description: The folder in O(src) whose files are meant.
    type: str
    default: ""
  files:
    description: The files, by their names below O(prefix); all of them by default.
    type: list
    elements: str
  allow_patterns:
    description: Only files that match one of these patterns; V(*) also matches V(/).
    type: list
    elements: str
  ignore_patterns:
    description: No file that matches one of these patterns.
    type: list
    elements: str
  dest:
    description: The folder on the host. Files are laid out in it as below O(prefix), readable by all.
    type: path
    required: true
  known:
    description:
      - A folder on the host where the files may lie already. What lies there is linked or copied from there; where all
        do, O(dest) is not made at all.
    type: path
  remote_src:
    description: Whether O(src) is on the host, say on a shared file system. It must bring its checksums along then.
    type: bool
    default: false
  in_place:
    description:
      - Whether the files of a folder on the host are only compared with their checksums, and left where they are.
      - Those of an archive, and of the controller, come to O(dest) all the same.
    type: bool
    default: false
  state:
    description:
      - V(present) - the files are there. The action plugin brings about what is on the controller by V(looked), which
        tells what is missing, and V(settled), which puts what has come into its place. They are for its use.
    type: str
    choices: [present, looked, settled]
    default: present
  wanted:
    description: What the action plugin found in O(src). For its use.
    type: list
    elements: dict
    suboptions:
      name:
        description: The file's path below the folder.
        type: str
        required: true
      size:
        description: How many bytes it has.
        type: int
        required: true
      sha256:
        description: Its checksum.
        type: str
        required: true
attributes:
  check_mode:
    description: Tells which files and how many bytes would move.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Bring a model from the controller
  gpt_oss.fleet.staged_files:
    src: /srv/gpt-oss-bundle.tar
    prefix: models/openai--gpt-oss-20b
    dest: /var/lib/gpt_oss/huggingface/.staging/openai--gpt-oss-20b
"""

RETURN = r"""
path:
  description: Where the files are. O(known) when all of them were there, and the folder in O(src) with O(in_place).
  type: str
  returned: success
is_known:
  description: Whether all files were in O(known).
  type: bool
  returned: success
files:
  description: The files that moved, or would move in check mode.
  type: list
  elements: str
  returned: success
bytes:
  description: How many bytes moved, or would move in check mode.
  type: int
  returned: success
seconds:
  description: How long that took.
  type: float
  returned: success
missing:
  description: What is missing, each with C(name) and the C(offset) of what is there. For the action plugin.
  type: list
  elements: dict
  returned: when O(state=looked)
damaged:
  description: The names of files that came damaged. For the action plugin.
  type: list
  elements: str
  returned: when O(state=settled)
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder, _staging
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import (
    FolderParcel,
    Parcel,
    ParcelError,
    open_parcel,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel_files import SPEC, Selection, damaged_text, select
from ansible_collections.gpt_oss.fleet.plugins.module_utils._staging import StagingError, Wanted
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sums import SumsError

ARGUMENT_SPEC: dict[str, Any] = {
    **SPEC,
    "state": {"type": "str", "choices": ["present", "looked", "settled"], "default": "present"},
    "wanted": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "size": {"type": "int", "required": True},
            "sha256": {"type": "str", "required": True},
        },
    },
}


def looked(params: dict[str, Any], files: Sequence[Wanted], check_mode: bool) -> dict[str, Any]:
    """Return what is missing. Makes ready for it, unless in check mode."""
    dest, known = Path(params["dest"]), Path(params["known"]) if params["known"] else None
    missing = _staging.look(dest, known, files)
    is_known = known is not None and not missing and len(_staging.whole(known, files)) == len(files)
    _staging.need_space(dest, missing)
    if not check_mode and not is_known:
        _staging.make_ready(dest, known, files, missing)
    return {
        "path": str(known if is_known else dest),
        "is_known": is_known,
        "missing": [{"name": item.file.name, "offset": item.offset} for item in missing],
        "files": [item.file.name for item in missing],
        "bytes": sum(item.file.size - item.offset for item in missing),
    }


def present(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring files from a parcel on this host, or find that they are whole where they lie."""
    parcel = open_parcel(params["src"])
    selection = select(parcel, params)
    if isinstance(parcel, FolderParcel) and params["in_place"]:
        return in_place(params, selection)
    begin = time.monotonic()
    seen = looked(params, selection.files, True)
    if seen["missing"] and not check_mode:
        looked(params, selection.files, False)
        absent = {item["name"] for item in seen["missing"]}
        missing = [_staging.Missing(file, 0) for file in selection.files if file.name in absent]
        refuse_damaged(_staging.bring(parcel, selection.prefix, Path(params["dest"]), missing), selection, parcel)
    return {**seen, "changed": bool(seen["missing"]), "seconds": round(time.monotonic() - begin, 1)}


def in_place(params: dict[str, Any], selection: Selection) -> dict[str, Any]:
    """Return the folder of the files once each is as its checksum says. Raises StagingError."""
    folder, known = Path(params["src"]) / selection.prefix, params["known"]
    if known and len(_staging.whole(Path(known), selection.files)) == len(selection.files):
        return {"path": known, "is_known": True, "files": [], "bytes": 0, "changed": False}
    right = {file.name for file in _staging.whole(folder, selection.files)}
    refuse_damaged([file for file in selection.files if file.name not in right], selection, FolderParcel(params["src"]))
    return {"path": str(folder), "is_known": False, "files": [], "bytes": 0, "changed": False}


def refuse_damaged(damaged: Sequence[Wanted], selection: Selection, parcel: Parcel) -> None:
    """Raise StagingError when files are damaged, naming them."""
    if damaged:
        raise StagingError(damaged_text(parcel.path, [selection.prefix + file.name for file in damaged]))


def main() -> None:
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    result: dict[str, Any] = {"changed": False, "seconds": 0.0}
    try:
        if params["state"] == "present":
            result |= present(params, module.check_mode)
        else:
            files = [Wanted(**item) for item in params["wanted"] or []]
            if params["state"] == "looked":
                result |= looked(params, files, module.check_mode)
            else:
                result["damaged"] = [file.name for file in _staging.settle(Path(params["dest"]), files)]
    except (StagingError, ParcelError, SumsError, OSError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
