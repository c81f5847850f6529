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
extends_documentation_fragment:
  - gpt_oss.fleet.servers
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

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, resolve
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


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
        return {"server_problems": guarded("server_problems", server_problems)}
