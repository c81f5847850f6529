# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.fingerprint_facts: the fingerprints of a host's servers, a row for each server."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fingerprint_facts
short_description: Turns the fingerprints of a host's servers into a fact
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Takes the registered results of M(gpt_oss.fleet.vllm_fingerprint), failed ones too, as no facts are kept of a failed
    task.
positional: _input
options:
  _input:
    description: The results of a loop over the servers' names.
    type: list
    elements: dict
    required: true
  servers:
    description: The descriptions of these servers, as P(gpt_oss.fleet.resolve_servers#filter) returns them.
    type: list
    elements: dict
    required: true
  running:
    description: The fact C(gpt_oss_servers), where it is there.
    type: list
    elements: dict
    default: []
  models:
    description: The models in the host's cache, each with C(repo_id) and C(commit).
    type: list
    elements: dict
    default: []
  known:
    description: The fact so far. Rows of other servers are kept.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Register the fingerprints
  ansible.builtin.set_fact:
    gpt_oss_fingerprints: "{{ taken.results | gpt_oss.fleet.fingerprint_facts(servers=servers) }}"
"""

RETURN = r"""
_value:
  description:
    - For each server C(server), C(model), C(revision), C(image), C(image_digest) (none where it is not known),
      C(moe_activation), C(gpus), C(gpu_family), C(taken) (seconds since 1970), C(problem) (empty where there is a
      fingerprint) and what M(gpt_oss.fleet.vllm_fingerprint) returns.
  type: list
  elements: dict
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded

_RETURNED: Mapping[str, Any] = {
    "prompts": None,
    "replies": [],
    "too_long": {},
    "repeat": None,
    "seconds": 0.0,
    "vllm_version": None,
    "simulated": False,
}

Row = Mapping[str, Any]


def fingerprint_facts(
    results: Sequence[Row],
    servers: Sequence[Row],
    running: Sequence[Row] = (),
    models: Sequence[Row] = (),
    known: Sequence[Row] = (),
) -> list[dict[str, Any]]:
    """Return one row for each result, and before them the known rows of other servers."""
    descriptions = {server["name"]: server for server in servers}
    digests = {server["name"]: server.get("image_digest") for server in running}
    commits = {model["repo_id"]: model["commit"] for model in models}
    fresh = [_fact(result, descriptions[result["item"]], digests, commits) for result in results]
    replaced = {row["server"] for row in fresh}
    return [*(dict(row) for row in known if row["server"] not in replaced), *fresh]


def _fact(result: Row, description: Row, digests: Row, commits: Row) -> dict[str, Any]:
    returned = {name: result.get(name, default) for name, default in _RETURNED.items()}
    metadata = description.get("metadata") or {}
    return {
        "server": str(result["item"]),
        "model": description["served_model_name"],
        "revision": commits.get(description["model"]),
        "image": description["image"],
        "image_digest": digests.get(result["item"]),
        "moe_activation": metadata.get("moe_activation"),
        "gpus": str(description["gpus"]),
        "gpu_family": metadata.get("gpu_family"),
        "taken": round(time.time()),
        "problem": "" if returned["replies"] else str(result.get("msg") or "the module told nothing"),
        **returned,
    }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"fingerprint_facts": guarded("fingerprint_facts", fingerprint_facts)}
