#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: support_bundle - what a host can tell of a failure, secrets masked, as one archive."""

from __future__ import annotations

DOCUMENTATION = r"""
module: support_bundle
short_description: Pack what a host can tell of a failure into one archive, secrets masked
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Collects for each server its container's log and C(docker inspect), its accepted descriptions, its last start and
    its restarts; of the evals how they stand and the samples that failed; of the host the kernel's messages,
    C(nvidia-smi -q), the engine's journal, disks and memory; and the O(facts) that it is given.
  - Each text goes through the collection's redaction. Values are masked by name, by shape, and where they are known
    (the containers' and accepted descriptions' environment, O(secret_files)) by themselves. Prompts in a server's log
    are left out.
  - A part that cannot be had hinders no other; RV(missing) says why.
  - Containers need the Python library docker, so run it by the managed environment's Python where there is one.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Collects and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  path:
    description: The archive on the host, a C(.tar.gz) that only its owner can read. Its folder must be there.
    type: path
    required: true
  name:
    description: The folder in the archive, such as the host's name in the inventory.
    type: str
    required: true
  servers:
    description: The names of the servers' containers.
    type: list
    elements: str
    default: []
  state_path:
    description: The folder in which M(gpt_oss.fleet.vllm_container) keeps what it knows of servers.
    type: path
    default: /var/lib/gpt_oss/servers
  run_path:
    description: The folder of the evals' runs, with a folder for each server.
    type: path
    default: /var/lib/gpt_oss/evaluate/runs
  facts:
    description: More to be put in, as JSON, by name. An empty one is listed as missing.
    type: dict
  secret_files:
    description: Files on the host whose contents are secret, such as API keys. They are masked wherever they stand.
    type: list
    elements: path
    default: []
  private_tasks:
    description:
      - The tasks whose replies' texts are left out, as they may quote the question. Those who may see GPQA's questions
        promised not to publish them.
    type: list
    elements: str
    default: [gpqa]
  samples:
    description: How many failing samples of each outcome are kept of each journal.
    type: int
    default: 20
  log_lines:
    description: How many of the last lines of each container's log are read.
    type: int
    default: 20000
  max_file_bytes:
    description: The longest that one text may be. Of a longer one the beginning and, for the most part, the end stay.
    type: int
    default: 4000000
  max_bytes:
    description: The largest that all texts may be together, before they are packed; the largest are left out first.
    type: int
    default: 50000000
"""

EXAMPLES = r"""
- name: Pack what this host can tell
  gpt_oss.fleet.support_bundle:
    path: /tmp/node1.tar.gz
    name: node1
    servers: [gpt-oss-20b]
    secret_files: [/etc/gpt_oss/api_key]
"""

RETURN = r"""
path:
  description: The archive.
  returned: success
  type: str
size:
  description: Its size in bytes; 0 in check mode.
  returned: success
  type: int
files:
  description: What is in it, each with C(path) and C(bytes).
  returned: success
  type: list
  elements: dict
missing:
  description: What is not in it, each with C(part) and C(reason).
  returned: success
  type: list
  elements: dict
  sample:
    - part: host/nvidia-smi.txt
      reason: nvidia-smi is not on this host
"""

import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import ModuleCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._support_archive import entries_of, manifest_of, packed
from ansible_collections.gpt_oss.fleet.plugins.module_utils._support_parts import collect

ARGUMENT_SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "str", "default": []},
    "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
    "run_path": {"type": "path", "default": "/var/lib/gpt_oss/evaluate/runs"},
    "facts": {"type": "dict"},
    "secret_files": {"type": "list", "elements": "path", "default": [], "no_log": False},
    "private_tasks": {"type": "list", "elements": "str", "default": ["gpqa"]},
    "samples": {"type": "int", "default": 20},
    "log_lines": {"type": "int", "default": 20000},
    "max_file_bytes": {"type": "int", "default": 4000000},
    "max_bytes": {"type": "int", "default": 50000000},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params, now = module.params, time.time()
    found = collect(params, ModuleCommands(module))
    contents, missing = entries_of(found, params["max_file_bytes"], params["max_bytes"])
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    manifest = manifest_of(contents, missing, {"host": params["name"], "created": created})
    size = 0
    if not module.check_mode:
        archive = packed(params["name"], contents, manifest, now)
        size = len(archive)
        try:
            write(params["path"], archive)
        except OSError as exc:
            module.fail_json(msg=f"expected to write {params['path']}, could not: {exc}; choose another path")
    told = {"files": manifest["files"], "missing": manifest["missing"]}
    module.exit_json(changed=not module.check_mode, path=params["path"], size=size, **told)


def write(path: str, content: bytes) -> None:
    """Write a file that only its owner can read. Raises OSError."""
    descriptor = _private_folder.open_file(Path(path), os.O_WRONLY | os.O_TRUNC)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


if __name__ == "__main__":
    main()
