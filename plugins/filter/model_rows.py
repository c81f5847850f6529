# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.model_rows: the models of a host as a plan names them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: model_rows
short_description: Names the models of a host as a plan does
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gives each entry of C(hf_cache_models) its name, V(REPO_ID@REVISION), for P(gpt_oss.fleet.sharing_plan#filter).
positional: _input
options:
  _input:
    description: Entries of C(hf_cache_models).
    type: list
    elements: dict
    required: true
  branches:
    description: What commits branches and tags are, by the names that models have without.
    type: dict
    default: {}
  only:
    description: The names of those that are wanted; all by default.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show the names
  ansible.builtin.debug:
    msg: "{{ hf_cache_models | gpt_oss.fleet.model_rows | map(attribute='name') }}"
"""

RETURN = r"""
_value:
  description: For each model its C(name) and the entry as C(model).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._model_rows import model_rows
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"model_rows": guarded("model_rows", model_rows)}
