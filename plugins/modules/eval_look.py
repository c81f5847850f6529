#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin eval_look."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_look
short_description: Look at a sequential eval
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - In a sequential eval the questions are asked repeat by repeat, and after each repeat a look decides which servers
    pass, which fail, and which are asked on, by group-sequential bounds.
  - A server fails where it, or one of its scores, is certainly worse than the other servers or a reference. It passes
    where it is certain that it is not worse by O(margin). See C(docs/verdicts.md) of the collection.
  - Reads the fact C(gpt_oss_scores) of all hosts. Runs on the controller and connects to no host.
extends_documentation_fragment:
  - gpt_oss.fleet.judging
options:
  margin:
    description: How much worse than the others, as a share, a server may be at the most and still be wanted to pass.
    type: float
    default: 0.03
  alpha:
    description: How probable it may be that any server of a healthy fleet fails.
    type: float
    default: 0.05
  beta:
    description: How probable it may be that a server that is worse by O(margin) passes before all repeats are asked.
    type: float
    default: 0.05
  before:
    description: RV(sequential) of the look before. Who has passed or failed stays so.
    type: dict
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Does the same in check mode, as nothing is changed anywhere.
    support: full
seealso:
  - module: gpt_oss.fleet.fleet_scores
  - module: gpt_oss.fleet.eval
"""

EXAMPLES = r"""
- name: Look at the evals after their second repeat
  gpt_oss.fleet.eval_look:
    tasks: [gpqa]
    n_repeats: 8
    before: "{{ first_look.sequential }}"
  run_once: true
  register: second_look

- name: Name the servers that are asked on
  ansible.builtin.debug:
    msg: "{{ second_look.go_on[inventory_hostname] | default([]) | join(', ') }}"
"""

RETURN = r"""
sequential:
  description:
    - The decisions, and how they were made. To be given to the next look, and to M(gpt_oss.fleet.fleet_scores).
    - Also registered as the fact C(gpt_oss_sequential).
  returned: always
  type: dict
  contains:
    margin:
      description: As given.
      type: float
    alpha:
      description: As given.
      type: float
    beta:
      description: As given.
      type: float
    servers:
      description:
        - Each server with C(decision) (V(pass), V(fail), V(go on) or V(missing)), C(reason), C(look) (the last repeat
          that was asked), C(n_looks), C(n_requests) and C(n_requests_whole).
        - The deciding test is told by C(cells), C(against), C(difference), C(standard_error), C(fail_below) and
          C(pass_above); differences and bounds are shares.
      type: list
      elements: dict
go_on:
  description: The names of the servers that are to be asked on, by host. A host without any is not in it.
  returned: always
  type: dict
"""
