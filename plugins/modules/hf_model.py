# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.hf_model: one revision of one model is in the Hugging Face cache, or is not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hf_model
short_description: Keeps one revision of one model in the Hugging Face cache
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Brings a model into the host's Hugging Face cache, from the Hub or from a folder on the host, so that vLLM finds it
    without a network.
  - Needs C(huggingface_hub) on the host only when the model comes from the Hub.
options:
  repo_id:
    description: The model, such as V(openai/gpt-oss-20b).
    type: str
    required: true
  revision:
    description: A branch, a tag, or a full commit hash, which pins the model.
    type: str
    default: main
  state:
    description: Whether the revision is in the cache.
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - A folder on the host that holds the model's files. The snapshot is copied from it, and no network is used.
      - The commit is O(revision) when that is a commit hash, or the name of the folder when that is a snapshot of
        another cache. Else it is derived from the names and contents of the files.
    type: path
  cache_dir:
    description: The cache, C($HF_HOME/hub) by convention.
    type: path
    required: true
  allow_patterns:
    description: Only files that match one of these patterns; V(*) also matches V(/).
    type: list
    elements: str
  ignore_patterns:
    description:
      - No file that matches one of these patterns.
      - By default the copies in other formats are left out, which are two thirds of gpt-oss.
    type: list
    elements: str
    default: ["original/*", "metal/*"]
  token_file:
    description: A file on the host with the Hub token, for models that are not public.
    type: path
  endpoint:
    description: The address of a mirror of the Hub.
    type: str
  offline:
    description: Whether to be content with what is in the cache, and to fail rather than to ask the Hub.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would move without moving it.
    support: full
  diff_mode:
    description: Lists the files and bytes that move.
    support: full
"""

EXAMPLES = r"""
- name: Have gpt-oss-20b in the cache
  gpt_oss.fleet.hf_model:
    repo_id: openai/gpt-oss-20b
    revision: 6cee5e81ee83917806bbde320786a8fb61efebee
    cache_dir: /var/lib/gpt_oss/huggingface/hub

- name: Take it from a folder, without a network
  gpt_oss.fleet.hf_model:
    repo_id: openai/gpt-oss-20b
    source: /mnt/models/gpt-oss-20b
    cache_dir: /var/lib/gpt_oss/huggingface/hub
"""

RETURN = r"""
model:
  description: The model's C(repo_id) and C(revision) as asked for, and its C(commit) and C(path).
  type: dict
  returned: success
commit:
  description: The commit of the snapshot; empty when there was none to remove.
  type: str
  returned: success
  sample: 6cee5e81ee83917806bbde320786a8fb61efebee
path:
  description: The folder of the snapshot.
  type: str
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
"""

from pathlib import Path
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _hub
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, Change, remove
from ansible_collections.gpt_oss.fleet.plugins.module_utils._snapshot import import_folder

ARGUMENT_SPEC: dict[str, Any] = {
    "repo_id": {"type": "str", "required": True},
    "revision": {"type": "str", "default": "main"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "source": {"type": "path"},
    "cache_dir": {"type": "path", "required": True},
    "allow_patterns": {"type": "list", "elements": "str"},
    "ignore_patterns": {"type": "list", "elements": "str", "default": ["original/*", "metal/*"]},
    "token_file": {"type": "path", "no_log": False},
    "endpoint": {"type": "str"},
    "offline": {"type": "bool", "default": False},
}


def apply(params: dict[str, Any], check_mode: bool) -> Change:
    """Bring or remove the revision; return what moved."""
    if params["state"] == "absent":
        return remove(params["cache_dir"], params["repo_id"], params["revision"], check_mode)
    patterns = (params["allow_patterns"], params["ignore_patterns"])
    if params["source"]:
        place = (params["source"], params["cache_dir"], params["repo_id"], params["revision"])
        return import_folder(*place, patterns=patterns, check_mode=check_mode)
    wish = _hub.Wish(
        params["repo_id"],
        params["revision"],
        params["cache_dir"],
        *patterns,
        token=read_token(params["token_file"]),
        endpoint=params["endpoint"],
        offline=params["offline"],
    )
    return _hub.fetch(wish, check_mode)


def read_token(path: Optional[str]) -> Optional[str]:
    """Return the token that a file holds; None for no path."""
    if not path:
        return None
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise CacheError(f"expected a Hub token in the file {path}, could not read it: {exc}") from exc
    if not token:
        raise CacheError(f"expected a Hub token in the file {path}, found nothing in it")
    return token


def diff_of(change: Change, state: str) -> dict[str, str]:
    """Return what moved, as Ansible's diff."""
    if not change.changed:
        return {"before": "", "after": ""}
    lines = [f"{change.path}\n", *(f"  {name}\n" for name in change.files), f"{change.n_bytes:,} bytes\n"]
    text = "".join(lines)
    return {"before": text, "after": ""} if state == "absent" else {"before": "", "after": text}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if params["state"] == "present" and not params["source"] and _hub.IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("huggingface_hub"), exception=_hub.IMPORT_ERROR)
    try:
        change = apply(params, module.check_mode)
    except (CacheError, OSError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    module.exit_json(
        changed=change.changed,
        model={
            "repo_id": params["repo_id"],
            "revision": params["revision"],
            "commit": change.commit,
            "path": change.path,
        },
        commit=change.commit,
        path=change.path,
        files=list(change.files),
        bytes=change.n_bytes,
        diff=diff_of(change, params["state"]),
    )


if __name__ == "__main__":
    main()
