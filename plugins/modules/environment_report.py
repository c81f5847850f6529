#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin environment_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_report
short_description: Tell in what the environments of a fleet's hosts differ
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares the facts C(gpt_oss_environment) of all hosts key by key, and C(gpt_oss_host) and C(gpt_oss_gpu) where they
    are there. Names for each key the usual value and the hosts that have another.
  - What always differs, such as UUIDs, serial numbers and temperatures, is left out. Hosts of which nothing could be
    collected are listed with the reason.
  - Prints a short table and a sentence, in the same way whatever the callback plugin's format is.
  - Runs on the controller and connects to no host. Secrets are masked in all that it writes.
options:
  hosts:
    description: The hosts to compare. By default all of the play, those that failed or could not be reached included.
    type: list
    elements: str
  path:
    description:
      - The folder on the controller for the report. C(differences.md) and C(differences.json) hold the comparison,
        C(hosts) what was collected of each host, as text and as JSON. Not written in check mode.
      - Files of hosts that are not compared this time stay; files of hosts that could not be collected go.
    type: path
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Compares and shows in check mode too, and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
seealso:
  - module: gpt_oss.fleet.vllm_environment
"""

EXAMPLES = r"""
- name: Tell who is the odd one out
  gpt_oss.fleet.environment_report:
    path: ./environment
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
report:
  description: The comparison.
  returned: always
  type: dict
  contains:
    sentence:
      description: How alike the hosts are.
      type: str
      sample: "All 8 hosts alike but: node3 driver 570.172.08 (others 580.95.05)."
    hosts:
      description: The hosts that were compared.
      type: list
      elements: str
    not_collected:
      description: What could not be collected, each with C(host), C(server) (null for all of them) and C(problem).
      type: list
      elements: dict
    without_facts:
      description: The facts that some hosts lack, each with these hosts.
      type: dict
    n_keys:
      description: How many keys were compared.
      type: int
    differences:
      description:
        - The keys in which hosts differ, the most important first, each with C(key), C(path) (the key's parts),
          C(server) (empty where it is not about one of several), C(title), C(has_usual), C(usual) (null for no value),
          C(n_usual), and C(odd), the other values with their hosts. Where no value has a majority, C(has_usual) is
          false and C(odd) holds all values.
      type: list
      elements: dict
    table:
      description: The short table, line by line.
      type: list
      elements: str
"""
