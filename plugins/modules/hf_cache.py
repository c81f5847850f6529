# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.hf_cache: what a Hugging Face cache holds and who needs it, and what of it may go."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hf_cache
short_description: Reports on a Hugging Face cache, prunes it, and lets those read it who shall
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Tells of each revision of each model what it takes of the disk, whether it was verified, when it was used last, and
    which servers need it; and what lies in the cache and is of no use to anybody.
  - Nothing goes unless it is asked for, and nothing that a server needs.
  - Needs the standard library only. The Docker Engine is asked without the docker library.
  - Works on caches that huggingface_hub made, of each layout, and on those of M(gpt_oss.fleet.hf_model).
options:
  cache_dir:
    description: The cache, C($HF_HOME/hub) by convention.
    type: path
    required: true
  state:
    description:
      - V(reported) - nothing is changed.
      - V(pruned) - what O(revisions) and O(leftovers) say is not in the cache.
      - V(accessible) - all in the cache has the owner and the group, and whoever may enter O(cache_dir) by its mode may
        read all of it. Only what differs is touched, and rights are only given. A file with another hard link is left
        alone. It is for what containers of other users, and runs under a strict umask, leave behind.
    type: str
    choices: [reported, pruned, accessible]
    default: reported
  revisions:
    description:
      - Prune the revisions of models that no server needs and that O(keep) does not name, whole or not.
      - A server needs the revision that its container is labelled with (C(gpt_oss.fleet.revision)) and the one that it
        would take at its next start. It needs all revisions of its model if its container tells of none, and all models
        if it tells of none and sees the cache. Containers count whether they run or not, with those that this
        collection did not make. So do the descriptions that a deployment can go back to, and processes that have a
        file of a revision open.
      - When that cannot be told, as the engine does not answer, nothing is pruned, and the module fails.
    type: bool
    default: false
  leftovers:
    description:
      - Prune what is of no use to anybody, see RV(cache.leftovers). What a process has open is not, nor what belongs to
        a model that is being brought.
    type: bool
    default: false
  leftover_age:
    description:
      - What changed less than so many seconds ago is no leftover. Another host that shares the cache may be writing it,
        and its processes cannot be seen from here.
    type: float
    default: 600
  keep:
    description: Revisions that stay, needed or not.
    type: list
    elements: dict
    default: []
    suboptions:
      repo_id:
        description: The model, such as V(openai/gpt-oss-20b).
        type: str
        required: true
      revision:
        description:
          - A branch, a tag or a commit. Without one, or with a name that the cache does not know, all revisions stay.
        type: str
  docker_host:
    description:
      - Where the Docker Engine listens. An empty text says that there is none.
    type: str
    default: unix:///var/run/docker.sock
  state_path:
    description: The folder on the host with the state of its servers, see M(gpt_oss.fleet.vllm_container).
    type: path
    default: /var/lib/gpt_oss/servers
  owner:
    description: With O(state=accessible), the owner of all, by name or number. It is left alone when this is empty.
    type: str
    default: ""
  group:
    description: With O(state=accessible), the group of all, by name or number. It is left alone when this is empty.
    type: str
    default: ""
attributes:
  check_mode:
    description: Tells what would go or be mended.
    support: full
  diff_mode:
    description: Lists what goes, with its bytes, or what is mended.
    support: full
seealso:
  - module: gpt_oss.fleet.hf_model
  - module: gpt_oss.fleet.cache_report
"""

EXAMPLES = r"""
- name: Tell what is in the cache
  gpt_oss.fleet.hf_cache:
    cache_dir: /var/lib/gpt_oss/huggingface/hub

- name: Remove what is left of broken downloads, and what no server needs
  gpt_oss.fleet.hf_cache:
    cache_dir: /var/lib/gpt_oss/huggingface/hub
    state: pruned
    leftovers: true
    revisions: true
    keep:
      - repo_id: openai/gpt-oss-120b
        revision: b5c939de8f754692c1647ca79fbf85e8c1e70f8a

- name: Let the user of the containers own the cache
  gpt_oss.fleet.hf_cache:
    cache_dir: /var/lib/gpt_oss/huggingface/hub
    state: accessible
    owner: "2000"
"""

RETURN = r"""
cache:
  description: What is in the cache now; in check mode, before anything goes.
  returned: always
  type: dict
  contains:
    folder:
      description: The cache.
      type: str
    exists:
      description: Whether it is there.
      type: bool
    bytes:
      description: The size of all its files, each content once.
      type: int
    files:
      description: How many these are.
      type: int
    disk:
      description:
        - The file system that it lies on, or would lie on, with C(mount), C(total_bytes), C(free_bytes),
          C(total_inodes), C(free_inodes) and C(read_only). One that counts no inodes has 0 of them.
      type: dict
    revisions:
      description: Each revision of a model of which something is there.
      type: list
      elements: dict
      contains:
        repo_id:
          description: The model.
          type: str
        commit:
          description: The commit.
          type: str
        refs:
          description: The branches and tags that lead to it.
          type: list
          elements: str
        path:
          description: The snapshot's folder; empty where there is none.
          type: str
        files:
          description: How many files the snapshot has.
          type: int
        bytes:
          description: The size of all that belongs to it.
          type: int
        own_bytes:
          description: How many of these nobody else has, so that they become free with it.
          type: int
        shared_bytes:
          description: How many of these other revisions, other models or files elsewhere have too.
          type: int
        verified:
          description:
            - V(whole) - each wanted file was verified, and by size and time is as it was then.
            - V(part) - M(gpt_oss.fleet.hf_model) began to bring it and did not finish.
            - V(damaged) - it was V(whole), and RV(cache.revisions[].problems) tells what has changed since.
            - V(none) - others brought it.
          type: str
        problems:
          description: What is wrong with files, by their names.
          type: dict
        last_accessed:
          description:
            - When a content of it was read last, in UTC, as far as the file system notes it. Other revisions may have
              the same contents.
          type: str
        last_modified:
          description: When a content of it changed last, in UTC.
          type: str
        used_by:
          description: Who needs it, see O(revisions); null where that cannot be told.
          type: list
          elements: str
        brought_by:
          description: Who brings the model at this moment; empty where nobody does.
          type: str
        tree_lacks:
          description:
            - How many files huggingface_hub's own list of the commit (C(trees/)) has that the snapshot has not. Where
              there are any, vLLM 0.13 to 0.24 refuses the snapshot offline. M(gpt_oss.fleet.hf_model) mends that.
          type: int
    others:
      description: What is no model, such as data sets, each with C(name) and C(bytes). It is never pruned.
      type: list
      elements: dict
    leftovers:
      description:
        - What is of no use to anybody, each with C(kind), C(repo_id), C(commit), C(refs), C(path) and
          C(bytes).
        - C(incomplete) - a file that huggingface_hub did not finish. C(staging) - what had arrived when
          M(gpt_oss.fleet.hf_model) was interrupted; its next run goes on from there. C(removal) - a removal that was
          killed. C(blob) - a content that no revision leads to. C(link) - a link whose content is lost. C(ref) - the
          name of a commit of which nothing is there. C(model) - a folder without any revision. C(shared_blob) - a
          content in the store that models share, that none has a link to.
      type: list
      elements: dict
    access:
      description:
        - C(owner) and C(mode) of the cache's folder, and C(owners), how many files and folders belong to whom.
        - C(foreign) belong to another than the folder, C(unreadable) cannot be read by some who may enter the folder,
          C(unseen) are folders that the module could not look into. Each with C(count), and the first C(paths).
      type: dict
    users_problem:
      description: Why it cannot be told who needs what; empty where it can.
      type: str
removed:
  description:
    - What went, or would go, each with C(kind), C(repo_id), C(commit), C(refs), C(path) and C(bytes). C(kind) is
      V(revision), or that of a leftover.
  returned: success
  type: list
  elements: dict
kept:
  description: With O(revisions), what stays, each with the same and with C(reason).
  returned: success
  type: list
  elements: dict
bytes:
  description: How many bytes became free, or would.
  returned: success
  type: int
mended:
  description: With O(state=accessible), what was not as it must be, each with C(path), C(before) and C(after).
  returned: success
  type: list
  elements: dict
"""

import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_access import differing, wanted_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_leftovers import judge
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_prune import Asked, Pruned, prune
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cache_report import Look, report
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_users import Use, UsersUnknown, users

ARGUMENT_SPEC: dict[str, Any] = {
    "cache_dir": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["reported", "pruned", "accessible"], "default": "reported"},
    "revisions": {"type": "bool", "default": False},
    "leftovers": {"type": "bool", "default": False},
    "leftover_age": {"type": "float", "default": 600.0},
    "keep": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"repo_id": {"type": "str", "required": True}, "revision": {"type": "str"}},
    },
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
    "owner": {"type": "str", "default": ""},
    "group": {"type": "str", "default": ""},
}


def look_of(params: dict[str, Any]) -> Look:
    """Return what the cache is looked at with."""
    cache_dir = Path(os.path.realpath(params["cache_dir"]))
    judged = judge(cache_dir, time.time(), params["leftover_age"])
    try:
        return Look(cache_dir, judged, users(params["docker_host"], params["state_path"], str(cache_dir)))
    except UsersUnknown as exc:
        return Look(cache_dir, judged, None, str(exc))


def asked_of(params: dict[str, Any]) -> Asked:
    """Return what may go."""
    keep = [Use("keep", one["repo_id"], (one["revision"],) if one["revision"] else ()) for one in params["keep"]]
    return Asked(keep, params["revisions"], params["leftovers"])


def diff_of(pruned: Pruned, mended: list[dict[str, str]]) -> dict[str, str]:
    """Return what goes or is mended, as Ansible's diff."""
    gone = [f"{row['path'] or row['commit']}: {row['kind']}, {row['bytes']:,} bytes\n" for row in pruned.removed]
    before = [f"{row['path']}: {row['before']}\n" for row in mended]
    after = [f"{row['path']}: {row['after']}\n" for row in mended]
    return {"before": "".join([*gone, *before]), "after": "".join(after)}


def apply(params: dict[str, Any], check_mode: bool, look: Look) -> dict[str, Any]:
    """Do what is asked for; return the result. Raises CacheError and OSError."""
    pruned, mended = Pruned(), []
    if params["state"] == "pruned":
        pruned = prune(look, asked_of(params), check_mode)
    if params["state"] == "accessible" and look.cache_dir.is_dir():
        wanted = wanted_of(params["owner"], params["group"])
        found = differing(look.cache_dir, wanted, mend=not check_mode)
        mended = [{"path": str(one.path), "before": one.before, "after": one.after} for one in found]
    return {
        "changed": bool(pruned.removed or mended),
        "removed": pruned.removed,
        "kept": pruned.kept,
        "bytes": pruned.n_bytes,
        "mended": mended,
        "cache": report(look),
        "diff": diff_of(pruned, mended),
    }


def seen(look: Look) -> dict[str, Any]:
    """Return what the cache holds; nothing where that is what failed."""
    try:
        return report(look)
    except OSError:
        return {}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    look = look_of(module.params)
    try:
        module.exit_json(**apply(module.params, module.check_mode, look))
    except (CacheError, OSError) as exc:
        module.fail_json(msg=f"{module.params['cache_dir']}: {exc}", exception=exc, cache=seen(look))


if __name__ == "__main__":
    main()
