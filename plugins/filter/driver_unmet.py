# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.driver_unmet: what a host still lacks after its NVIDIA driver was seen to."""

from __future__ import annotations

DOCUMENTATION = r"""
name: driver_unmet
short_description: Tells what a host still lacks after its NVIDIA driver was seen to
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Judges driver, number of GPUs and NVLink fabric by the facts, and names the cause where a log tells it.
positional: _input, gpu, options, release
extends_documentation_fragment:
  - gpt_oss.fleet.facts
options:
  options:
    description: What is asked for, as for P(gpt_oss.fleet.driver_plan#filter).
    type: dict
    required: true
  release:
    description: The driver that was planned, such as V(580.95.05).
    type: str
    default: ""
  waited:
    description: How many seconds were waited for the fabric.
    type: float
    default: 0.0
"""

EXAMPLES = r"""
- name: Tell what is wrong
  ansible.builtin.debug:
    msg: "{{ gpt_oss_host | gpt_oss.fleet.driver_unmet(gpt_oss_gpu, {'gpus': 8}) | map(attribute='text') }}"
"""

RETURN = r"""
_value:
  description: The problems, empty when all is well.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_verdict import unmet
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def driver_unmet(
    host: Mapping[str, Any],
    gpu: Mapping[str, Any],
    options: Mapping[str, Any],
    release: str = "",
    waited: float = 0.0,
) -> list[dict[str, Any]]:
    """Return the problems as plain data."""
    try:
        return unmet(host, gpu, options, release, waited)
    except KeyError as exc:
        raise AnsibleFilterError(f"wanted the facts gpt_oss_host and gpt_oss_gpu, found them without {exc}") from exc


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"driver_unmet": guarded("driver_unmet", driver_unmet)}
