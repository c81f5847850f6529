# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: servers - the documentation of what the filters over vllm_servers share."""

from __future__ import annotations


class ModuleDocFragment:
    """The entries of vllm_servers and what is known about recipes, models and the host."""

    DOCUMENTATION = r"""
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
