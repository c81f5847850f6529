# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.driver_plan: what is to be done on a host for its NVIDIA driver."""

from __future__ import annotations

DOCUMENTATION = r"""
name: driver_plan
short_description: Plans what is to be done on a host for its NVIDIA driver
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares what a host has with what its GPUs need and what was asked for. It looks at nothing itself.
  - A driver that works is left alone, unless a branch or a version is asked for.
positional: _input, gpu, options
extends_documentation_fragment:
  - gpt_oss.fleet.facts
options:
  options:
    description: What is asked for.
    type: dict
    required: true
    suboptions:
      gpus:
        description: How many GPUs the host must have. V(0) for a host without, on which nothing is to be done.
        type: int
      branch:
        description: The branch of the driver, such as V("580"). Empty to leave a driver that works alone.
        type: str
        default: ""
      version:
        description: The exact release of the driver, such as V(580.95.05).
        type: str
        default: ""
      default_branch:
        description: The branch that a host without a driver gets.
        type: str
        default: "580"
      downgrade:
        description: Whether an older driver than the installed one may come.
        type: bool
        default: false
      fabric:
        description: What connects the GPUs, where it cannot be told from the hardware.
        type: str
        choices: [auto, nvlink5, nvswitch, none]
        default: auto
      modules_signed:
        description: Whether the key that signs the modules is enrolled, so that Secure Boot lets them in.
        type: bool
        default: false
      keep_from_upgrades:
        description: Whether unattended upgrades shall keep off driver and kernel.
        type: bool
        default: true
      state_file:
        description: The file on the host that names the servers that a run stopped.
        type: str
        default: ""
  versions:
    description: What M(gpt_oss.fleet.package_versions) returned as C(versions), for the names in C(query) of the plan.
    type: dict
  modules:
    description: What it returned as C(modules).
    type: dict
  containers:
    description: The running containers of this collection, each as its full id, a space and its name.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what would be done
  ansible.builtin.debug:
    msg: "{{ gpt_oss_host | gpt_oss.fleet.driver_plan(gpt_oss_gpu, {'branch': '580'}) }}"
"""

RETURN = r"""
_value:
  description:
    - The plan. C(action) is V(none), V(install), V(change) or V(mend_fabric), C(reasons) tells why.
    - C(problems) forbid it, C(warnings) do not. C(changes) tells whether anything is to be done.
    - C(packages), C(files), C(services) and the rest hold what differs from what is there, and nothing else.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_plan import make_plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def driver_plan(
    host: Mapping[str, Any],
    gpu: Mapping[str, Any],
    options: Mapping[str, Any],
    versions: Mapping[str, Any] | None = None,
    modules: Mapping[str, Any] | None = None,
    containers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the plan as plain data."""
    try:
        return make_plan(host, gpu, options, versions, modules, containers)
    except KeyError as exc:
        raise AnsibleFilterError(f"wanted the facts gpt_oss_host and gpt_oss_gpu, found them without {exc}") from exc


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"driver_plan": guarded("driver_plan", driver_plan)}
