# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker - the documentation of what the filters about an engine share."""

from __future__ import annotations


class ModuleDocFragment:
    """The wishes for an engine; the role P(gpt_oss.fleet.docker#role) makes them from its variables."""

    DOCUMENTATION = r"""
options:
  source:
    description: Where the engine comes from. V(auto) keeps a working one that is new enough, else takes V(official).
    type: str
    choices: [auto, official, distribution]
    required: true
  version:
    description: The wanted version of the engine or its beginning, such as V(28.2); empty for any.
    type: str
    required: true
  minimum_version:
    description: The oldest version that will do.
    type: str
    required: true
  packages:
    description: The packages to install, by C(official) and C(distribution). An empty list says that there are none.
    type: dict
    required: true
  conflicting_packages:
    description: The packages that have to go before the official ones come.
    type: list
    elements: str
    required: true
  settings:
    description: What shall be in the daemon's configuration file.
    type: dict
    required: true
  defaults:
    description: What shall be in it where nothing else is.
    type: dict
    required: true
  data_root:
    description: The folder of the engine's data; empty to leave it where it is.
    type: str
    required: true
  containerd_root:
    description: The folder of containerd's data; empty to leave it where it is.
    type: str
    required: true
  replace_running:
    description: Whether packages may be replaced under running containers.
    type: bool
    required: true
  docker_host:
    description: The address of the engine.
    type: str
    required: true
  repository_managed:
    description: Whether the role provides for the repository.
    type: bool
    required: true
  repository_uri:
    description: The address of the official repository; empty where there is none for the distribution.
    type: str
    required: true
  repository_fingerprints:
    description: The fingerprints of its key.
    type: list
    elements: str
    required: true
  repository_trusted:
    description: Whether it is used without signatures.
    type: bool
    required: true
  packages_folder:
    description: A folder of packages on the host, used instead of a repository.
    type: str
    required: true
  occupied:
    description: The folders of C(moves) that were found to have something in them.
    type: list
    elements: str
    default: []
"""
