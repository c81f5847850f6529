# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.docker_packages: the packages of a Docker Engine as apt or dnf want them named."""

from __future__ import annotations

DOCUMENTATION = r"""
name: docker_packages
short_description: Names the packages of a Docker Engine as apt or dnf want them
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Turns the pinned version of the engine into the versions of the packages that carry it. containerd and the plugins
    have versions of their own and are named without one.
  - Fails when the repositories do not hold the version, and names those that they hold.
positional: _input
options:
  _input:
    description: The names of the packages.
    type: list
    elements: str
    required: true
  version:
    description: The version of the engine or its beginning; empty for any.
    type: str
    required: true
  versions:
    description: What the repositories offer, as RV(gpt_oss.fleet.package_versions#module:versions).
    type: dict
    required: true
  family:
    description: Whose way of naming to follow.
    type: str
    choices: [debian, redhat]
    required: true
"""

EXAMPLES = r"""
- name: Install the engine
  ansible.builtin.apt:
    name: "{{ names | gpt_oss.fleet.docker_packages(version='28.2', versions=offered.versions, family='debian') }}"
"""

RETURN = r"""
_value:
  description:
    - The names, with the exact version where it is pinned.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_packages import UnknownVersion, package_specs
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def docker_packages(names: list[str], version: str, versions: dict[str, Any], family: str) -> list[str]:
    """Return the names with their versions."""
    try:
        return package_specs(names, version, versions, family)
    except UnknownVersion as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"docker_packages": guarded("docker_packages", docker_packages)}
