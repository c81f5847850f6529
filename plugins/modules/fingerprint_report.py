#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin fingerprint_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fingerprint_report
short_description: Judge the fingerprints of servers against those of their fleet and of a baseline
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares the facts C(gpt_oss_fingerprints) of hosts with the median of those that are alike (the same model, texts
    and mode of the mixture of experts), and with accepted ones of before.
  - A server is bad whose log-probabilities differ by more than the fleet's own spread allows (median + 6 MAD of the
    others), and by more than O(tolerance), or that does not agree with itself. One that differs less, but more than the
    others do, is suspect; of only two that differ both are, where no baseline tells which one is off. So is one that
    differs by no more than three times what it differs from itself. One that nothing can be compared with is unjudged,
    one without a fingerprint is missing.
  - The reason names the GPU where a host has several servers and only those on one GPU differ.
  - Runs on the controller and connects to no host. Does not fail for what was found.
options:
  hosts:
    description: The hosts to judge. By default all of the play, those that failed or could not be reached included.
    type: list
    elements: str
  against:
    description: The hosts whose facts make the consensus. By default those that are judged.
    type: list
    elements: str
  baseline:
    description: A file on the controller with accepted fingerprints. It must exist unless O(accept) is true.
    type: path
  accept:
    description:
      - Whether to keep the fingerprints that agree in O(baseline), where they take the place of those of the same model
        and build. One that nothing judged is kept as well, as the first one must come from somewhere.
    type: bool
    default: false
  tolerance:
    description:
      - The mean absolute difference of log-probabilities, in nats, that is rounding whatever the fleet's spread.
    type: float
    default: 0.02
  fail_on:
    description: The verdicts of a host that make RV(accepted) false.
    type: list
    elements: str
    choices: [bad, missing, suspect, unjudged]
    default: [bad, missing]
  show:
    description: Whether to show the table and the sentence.
    type: bool
    default: true
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Judges in check mode too, and writes nothing.
    support: full
  diff_mode:
    description: Shows what changes in the baseline.
    support: full
seealso:
  - module: gpt_oss.fleet.vllm_fingerprint
"""

EXAMPLES = r"""
- name: Compare all hosts of the play with each other
  gpt_oss.fleet.fingerprint_report:
  run_once: true
  delegate_to: localhost

- name: Judge a new host by those that serve already
  gpt_oss.fleet.fingerprint_report:
    hosts: [node9]
    against: [node1, node2, node3]
    baseline: ./fingerprints.json
  register: gate
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
hosts:
  description: For each host C(host), C(verdict) (the worst of its servers) and C(reason).
  returned: always
  type: list
  elements: dict
servers:
  description:
    - For each server C(host), C(server), C(gpus), C(verdict), C(reason), C(numbers) (of the comparison that decided),
      C(repeat), C(seconds), C(skipped) and C(simulated).
  returned: always
  type: list
  elements: dict
verdict:
  description: The worst verdict.
  returned: always
  type: str
  sample: good
accepted:
  description: Whether no host has a verdict of O(fail_on).
  returned: always
  type: bool
sentence:
  description: The whole in one sentence.
  returned: always
  type: str
  sample: "Fingerprints: 7 of 8 hosts agree; bad: node3."
table:
  description: The short table, line by line.
  returned: always
  type: list
  elements: str
simulated:
  description: Whether a simulator was among the servers.
  returned: always
  type: bool
"""
