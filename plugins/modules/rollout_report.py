#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin rollout_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_report
short_description: Tell how a rollout stands, and keep its quarantine
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Puts together the facts C(gpt_oss_rollout_outcome) of the hosts, prints what became of each, and says whether the
    rollout stops - after more than O(max_failures) failures, or when no host of a wave passed.
  - Hosts that failed are written to an inventory file with the reason, the time and the command to test them again;
    hosts that passed are taken out of it.
  - Runs on the controller and connects to no host. Does not fail; the result tells.
options:
  rollout:
    description: The plan by M(gpt_oss.fleet.rollout_plan), or what this module returned after the wave before.
    type: dict
    required: true
  wave:
    description: The number of the wave that ended, 0 before the first. By default that of the batch's hosts.
    type: int
  max_failures:
    description: How many hosts may fail without the rollout being stopped.
    type: int
    default: 0
  quarantine_path:
    description: The inventory file on the controller. Not written in check mode.
    type: path
    required: true
  gates:
    description: What a host has to pass, as C(rollout_gate). The command that tests a host again asks the same.
    type: list
    elements: str
    default: []
  show:
    description: Whether to print the table and the sentence.
    type: bool
    default: true
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Tells whether the file would change, and writes nothing.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
seealso:
  - module: gpt_oss.fleet.rollout_plan
"""

EXAMPLES = r"""
- name: Tell how the rollout stands
  gpt_oss.fleet.rollout_report:
    rollout: "{{ rollout }}"
    quarantine_path: ./quarantine.yml
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
rollout:
  description: The plan, as it was given, and what became of it.
  returned: always
  type: dict
  contains:
    sentence:
      description: How it stands.
      type: str
      sample: "The rollout is finished: 6 of 6 hosts accepted, 0 failed."
    hosts:
      description:
        - The rows of the plan, each with its C(outcome) - null while there is none, C(accepted), C(rolled_back),
          C(stopped), C(lost) or C(out_of_service) - and the C(reason).
      type: list
      elements: dict
    failed:
      description: The hosts that failed.
      type: list
      elements: str
    stopped:
      description: Why the rollout stops; empty when it does not.
      type: str
    wave:
      description: The wave that ended.
      type: int
    table:
      description: The table, line by line.
      type: list
      elements: str
quarantine:
  description: The hosts that are in the file.
  returned: always
  type: list
  elements: str
"""
