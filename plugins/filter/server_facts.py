# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.server_facts: the fact that describes a host's running servers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: server_facts
short_description: Builds the fact that describes a host's running servers
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Joins what P(gpt_oss.fleet.vllm_container#module) returned for each server with its recipe and its model's revision.
positional: _input
options:
  _input:
    description: The results of a loop of M(gpt_oss.fleet.vllm_container) over the names of servers.
    type: list
    elements: dict
    required: true
  servers:
    description: The descriptions of these servers, as P(gpt_oss.fleet.resolve_servers#filter) returns them.
    type: list
    elements: dict
    required: true
  images:
    description:
      - What P(gpt_oss.fleet.vllm_image#module) returned for each image, by the image's name. Of one that was just
        brought, the time goes into C(stage_seconds) as C(pulled).
    type: dict
    default: {}
  models:
    description: The models in the host's cache, each with C(repo_id) and C(commit).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Register the servers
  ansible.builtin.set_fact:
    gpt_oss_servers: "{{ result.results | gpt_oss.fleet.server_facts(servers=servers, models=gpt_oss_models) }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary for each server, as M(gpt_oss.fleet.vllm_container) returns it, with C(recipe), C(moe_activation),
      C(tensor_parallel_size), C(repo_id) and C(revision) (the commit, or none when it is not known).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def server_facts(
    results: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    models: Sequence[Mapping[str, Any]] = (),
    images: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return one row for each result that tells of a server."""
    commits = {model["repo_id"]: model["commit"] for model in models}
    descriptions = {server["name"]: server for server in servers}
    found = []
    for result in results:
        if result.get("server"):
            description = descriptions[result["item"]]
            fact = _fact(result, description, commits)
            found.append(_with_pull(fact, (images or {}).get(description["image"], {})))
    return found


def _with_pull(fact: dict[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fact with the time that its image took to come, where it was just brought."""
    if not image.get("changed"):
        return fact
    return {**fact, "stage_seconds": {"pulled": round(image["seconds"], 3), **(fact.get("stage_seconds") or {})}}


def _fact(result: Mapping[str, Any], description: Mapping[str, Any], commits: Mapping[str, str]) -> dict[str, Any]:
    metadata = description["metadata"]
    return {
        **result["server"],
        "recipe": description["recipe"],
        "moe_activation": metadata["moe_activation"],
        "tensor_parallel_size": metadata["tensor_parallel_size"],
        "repo_id": description["model"],
        "revision": commits.get(description["model"]),
    }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"server_facts": guarded("server_facts", server_facts)}
