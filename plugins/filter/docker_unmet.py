# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.docker_unmet: what the Docker Engine says of itself that is not as planned."""

from __future__ import annotations

DOCUMENTATION = r"""
name: docker_unmet
short_description: Lists what the Docker Engine says of itself that is not as planned
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares the Docker Engine that a host has after the role P(gpt_oss.fleet.docker#role) with the one that was wanted.
positional: _input
options:
  _input:
    description: The fact C(gpt_oss_host), as the module P(gpt_oss.fleet.host_info#module) returns it.
    type: dict
    required: true
  pending:
    description: The keys of the configuration file that are known to wait for a restart.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - gpt_oss.fleet.docker
"""

EXAMPLES = r"""
- name: Check that the engine is as planned
  ansible.builtin.assert:
    that: gpt_oss_host | gpt_oss.fleet.docker_unmet(**__docker_options) == []
"""

RETURN = r"""
_value:
  description:
    - A sentence for each thing that is not as planned; empty when all is well.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_verdict import unmet
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def docker_unmet(host: dict[str, Any], pending: list[str] | None = None, **options: Any) -> list[str]:
    """Return what is not as planned."""
    return unmet(host, {"occupied": [], **options}, pending or ())


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"docker_unmet": guarded("docker_unmet", docker_unmet)}
