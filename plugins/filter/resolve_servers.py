# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.resolve_servers: turns entries of vllm_servers into whole descriptions of containers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: resolve_servers
short_description: Turns entries of C(vllm_servers) into whole descriptions of containers
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gives each server a recipe by its image's vLLM version, and writes the command line, environment and mounts.
  - An entry with C(replicas) gives several servers, each with a name, a port and GPUs of its own.
  - Refuses what cannot work. All problems of all entries come in one message, before anything runs.
positional: _input
extends_documentation_fragment:
  - gpt_oss.fleet.servers
"""

EXAMPLES = r"""
- name: Show the container that each server would get
  ansible.builtin.debug:
    msg: "{{ vllm_servers | gpt_oss.fleet.resolve_servers(recipes=vllm_recipes, models=vllm_models) }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary for each server, with the parameters of M(gpt_oss.fleet.vllm_container), C(recipe), and C(metadata)
      with C(vllm_version), C(moe_activation), C(tensor_parallel_size), C(profile) and C(gpu_family).
    - C(kernel_proof) holds what the server's log must say of its kernels; it is empty where nothing is demanded.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, resolve
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def resolve_servers(servers: Any, defaults: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return the descriptions; raise with all problems when there are any."""
    catalogue, site = catalogue_and_site(**options)
    try:
        return resolve(servers, catalogue, site, defaults)
    except RecipeError as exc:
        lines = "\n".join(f"- {problem}" for problem in exc.problems)
        raise AnsibleFilterError(f"vllm_servers cannot be deployed as described:\n{lines}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"resolve_servers": guarded("resolve_servers", resolve_servers)}
