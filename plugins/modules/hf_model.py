# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.hf_model: one revision of one model is in the Hugging Face cache, or is not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hf_model
short_description: Keeps one verified revision of one model in the Hugging Face cache
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Brings a model into the host's Hugging Face cache, from the Hub, from a folder on the host, or from other hosts, so
    that vLLM finds it without a network.
  - Each file is compared with the hash that the Hub lists for it (sha256 of large files, git's hash of small ones)
    before the cache gets it. What was verified is kept in a stamp beside the snapshot, with sizes and times, so that
    the next run is a look at these, and asks nobody when O(revision) is a commit.
  - A file that stalls goes on where it was, without Xet from then on. What the Hub asks to wait is waited, up to five
    minutes. A run that was killed loses no finished file, and of the others next to nothing.
  - Disk space and inodes are looked at before the first byte.
  - A process on the host does the work, and the task shows how far it has come, as the variable C(gpt_oss_progress)
    wants it (see M(gpt_oss.fleet.vllm_container)). The controller may go away meanwhile; the next run attaches to it.
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
    description:
      - V(present) - the revision is in the cache, and each of its wanted files was verified once.
      - V(verified) - each is verified now, by reading it.
      - V(reported) - nothing is brought and nothing read; the result tells whether the revision is in the cache, and
        still as it was when it was verified, whatever the patterns were then.
      - V(absent) - the revision is not in the cache, nor what only it uses.
      - What is found damaged is brought anew in both of the first two. With O(offline) it is named, and the run fails.
    type: str
    choices: [present, verified, reported, absent]
    default: present
  source:
    description:
      - A folder on the host that holds the model's files. The snapshot is made from it, and no network is used.
      - The commit is O(revision) when that is a commit hash, or the name of the folder when that is a snapshot of
        another cache. Else it is derived from the names and contents of the files.
      - Where the cache knows the Hub's list of that commit, the files must be as it says.
    type: path
  hard_links:
    description:
      - Link the files of O(source) into the cache instead of copying them, where both are on one filesystem. Nothing
        may write to them later.
    type: bool
    default: false
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
    description: The address of a mirror of the Hub. By default that of C(HF_ENDPOINT) in the environment, or the Hub's.
    type: str
  offline:
    description: Whether to be content with what is in the cache, and to fail rather than to ask the Hub.
    type: bool
    default: false
  peers:
    description:
      - Take the model from hosts that share it, by M(gpt_oss.fleet.hf_model_share), and share it in turn. What they do
        not give comes from the Hub, with a warning.
      - O(revision), when it is no commit, is then the one that they share.
    type: dict
    suboptions:
      commit:
        description: The commit that they share.
        type: str
        required: true
      info_hash:
        description: What the share is known by. Who does not know it gets nothing.
        type: str
        required: true
      manifest_sha256:
        description: The sha256 of the share's manifest.
        type: str
        required: true
      addresses:
        description: Where they are reached, such as V(10.0.0.1:5551).
        type: list
        elements: str
        required: true
      size:
        description: The size of all that they share, in bytes.
        type: int
        default: 0
      files:
        description: The number of files that they share.
        type: int
        default: 0
      bind_address:
        description: The address of this host at which it shares in turn.
        type: str
        default: 0.0.0.0
      port:
        description: The port there; V(0) takes a free one.
        type: int
        default: 0
      upload_rate:
        description: The most bytes a second that this host sends, such as V(500M); V(0) for no limit.
        type: str
        default: "0"
      download_rate:
        description: The most bytes a second that this host receives.
        type: str
        default: "0"
      first_byte_timeout:
        description: After how many seconds without a first byte the Hub is asked instead.
        type: float
        default: 60
      progress_timeout:
        description: After how many seconds without any more it is asked.
        type: float
        default: 120
      idle_timeout:
        description: After how many seconds without a byte sent or received this host shares no longer.
        type: float
        default: 600
  reserve:
    description:
      - Space that others will come to take, by a folder of theirs, such as V(40G) for C(/var/lib/docker). Where the
        folder is on the cache's disk, what it does not take yet must stay free.
    type: dict
    default: {}
  workers:
    description: How many files are fetched at a time.
    type: int
    default: 8
  stall_timeout:
    description: A file that gains fewer than 64 KiB in so many seconds has stalled, and goes on where it was.
    type: float
    default: 60
  retries:
    description: How often a file is tried again in a row that gains fewer than 64 KiB each time.
    type: int
    default: 5
  timeout:
    description: The longest time that the download may take, in seconds; V(0) for no limit.
    type: float
    default: 0
  background:
    description:
      - Where there is more to do than a look, let a process of its own on the host do it, and return at once with
        RV(status_path). Without it the task waits, and shows the progress.
    type: bool
    default: false
  status_path:
    description:
      - What a task with O(background) returned on this host. That process is followed to its end, and what came of it
        is the result. So many hosts can begin at the same time, whatever the number of forks.
    type: path
attributes:
  check_mode:
    description: Tells what would move without moving it. Nothing is read that sizes and times do not tell.
    support: full
  diff_mode:
    description: Lists the files and bytes that move.
    support: full
requirements:
  - huggingface_hub 1.0 or newer, when the Hub is asked.
notes:
  - Proxies and certificates come from the environment (C(HTTPS_PROXY), C(NO_PROXY), C(SSL_CERT_FILE)), and
    C(HF_HUB_DISABLE_XET=1) does without Xet; set them by the task's C(environment).
seealso:
  - module: gpt_oss.fleet.vllm_container
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
  description:
    - The model's C(repo_id) and C(revision) as asked for, its C(commit) and C(path), and whether it is C(verified).
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
verified:
  description: Whether each wanted file is there and was compared with its hash. In check mode, whether it was before.
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
origins:
  description: How many of them came from where, by C(hub), C(folder) or C(peers).
  type: dict
  returned: success
total_bytes:
  description: The size of all wanted files.
  type: int
  returned: success
damaged:
  description: What was wrong with files that were there, by their names.
  type: dict
  returned: success
problem:
  description: Why the revision is not verified; empty where it is, and where more than a report was asked for.
  type: str
  returned: success
seconds:
  description: How long it took.
  type: float
  returned: success
status_path:
  description: Where the process that brings the model tells how it stands.
  type: str
  returned: with O(background), when there is more to do than a look
"""

import os
import re
import time
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fetch import Patience
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, refuse_odd_names
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_client import TIMEOUT, Access
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_job import failure_text, model_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_removal import remove
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_state import Bringing, reported, settled
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Outcome, Wish

PEERS_SPEC: dict[str, Any] = {
    "commit": {"type": "str", "required": True},
    "info_hash": {"type": "str", "required": True},
    "manifest_sha256": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "size": {"type": "int", "default": 0},
    "files": {"type": "int", "default": 0},
    "bind_address": {"type": "str", "default": "0.0.0.0"},
    "port": {"type": "int", "default": 0},
    "upload_rate": {"type": "str", "default": "0"},
    "download_rate": {"type": "str", "default": "0"},
    "first_byte_timeout": {"type": "float", "default": 60.0},
    "progress_timeout": {"type": "float", "default": 120.0},
    "idle_timeout": {"type": "float", "default": 600.0},
}
ARGUMENT_SPEC: dict[str, Any] = {
    "repo_id": {"type": "str", "required": True},
    "revision": {"type": "str", "default": "main"},
    "state": {"type": "str", "choices": ["present", "verified", "reported", "absent"], "default": "present"},
    "source": {"type": "path"},
    "hard_links": {"type": "bool", "default": False},
    "cache_dir": {"type": "path", "required": True},
    "allow_patterns": {"type": "list", "elements": "str"},
    "ignore_patterns": {"type": "list", "elements": "str", "default": ["original/*", "metal/*"]},
    "token_file": {"type": "path", "no_log": False},
    "endpoint": {"type": "str"},
    "offline": {"type": "bool", "default": False},
    "peers": {"type": "dict", "options": PEERS_SPEC},
    "reserve": {"type": "dict", "default": {}},
    "workers": {"type": "int", "default": 8},
    "stall_timeout": {"type": "float", "default": 60.0},
    "retries": {"type": "int", "default": 5},
    "timeout": {"type": "float", "default": 0.0},
    "background": {"type": "bool", "default": False},
    # Only the action plugin looks at it.
    "status_path": {"type": "path"},
}

# What a request header may hold: another character would end up in an error that shows all of it.
_TOKEN = re.compile(r"[!-~]+")


def wish_of(params: dict[str, Any]) -> Wish:
    """Return what is wished. Raises CacheError when it cannot be read."""
    patience = Patience(
        workers=max(1, params["workers"]),
        stall_seconds=params["stall_timeout"],
        retries=params["retries"],
        timeout=params["timeout"],
    )
    timeout = min(TIMEOUT, patience.stall_seconds)
    return Wish(
        Access(params["repo_id"], params["endpoint"], read_token(params["token_file"]), timeout),
        params["revision"],
        params["cache_dir"],
        params["allow_patterns"],
        params["ignore_patterns"],
        offline=params["offline"],
        source=params["source"],
        hard_links=params["hard_links"],
        peers=peers_of(params["peers"]),
        reread=params["state"] == "verified",
        reserve={path: size_of(f"reserve, {path}", size) for path, size in params["reserve"].items()},
        patience=patience,
    )


def peers_of(peers: Optional[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """Return the peers with rates in bytes a second. Raises CacheError when one is no size."""
    rates = ("upload_rate", "download_rate")
    return {**peers, **{rate: size_of(f"peers.{rate}", peers[rate]) for rate in rates}} if peers else None


def size_of(what: str, size: Any) -> int:
    """Return a size in bytes. Raises CacheError when it is none."""
    try:
        return int(human_to_bytes(size))
    except ValueError as exc:
        raise CacheError(f"{what}: expected a size such as 40G, found {size!r}") from exc


def read_token(path: Optional[str]) -> Optional[str]:
    """Return the token that a file holds; None for no path. Raises CacheError."""
    if not path:
        return None
    try:
        token = _text_files.whole(path).strip()
    except OSError as exc:
        raise CacheError(f"expected a Hub token in the file {path}, could not read it: {exc}") from exc
    if not token:
        raise CacheError(f"expected a Hub token in the file {path}, found nothing in it")
    if not _TOKEN.fullmatch(token):
        raise CacheError(f"expected a Hub token alone in the file {path}, found other characters too; write it anew")
    return token


def diff_of(outcome: Outcome, state: str) -> dict[str, str]:
    """Return what moved, as Ansible's diff."""
    if not outcome.changed:
        return {"before": "", "after": ""}
    lines = [f"{outcome.path}\n", *(f"  {name}\n" for name in outcome.files), f"{outcome.n_bytes:,} bytes\n"]
    text = "".join(lines)
    return {"before": text, "after": ""} if state == "absent" else {"before": "", "after": text}


def result_of(params: dict[str, Any], outcome: Outcome, seconds: float) -> dict[str, Any]:
    """Return the module's result: the same keys in each state and in check mode."""
    model = {name: params[name] for name in ("repo_id", "revision")}
    return {
        "changed": outcome.changed,
        "model": {**model, "commit": outcome.commit, "path": outcome.path, "verified": outcome.verified},
        "commit": outcome.commit,
        "path": outcome.path,
        "verified": outcome.verified,
        "files": list(outcome.files),
        "bytes": outcome.n_bytes,
        "origins": outcome.origins,
        "total_bytes": outcome.total_bytes,
        "damaged": outcome.damaged,
        "problem": outcome.problem,
        "seconds": round(seconds, 1),
        "diff": diff_of(outcome, params["state"]),
    }


def apply(module: AnsibleModule, began: float) -> dict[str, Any]:
    """Do what is asked for; return the result. Raises CacheError and OSError."""
    params, check_mode = module.params, module.check_mode

    def result(outcome: Outcome) -> dict[str, Any]:
        warnings = {"warnings": outcome.warnings} if outcome.warnings else {}
        return {**result_of(params, outcome, time.time() - began), **warnings}

    if params["state"] == "absent":
        gone = remove(params["cache_dir"], params["repo_id"], params["revision"], check_mode)
        return result(Outcome(gone.commit, gone.path, gone.files, gone.n_bytes, bool(gone.commit)))
    wish = wish_of(params)
    if params["state"] == "reported":
        return result(reported(wish))
    unchanged = settled(wish)
    if unchanged:
        return result(unchanged)
    if params["background"] and not check_mode:
        try:
            return {"changed": False, "status_path": model_job(params, wish, result)}
        except DetachError as exc:
            module.warn(f"{params['repo_id']}: it is brought without progress: {exc}")
    return result(Bringing(wish, lambda status: None, check_mode).run())


def main() -> None:
    """Run the module."""
    began = time.time()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    # Servers of other users read the cache, whatever the umask of who runs this. The job inherits it.
    os.umask(0o022)
    try:
        refuse_odd_names(module.params["repo_id"], module.params["revision"])
        result = apply(module, began)
    except (CacheError, OSError) as exc:
        module.fail_json(msg=failure_text(module.params, exc), exception=exc)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
