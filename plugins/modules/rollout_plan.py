#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin rollout_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_plan
short_description: Show which hosts a rollout changes, and in which waves
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Puts together the facts C(gpt_oss_plan) of all hosts, which the role vllm registers with C(tasks_from=plan), and
    prints a row for each server that would be changed, in the order of the waves.
  - Hosts that are done already, in quarantine, unfit or away are left out, and named.
  - Runs on the controller and connects to no host.
options:
  hosts:
    description: The hosts. By default all of the play, those that failed or could not be reached included.
    type: list
    elements: str
  waves:
    description:
      - The sizes of the waves, as Ansible's C(serial) takes them, numbers of hosts or shares of all such as V(25%). The
        last one repeats.
    type: list
    elements: str
    required: true
  canaries:
    description: The hosts that come first.
    type: list
    elements: str
    default: []
  retest:
    description: The hosts of the quarantine that take part nevertheless; V(true) for all of them.
    type: raw
    default: false
  quarantine_path:
    description: The file on the controller that M(gpt_oss.fleet.rollout_report) keeps. It need not be there.
    type: path
    required: true
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Shows in check mode too.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
seealso:
  - module: gpt_oss.fleet.rollout_report
"""

EXAMPLES = r"""
- name: Show the plan
  gpt_oss.fleet.rollout_plan:
    waves: [1, 2, "100%"]
    quarantine_path: ./quarantine.yml
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
rollout:
  description: The plan.
  returned: always
  type: dict
  contains:
    sentence:
      description: What would be done.
      type: str
      sample: "5 of 6 hosts in 3 waves (1+2+2). in quarantine: node6."
    hosts:
      description:
        - A row for each host, with its C(state), its C(wave), which is null where it takes no part, the C(reason) for
          that, and the plans of its C(servers).
      type: list
      elements: dict
    waves:
      description: The names of the hosts of each wave.
      type: list
      elements: list
    table:
      description: The table, line by line.
      type: list
      elements: str
"""
