#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.eval_data: the evals' data files, found or downloaded, and checked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_data
short_description: Find or download the data files of the evals, and check them
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - For each task's files tries its places in turn. A path must be there; an address is downloaded into O(cache), once.
  - A file counts when it has the wanted checksum, if one is given, and when all its rows can be read as its task's. A
    download takes the place of another file only then, and its address, time, sha256 and size are kept beside it.
  - A file in the cache that was changed since it came, was broken off, or came from an address that is no more listed,
    is downloaded again. One that somebody put there by hand is taken. What is there and counts needs no network.
  - Runs where the files are wanted, in the role evaluate on the controller.
options:
  data:
    description:
      - For each task the list of its files in order, two for C(aime25), one for each other task.
      - A file is an address that starts with C(http), a path, or a list of such, tried in this order. It is named after
        the first of them.
      - Paths must be whole. A relative one is refused, as the folder that it is below depends on how the module is run.
    type: dict
    required: true
  sha256:
    description: For each task the list of its files' wanted sha256 checksums. Tasks left out may have any.
    type: dict
    default: {}
  cache:
    description: The folder of downloads.
    type: path
    required: true
  timeout:
    description: For how many seconds a download may stall.
    type: int
    default: 60
  official:
    description:
      - Whether to warn of files that differ from the official ones, where these are known by their checksums. Files of
        tasks for which O(sha256) gives checksums are what they are meant to be.
    type: bool
    default: true
attributes:
  check_mode:
    description: Downloads nothing. Files that would be downloaded have no checksum.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
"""

EXAMPLES = r"""
- name: Have the data sets on the controller
  gpt_oss.fleet.eval_data:
    data:
      gpqa:
        - - https://openaipublic.blob.core.windows.net/simple-evals/gpqa_diamond.csv
          - https://mirror.example.com/gpqa_diamond.csv
          - /srv/data/gpqa_diamond.csv
    cache: ~/.cache/gpt_oss.fleet/data
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
files:
  description: For each task the paths of its files, in order.
  returned: success
  type: dict
  sample:
    gpqa: [/home/me/.cache/gpt_oss.fleet/data/gpqa_diamond.csv]
names:
  description: For each task the names of its files, in order.
  returned: success
  type: dict
  sample:
    gpqa: [gpqa_diamond.csv]
origins:
  description: For each file where it came from.
  returned: success
  type: list
  elements: dict
  contains:
    task:
      description: The task.
      type: str
    name:
      description: The file's name.
      type: str
    path:
      description: The file.
      type: str
    origin:
      description: The address or path that it came from; of a file put into the cache by hand, its path there.
      type: str
    fetched:
      description: When it was downloaded, in UTC; null where that is not known.
      type: str
      sample: "2026-01-31T12:00:00Z"
    sha256:
      description: Its checksum; null where it is still to be downloaded.
      type: str
    size:
      description: Its size in bytes; null where it is still to be downloaded.
      type: int
"""

from pathlib import Path
from typing import Any, BinaryIO, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._data_cache import FoundFile, Opener, obtain
from ansible_collections.gpt_oss.fleet.plugins.module_utils._data_files import (
    DataError,
    WantedFile,
    unofficial,
    wanted_files,
)

ARGUMENT_SPEC: dict[str, Any] = {
    "data": {"type": "dict", "required": True},
    "sha256": {"type": "dict", "default": {}},
    "cache": {"type": "path", "required": True},
    "timeout": {"type": "int", "default": 60},
    "official": {"type": "bool", "default": True},
}


def http_opener(timeout: int) -> Opener:
    """Return an opener of addresses, with the proxies and certificates that Ansible uses; `timeout` in seconds."""

    def opened(address: str) -> tuple[BinaryIO, Optional[int]]:
        reply = open_url(address, timeout=timeout, http_agent="gpt_oss.fleet")
        length = reply.headers.get("Content-Length")
        # The length is that of the encoded body, if it is encoded.
        plain = reply.headers.get("Content-Encoding", "identity") == "identity"
        return reply, int(length) if length and plain else None

    return opened


def result_of(found: list[tuple[WantedFile, FoundFile]]) -> dict[str, Any]:
    """Return the module's result."""
    files: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    for wanted, file in found:
        files.setdefault(wanted.task, []).append(file.path)
        names.setdefault(wanted.task, []).append(wanted.name)
    return {
        "changed": any(file.fresh for _wanted, file in found),
        "files": files,
        "names": names,
        "origins": [
            {
                "task": wanted.task,
                "name": wanted.name,
                "path": file.path,
                "origin": file.origin,
                "fetched": file.fetched,
                "sha256": file.sha256,
                "size": file.size,
            }
            for wanted, file in found
        ],
    }


def warnings_of(found: list[tuple[WantedFile, FoundFile]]) -> list[str]:
    """Return what tells the files of each task, unless their checksums were given, from the official ones."""
    sums: dict[str, list[str]] = {}
    for wanted, file in found:
        if wanted.sha256 is None and file.sha256 is not None:
            sums.setdefault(wanted.task, []).append(file.sha256)
    return [text for text in (unofficial(task, digests) for task, digests in sums.items()) if text]


def main() -> None:
    """Run the module."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    opener = http_opener(params["timeout"])
    try:
        found = [
            (wanted, obtain(wanted, Path(params["cache"]), opener, module.check_mode))
            for wanted in wanted_files(params["data"], params["sha256"])
        ]
    except DataError as exc:
        module.fail_json(msg=f"{exc}.", exception=exc)
    if params["official"]:
        for text in warnings_of(found):
            module.warn(text)
    module.exit_json(**result_of(found))


if __name__ == "__main__":
    main()
