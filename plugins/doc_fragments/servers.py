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
    description:
      - The vLLM version by image tag, for tags that are no version, and by what a build of its own calls itself.
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
  gpu_families:
    description: The GPUs that have kernels of their own, by their architecture; C(vllm_gpu_families) of the role.
    type: dict
    default: {}
  profiles:
    description: What a profile gives an entry, by the profile's name; C(vllm_profiles) of the role.
    type: dict
    default: {}
  kernel_proofs:
    description: The lines of a log that prove which kernels run; C(vllm_kernel_proofs) of the role.
    type: list
    elements: dict
    default: []
  kernel_choices:
    description: The variables and flags by which an entry chooses kernels itself; C(vllm_kernel_choices) of the role.
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
    description:
      - The host's folder for what vLLM and its libraries compile, mounted when set.
      - A folder for each user of containers lies in it.
    type: str
  gpus_per_host:
    description: How many GPUs C(gpus=all) stands for where O(gpu_facts) tells none.
    type: int
    default: 8
  gpu_facts:
    description: What M(gpt_oss.fleet.gpu_info) returned of the host's GPUs; empty when nobody has looked.
    type: dict
    default: {}
  image_versions:
    description:
      - The versions of vLLM that were read from images, by the images' references.
      - A version that was read is used, and must not contradict the tag or C(vllm_version).
    type: dict
    default: {}
  version_known_later:
    description:
      - Whether versions will still be read from the images. Then it is no problem yet that a tag tells none. An entry
        whose version is not known has no description.
    type: bool
    default: false
  allow_open_api:
    description: Whether a server may be reachable from the network without a key.
    type: bool
    default: false
  offline:
    description: Whether the servers are told to ask nothing of the Hub.
    type: bool
    default: false
  provisions:
    description:
      - What the host lends its servers besides - C(state_path), the folder for what is kept about servers; C(caches),
        C(offline_environment) and C(vocabulary), as in C(vars/main/provisions.yml) of the role; C(vocabulary_path), the
        folder with the vocabulary, empty where none is lent; C(guard) and C(open_paths), as the role's C(vllm_guard)
        and C(vllm_open_paths).
    type: dict
    default: {}
"""
