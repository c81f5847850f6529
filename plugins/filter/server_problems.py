# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.server_problems: lists what is wrong with entries of vllm_servers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: server_problems
short_description: Lists what is wrong with entries of C(vllm_servers)
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - The problems for which P(gpt_oss.fleet.resolve_servers#filter) refuses the entries, for those who collect problems
    of other kinds as well.
positional: _input
options:
  _input:
    description: The entries, as in C(vllm_servers). Their keys are those of the role P(gpt_oss.fleet.vllm#role).
    type: list
    elements: dict
    required: true
  recipes:
    description: The recipes by name; C(vllm_recipes) of the role.
    type: dict
    required: true
  models:
    description: The models by name; C(vllm_models) of the role.
    type: dict
    required: true
  image_tags:
    description: The vLLM version by image tag, for tags that are no version.
    type: dict
    default: {}
  environment_lifetimes:
    description: The versions of vLLM in which an environment variable has an effect, by its name.
    type: dict
    default: {}
  argument_lifetimes:
    description: The versions of vLLM in which a flag is known, by its name.
    type: dict
    default: {}
  defaults:
    description: Keys that each entry has unless it sets them itself.
    type: dict
    default: {}
  hf_home:
    description: The host's Hugging Face folder, which the recipes mount.
    type: str
    default: /var/lib/gpt_oss/huggingface
  cache_path:
    description: The host's folder for vLLM's own caches, mounted when set.
    type: str
  gpus_per_host:
    description: How many GPUs C(gpus=all) stands for.
    type: int
    default: 8
  allow_open_api:
    description: Whether a server may be reachable from the network without a key.
    type: bool
    default: false
  offline:
    description: Whether the servers are told to ask nothing of the Hub.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ vllm_servers | gpt_oss.fleet.server_problems(recipes=vllm_recipes, models=vllm_models) }}"
"""

RETURN = r"""
_value:
  description:
    - One line for each problem; empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, resolve


def server_problems(servers: Any, defaults: dict[str, Any] | None = None, **options: Any) -> list[str]:
    """Return the problems, a line each."""
    catalogue, site = catalogue_and_site(**options)
    try:
        resolve(servers, catalogue, site, defaults)
    except RecipeError as exc:
        return exc.problems
    return []


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"server_problems": server_problems}
