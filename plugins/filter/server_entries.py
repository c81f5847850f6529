# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.server_entries: one entry of vllm_servers for each server, replicas written out."""

from __future__ import annotations

DOCUMENTATION = r"""
name: server_entries
short_description: Writes out the replicas among the entries of C(vllm_servers)
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gives one entry for each server, with its own name, port and GPUs, for those who need no whole description.
  - Does not fail. What is wrong with the entries is told by P(gpt_oss.fleet.server_problems#filter).
positional: _input
extends_documentation_fragment:
  - gpt_oss.fleet.servers
"""

EXAMPLES = r"""
- name: Show the names of all servers
  ansible.builtin.debug:
    msg: "{{ entries | map(attribute='name') }}"
  vars:
    entries: "{{ vllm_servers | gpt_oss.fleet.server_entries(recipes=vllm_recipes, models=vllm_models) }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary for each server, with the keys of its entry and of the defaults; C(name), C(port) and C(gpus) are
      the server's own, and C(replicas) is gone.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import expand
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def server_entries(servers: Any, defaults: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return an entry for each server."""
    catalogue, site = catalogue_and_site(**options)
    return expand(servers, catalogue, site, defaults)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"server_entries": guarded("server_entries", server_entries)}
