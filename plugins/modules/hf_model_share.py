# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.hf_model_share: the host shares a verified model with others over the network, for a while."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hf_model_share
short_description: Share a verified model with other hosts over the network, for a while
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Starts a detached process that takes part in a BitTorrent swarm of exactly one snapshot of one model. It ends by
    itself when nobody has asked for a while.
  - Other hosts fetch the model with M(gpt_oss.fleet.hf_model) and O(gpt_oss.fleet.hf_model#module:peers), from this
    host and from each other, so that each part leaves this host about once however many they are.
  - The model must have been verified by M(gpt_oss.fleet.hf_model). It is shared as hard links, which need no space.
    The first start hashes it, on all CPUs; later ones only look at sizes and times.
  - The info hash is the same on each host that has the same files. Who does not know it is not answered. Peers are
    named, and never looked for; there is no tracker.
  - Handshakes are encrypted, the files are not. Who can listen in the network can read them. Those who fetch compare
    each piece with its hash, and then each file with the Hub's.
attributes:
  check_mode:
    description: Nothing is started or stopped; what a share that does not run would tell is null.
    support: full
  diff_mode:
    description: Whether the model is shared before and after.
    support: full
options:
  repo_id:
    description: The model, such as V(openai/gpt-oss-20b).
    type: str
    required: true
  revision:
    description: A branch, a tag, or a full commit hash, which is in the cache.
    type: str
    default: main
  cache_dir:
    description: The cache, C($HF_HOME/hub) by convention.
    type: path
    required: true
  state:
    description:
      - V(started) - the model is shared as described. One that is shared otherwise is shared anew.
      - V(stopped) - it is not shared, nor fetched from others, and what that needed is removed. The model stays.
    type: str
    choices: [started, stopped]
    default: started
  bind_address:
    description: The address of this host at which others fetch the model.
    type: str
    default: 127.0.0.1
  port:
    description: The port; V(0) takes a free one.
    type: int
    default: 0
  upload_rate:
    description: The most bytes a second to all hosts together, such as V(500M); V(0) for no limit.
    type: str
    default: "0"
  max_connections:
    description: With how many hosts to exchange at a time.
    type: int
    default: 100
  idle_timeout:
    description: The seconds without a byte sent after which the share ends.
    type: float
    default: 600
requirements:
  - libtorrent, of which there are wheels for CPython 3.10 to 3.13.
seealso:
  - module: gpt_oss.fleet.hf_model
"""

EXAMPLES = r"""
- name: Share the model on the local network
  gpt_oss.fleet.hf_model_share:
    repo_id: openai/gpt-oss-20b
    revision: 6cee5e81ee83917806bbde320786a8fb61efebee
    cache_dir: /var/lib/gpt_oss/huggingface/hub
    bind_address: 10.0.0.1
    port: 5551
    upload_rate: 500M

- name: Share it no longer
  gpt_oss.fleet.hf_model_share:
    repo_id: openai/gpt-oss-20b
    revision: 6cee5e81ee83917806bbde320786a8fb61efebee
    cache_dir: /var/lib/gpt_oss/huggingface/hub
    state: stopped
"""

RETURN = r"""
share:
  description: The share. For V(stopped), and in check mode for one that does not run, all but the first two are null.
  returned: success
  type: dict
  contains:
    repo_id:
      description: The model.
      type: str
    commit:
      description: The commit of the snapshot; empty when the revision is not in the cache.
      type: str
    info_hash:
      description: What those who fetch ask for. The same on each host that has the same files.
      type: str
    manifest_sha256:
      description: The sha256 of the list of files and their hashes that goes with them.
      type: str
    port:
      description: The port.
      type: int
    size:
      description: The size of all that is shared, in bytes.
      type: int
    files:
      description: The number of files that are shared.
      type: int
"""

import shutil
from pathlib import Path
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _model_stamp, _private_folder, _swarm, _swarm_share
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import (
    CacheError,
    is_commit,
    present_commit,
    refuse_odd_names,
    repo_folder,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_inspect import glance
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Stamp
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_swarm import stage, swarm_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_daemon import Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_share import SwarmError

ARGUMENT_SPEC: dict[str, Any] = {
    "repo_id": {"type": "str", "required": True},
    "revision": {"type": "str", "default": "main"},
    "cache_dir": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "bind_address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 0},
    "upload_rate": {"type": "str", "default": "0"},
    "max_connections": {"type": "int", "default": 100},
    "idle_timeout": {"type": "float", "default": 600.0},
}
Share = dict[str, Any]


def wish_of(params: dict[str, Any]) -> Wish:
    """Return how the model shall be shared. Raises SwarmError."""
    try:
        rate = int(human_to_bytes(params["upload_rate"]))
    except ValueError as exc:
        found = params["upload_rate"]
        raise SwarmError(f"expected upload_rate as 500M or 0, found {found!r}: {exc}") from exc
    return Wish(
        bind_address=params["bind_address"],
        port=params["port"],
        upload_rate=rate,
        most_connections=params["max_connections"],
        idle_timeout=params["idle_timeout"],
    )


def commit_of(params: dict[str, Any]) -> str:
    """Return the commit that is meant; empty when the cache does not tell."""
    if params["state"] == "stopped" and is_commit(params["revision"]):
        # It may have been on its way only.
        return str(params["revision"])
    return present_commit(params["cache_dir"], params["repo_id"], params["revision"]) or ""


def verified(folder: Path, commit: str) -> Stamp:
    """Return the stamp of a snapshot that is as it was verified. Raises SwarmError."""
    stamp = _model_stamp.read_stamp(folder, commit) if commit else None
    if stamp is None:
        raise SwarmError("expected a verified snapshot in the cache, found none; bring it first (hf_model)")
    held = {one.blob: one for one in stamp.files.values()}
    found = glance(folder, commit, {name: stamp.listing[name] for name in stamp.files}, held)
    changed = sorted({*stamp.files} - {*found.good})
    if changed:
        names = ", ".join(changed)
        raise SwarmError(f"expected files as they were verified, found others: {names}; run hf_model first")
    return stamp


def start(params: dict[str, Any], folder: Path, commit: str, check_mode: bool) -> tuple[bool, Share]:
    """Share the model; return whether that is a change, and the share. Raises SwarmError."""
    wish = wish_of(params)
    before = _swarm_share.running(swarm_folder(folder, commit)) if commit else None
    if check_mode:
        # Whether it is the same cannot be told without laying it out.
        return before is None, shown(params, commit, before)
    stamp = verified(folder, commit)
    place, manifest_sha256 = stage(folder, stamp)
    after = _swarm_share.start(place, wish)
    changed = before is None or before["pid"] != after["pid"]
    return changed, shown(params, commit, {**after, "manifest_sha256": manifest_sha256, "files": len(stamp.files)})


def stop(params: dict[str, Any], folder: Path, commit: str, check_mode: bool) -> tuple[bool, Share]:
    """Share the model no longer; return whether that is a change, and the share. Raises SwarmError."""
    place = swarm_folder(folder, commit)
    changed = bool(commit) and place.exists()
    if changed and not check_mode:
        _swarm_share.stop(place)
        shutil.rmtree(place, ignore_errors=True)
    return changed, shown(params, commit, None)


def shown(params: dict[str, Any], commit: str, status: Optional[Share]) -> Share:
    """Return the share as the result shows it."""
    told = status or {}
    names = ("info_hash", "manifest_sha256", "port", "files")
    about = {"repo_id": params["repo_id"], "commit": commit, "size": told.get("total_bytes")}
    return {**about, **{name: told.get(name) for name in names}}


def main() -> None:
    """Run the module."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    started = params["state"] == "started"
    if started and _swarm.IMPORT_ERROR:
        module.fail_json(msg=f"{missing_required_lib('libtorrent')} ({_swarm.IMPORT_ERROR})")
    try:
        refuse_odd_names(params["repo_id"], params["revision"])
    except CacheError as exc:
        module.fail_json(msg=str(exc), exception=exc)
    try:
        folder = repo_folder(params["cache_dir"], params["repo_id"])
        commit = commit_of(params)
        changed, share = (start if started else stop)(params, folder, commit, module.check_mode)
    except OSError as exc:
        told = f"expected a cache in {params['cache_dir']}, could not look into it: {exc}; correct cache_dir"
        module.fail_json(msg=f"{params['repo_id']}: {told}", exception=exc, cause="disk")
    except SwarmError as exc:
        module.fail_json(msg=f"{params['repo_id']}: {exc}", exception=exc, cause=exc.cause)
    states = [{"shared": shared} for shared in (started is not changed, started)]
    module.exit_json(changed=changed, diff={"before": states[0], "after": states[1]}, share=share)


if __name__ == "__main__":
    main()
