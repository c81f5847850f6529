# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: engine - the documentation of what all modules that talk to the Docker Engine share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and requirements of a connection to the Docker Engine."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - Where the Docker Engine listens.
    type: str
    default: unix:///var/run/docker.sock
requirements:
  - The Python library C(docker), version 7 or newer, for the interpreter that runs the module.
"""
