# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.docker_restart: whether the Docker daemon may be restarted under the containers that run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: docker_restart
short_description: Decides whether the Docker daemon may be restarted under the containers that run
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - A restart is harmless when no container runs, or when live-restore was on already and none of the settings is of the
    kind that live-restore does not bear.
positional: _input, keys
options:
  _input:
    description: The fact C(gpt_oss_host), as the module P(gpt_oss.fleet.host_info#module) returns it.
    type: dict
    required: true
  keys:
    description:
      - The keys of the configuration file that wait for a restart, which are
        RV(gpt_oss.fleet.docker_config#module:restart_keys).
    type: list
    elements: str
    required: true
  allowed:
    description: Whether to restart the daemon in any case.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Decide about the restart
  ansible.builtin.set_fact:
    gpt_oss_docker_restart: "{{ gpt_oss_host | gpt_oss.fleet.docker_restart(result.restart_keys) }}"
"""

RETURN = r"""
_value:
  description:
    - C(restart) says whether to restart the daemon now, C(pending) whether a restart is left to somebody else.
    - C(settings) are those that wait for it, and C(reason) says why.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_restart import restart
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def docker_restart(host: dict[str, Any], keys: list[str], allowed: bool = False) -> dict[str, Any]:
    """Return the decision."""
    return restart(host, keys, allowed)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"docker_restart": guarded("docker_restart", docker_restart)}
