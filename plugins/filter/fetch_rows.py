# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.fetch_rows: the models that a host fetches from others, and from whom."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fetch_rows
short_description: Tells from whom a host fetches its models
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Brings together what P(gpt_oss.fleet.sharing_plan#filter) planned and what M(gpt_oss.fleet.hf_model_share) returned.
positional: _input, branches, fetches, shares, settings
options:
  _input:
    description: Entries of C(hf_cache_models).
    type: list
    elements: dict
    required: true
  branches:
    description: What commits branches and tags are, as for P(gpt_oss.fleet.model_rows#filter).
    type: dict
    required: true
  fetches:
    description: The plan's C(fetches) of the host.
    type: list
    elements: dict
    required: true
  shares:
    description: The registered results of M(gpt_oss.fleet.hf_model_share), of all hosts.
    type: list
    elements: dict
    required: true
  settings:
    description: The host's own settings for sharing in turn, as O(gpt_oss.fleet.hf_model#module:peers) has them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See from whom the models come
  ansible.builtin.debug:
    msg: "{{ hf_cache_models | gpt_oss.fleet.fetch_rows({}, plan.fetches, shares, {'port': 27881}) }}"
"""

RETURN = r"""
_value:
  description:
    - For each model its C(name), the entry as C(model), and C(peers) for M(gpt_oss.fleet.hf_model), which is empty when
      nobody shares the model.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._model_rows import fetch_rows
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"fetch_rows": guarded("fetch_rows", fetch_rows)}
