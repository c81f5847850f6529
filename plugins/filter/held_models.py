# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.held_models: the models that a host has, by their names in a plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: held_models
short_description: Lists the models that a host has, as a plan names them
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - A model is held when it was verified, and at the commit of its name where that tells one.
positional: _input
options:
  _input:
    description:
      - The results of a loop of M(gpt_oss.fleet.hf_model) in check mode over rows of
        P(gpt_oss.fleet.model_rows#filter).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is here
  ansible.builtin.debug:
    msg: "{{ looked.results | gpt_oss.fleet.held_models }}"
"""

RETURN = r"""
_value:
  description: The names.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._model_rows import held_names
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"held_models": guarded("held_models", held_names)}
