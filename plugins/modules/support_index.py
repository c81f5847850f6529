#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin support_index."""

from __future__ import annotations

DOCUMENTATION = r"""
module: support_index
short_description: List what hosts' support bundles hold
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Writes C(index.html) beside the archives that were fetched, and prints a line for each host. What is missing in a
    bundle is there with its reason, and so is a host of which there is none.
  - Runs on the controller, on the facts C(gpt_oss_support_bundle), and connects to no host.
options:
  hosts:
    description: The hosts. By default all of the play, those that failed or could not be reached included.
    type: list
    elements: str
  path:
    description: The folder on the controller that holds the archives. Nothing is written in check mode.
    type: path
    required: true
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Shows in check mode too, and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: gpt_oss.fleet.support_bundle
"""

EXAMPLES = r"""
- name: Write the page
  gpt_oss.fleet.support_index:
    path: ./gpt_oss_support_bundle
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
index:
  description: The page.
  returned: always
  type: str
bundles:
  description:
    - For each C(host) its C(archive), C(size) in bytes, C(files) and what is C(missing), or the C(problem).
  returned: always
  type: list
  elements: dict
"""
