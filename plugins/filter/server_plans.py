# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.server_plans: what bringing each server of a host to its description would do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: server_plans
short_description: Tells what bringing servers to their descriptions would do
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Puts together what modules in check mode told of the servers of one host.
positional: _input
options:
  _input:
    description: The servers' images by the servers' names.
    type: dict
    required: true
  compared:
    description:
      - The results of a loop of M(gpt_oss.fleet.vllm_container) in check mode, with
        O(gpt_oss.fleet.vllm_container#module:state=started).
    type: list
    elements: dict
    required: true
  accepted:
    description: The results of such a loop with O(gpt_oss.fleet.vllm_container#module:state=accepted).
    type: list
    elements: dict
    required: true
  images:
    description:
      - The results of a loop of M(gpt_oss.fleet.vllm_image) with
        O(gpt_oss.fleet.vllm_image#module:state=reported).
    type: list
    elements: dict
    required: true
  models:
    description:
      - The results of a loop of M(gpt_oss.fleet.hf_model) with
        O(gpt_oss.fleet.hf_model#module:state=reported).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Register what would be done
  ansible.builtin.set_fact:
    gpt_oss_plan: >-
      {{ {'gpt-oss-20b': 'vllm/vllm-openai:v0.33.0'}
         | gpt_oss.fleet.server_plans(compared=compared.results, accepted=accepted.results,
                                      images=images.results, models=models.results) }}
"""

RETURN = r"""
_value:
  description:
    - For each server its C(name), C(state), the image that runs C(now) and the C(wanted) one, the keys of the
      description that it C(changes), what to C(fetch), and the C(problem) where it could not be looked at.
    - The state is C(done), where it runs as described and was accepted; C(prove), where it still has to pass something;
      C(swap), where another description runs; C(start), where none does; C(unfit), where there is a problem.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_plan import server_plans
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"server_plans": guarded("server_plans", server_plans)}
