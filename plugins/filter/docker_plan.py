# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.docker_plan: what the role docker does on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: docker_plan
short_description: Plans what the role docker does on a host
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares the Docker Engine that a host has with the one that is wanted.
  - Nothing is asked of the host. The role P(gpt_oss.fleet.docker#role) does what the plan says, and hands over its
    variables as the options.
positional: _input
options:
  _input:
    description: The fact C(gpt_oss_host), as the module P(gpt_oss.fleet.host_info#module) returns it.
    type: dict
    required: true
extends_documentation_fragment:
  - gpt_oss.fleet.docker
"""

EXAMPLES = r"""
- name: Show what the role docker would do
  ansible.builtin.debug:
    msg: "{{ gpt_oss_host | gpt_oss.fleet.docker_plan(**__docker_options) }}"
"""

RETURN = r"""
_value:
  description:
    - C(source), one of V(kept), V(official) and V(distribution); C(engine), the one that is there.
    - C(installs), whether packages come, C(install), C(version), C(upgrade) and C(remove), which.
    - C(settings) and C(defaults) for the configuration file; C(containerd_root) where that has to change; C(moves), the
      folders that shall lie elsewhere, with the C(evidence) that tells whether there is something in the old place.
    - C(start) and C(enable) for the service, and C(reload), whether it has not taken over yet what it could have.
    - C(problems), a list of problems in the shape that all roles share.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_plan import plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def docker_plan(host: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the plan."""
    return plan(host, {"occupied": [], **options})


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"docker_plan": guarded("docker_plan", docker_plan)}
