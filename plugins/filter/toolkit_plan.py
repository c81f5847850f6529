# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.toolkit_plan: what the NVIDIA Container Toolkit needs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: toolkit_plan
short_description: Plans what the NVIDIA Container Toolkit needs on a host
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares what a host is with what is wanted, and returns what has to be done and what stands against it.
  - Nothing is asked of the host. The role P(gpt_oss.fleet.nvidia_container_toolkit#role) does what the plan says.
positional: _input
extends_documentation_fragment:
  - gpt_oss.fleet.facts
options:
  versions:
    description:
      - What the repositories offer, as the module C(gpt_oss.fleet.package_versions) returns it.
      - Without it the plan says that packages must be installed, but not yet in which version.
    type: dict
  version:
    description: The wanted version or its beginning. When empty, a working one is kept, else the newest is taken.
    type: str
    default: ""
  mode:
    description: How the engine knows GPUs. V(auto) takes CDI from Docker 26.1 on.
    type: str
    choices: [auto, cdi, legacy]
    default: auto
  cgroupfs:
    description: Whether the engine shall manage cgroups by itself instead of by systemd.
    type: bool
    default: false
  restart:
    description: Whether the engine may be restarted under running containers that do not survive it.
    type: str
    choices: [auto, always]
    default: auto
  gpus:
    description: How many GPUs the host must have. By default as many as it has, at least one.
    type: int
  gpu_access:
    description: How the servers ask for GPUs.
    type: str
    choices: [device_requests, cdi]
    default: device_requests
  repository_managed:
    description: Whether the role provides for the repository.
    type: bool
    default: true
  earlier_roles:
    description: Roles whose problems are warnings, as they run before; in check mode they have mended nothing yet.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show what the toolkit needs
  ansible.builtin.debug:
    msg: "{{ gpt_oss_host | gpt_oss.fleet.toolkit_plan(gpu=gpt_oss_gpu, version='1.18', gpus=8) }}"
"""

RETURN = r"""
_value:
  description:
    - The keys C(mode), C(gpus_served_by), C(gpu_access), C(packages), C(engine), C(cdi), C(expected_gpus), C(uuids),
      and C(problems), a list of problems in the shape that all roles share.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_plan import Wishes, plan_toolkit


def toolkit_plan(
    host: Any, gpu: dict[str, Any], versions: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """Return the plan."""
    try:
        wishes = Wishes.of(options)
    except (TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"toolkit_plan: {exc}") from exc
    return plan_toolkit(host, gpu, wishes, versions)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"toolkit_plan": guarded("toolkit_plan", toolkit_plan)}
