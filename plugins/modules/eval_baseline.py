#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin eval_baseline."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_baseline
short_description: Keep accepted hosts' scores as references for later evals
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Writes a file on the controller with the scores of accepted hosts' full evals, question by question, as published
    scores are not known. With it in O(gpt_oss.fleet.fleet_scores#module:reference_files) M(gpt_oss.fleet.fleet_scores)
    can judge an eval over a part of the questions.
  - The answers of several hosts are added up, which makes the reference less noisy.
  - Runs on the controller, on the facts C(gpt_oss_scores) of the hosts, and connects to no host.
options:
  path:
    description: The file on the controller. Not written in check mode, and not when it would stay the same.
    type: path
    required: true
  fleet:
    description: What M(gpt_oss.fleet.fleet_scores) found, the fact C(gpt_oss_fleet).
    type: dict
    required: true
  hosts:
    description: Of which hosts. By default all that were judged.
    type: list
    elements: str
  verdicts:
    description: Which verdict a score must have to be taken.
    type: list
    elements: str
    choices: [good, unjudged, suspect]
    default: [good]
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
  - module: gpt_oss.fleet.fleet_scores
"""

EXAMPLES = r"""
- name: Judge the fleet
  gpt_oss.fleet.fleet_scores:
  run_once: true
  register: judged

- name: Keep what the good hosts reached
  gpt_oss.fleet.eval_baseline:
    path: ./baseline.json
    fleet: "{{ judged.fleet }}"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
scores:
  description:
    - The references that the file holds, one for each model, task, reasoning effort, sampler and data set, with
      C(outcomes), the pair of right and measured answers to each question.
  returned: success
  type: list
  elements: dict
left_out:
  description: The scores that were not taken, each with C(host), C(server), C(task), C(reasoning_effort) and C(reason).
  returned: success
  type: list
  elements: dict
"""
