# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.eval_targets: what is scored by itself, a server or several replicas together."""

from __future__ import annotations

DOCUMENTATION = r"""
name: eval_targets
short_description: Tells which servers are scored by themselves, and which together
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gives one entry for each eval of a host, with the addresses of the servers that answer it.
positional: _input
options:
  _input:
    description: The entries of P(gpt_oss.fleet.server_entries#filter).
    type: list
    elements: dict
    required: true
  servers:
    description: The host's C(vllm_servers), in which replicas are not written out.
    type: list
    elements: dict
    required: true
  together:
    description: Whether the replicas of an entry answer one eval, under the entry's name.
    type: bool
    default: false
  containers:
    description: Whether each server runs in a container of its name.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show what is scored
  ansible.builtin.debug:
    msg: "{{ vllm_server_entries | gpt_oss.fleet.eval_targets(vllm_servers, together=true) | map(attribute='name') }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary for each eval, with the keys of its first server's entry. C(name) is what it is scored under,
      C(base_url) and C(container) are the first server's, and C(replicas) lists those of the others.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_targets import eval_targets as targets_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def eval_targets(
    entries: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    together: bool = False,
    containers: bool = True,
) -> list[dict[str, Any]]:
    """Return an entry for each eval."""
    return targets_of(entries, servers, together, containers)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"eval_targets": guarded("eval_targets", eval_targets)}
