#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin fleet_scores."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_scores
short_description: Judge the scores of a whole fleet
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gathers the fact C(gpt_oss_scores) of all hosts, those that failed or were unreachable included, and judges each
    score (host, server, task, reasoning effort) twice, against the other servers of the fleet and against published
    references.
  - Against the fleet, a score is compared with the median of the other servers' scores on the same questions, where at
    least three servers were measured. Only the noise of new answers to the same questions counts. Each server's efforts
    are also judged together. See Miller 2024, Adding Error Bars to Evals, arXiv:2411.00640.
  - A reference judges where model, reasoning effort, task, sampler, number of questions and data set match and it
    states its number of samples. Other references of the same model, task and effort are shown for orientation.
  - The verdicts are V(good), V(unjudged) (there was nothing to compare with), V(suspect), V(void) (too many samples
    could not be measured), V(missing) (no score of this run) and V(bad). A host has the worst verdict of its scores,
    the fleet that of its hosts. What is missing never passes.
  - Runs on the controller and connects to no host. Run it once, with C(run_once), and with C(delegate_to) and
    C(delegate_facts) to give the fact to one host.
options:
  hosts:
    description: The hosts to judge. By default all hosts of the play, C(ansible_play_hosts_all).
    type: list
    elements: str
  servers:
    description:
      - For each host the names of the servers that must have scores.
      - By default the names in each host's C(vllm_servers).
    type: dict
  tasks:
    description: The tasks that each server must have scores of.
    type: list
    elements: str
    choices: [gpqa, aime25]
    default: [gpqa, aime25]
  reasoning_efforts:
    description: The reasoning efforts that each server must have scores at.
    type: list
    elements: str
    choices: [low, medium, high]
    default: [low, medium, high]
  since:
    description: Scores registered before this time, in seconds since the epoch, count as missing.
    type: float
  sampler:
    description: Scores made with another sampler count as missing.
    type: str
    choices: [responses, chat_completions]
  n_repeats:
    description: Scores with another number of repeats count as missing.
    type: int
  examples:
    description: Scores over another number of questions count as missing.
    type: int
  references:
    description:
      - The references, instead of those that come with the collection.
      - Each has C(model), C(task), C(reasoning_effort), C(score) (a share, 0 to 1) and C(source). To judge, it also
        needs C(n), the number of samples, and C(sampler). C(n_correct), C(n_questions), C(data_sha256), C(date) and
        C(hardware) may follow.
    type: list
    elements: dict
  reference_data:
    description:
      - V(matching) lets a reference judge only scores on its own data set, where it states the data set's checksums.
      - V(any) does not compare the data sets. For demonstrations on made-up questions.
    type: str
    choices: [matching, any]
    default: matching
  alpha:
    description:
      - How probable it may be that a healthy fleet has any V(bad) host. Holm's method over all tests of the fleet.
    type: float
    default: 0.01
  false_discovery_rate:
    description: The share of false ones to be expected among V(suspect) scores (Benjamini and Hochberg).
    type: float
    default: 0.05
  fail_on:
    description:
      - With which verdicts, of any host or score, the task fails.
      - Ansible registers no facts of a failed task. To keep them, give an empty list and decide by RV(fleet).
    type: list
    elements: str
    choices: [bad, missing, void, suspect, unjudged]
    default: [bad, void, missing]
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Does the same in check mode, as nothing is changed anywhere.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
"""

EXAMPLES = r"""
- name: Judge the fleet
  gpt_oss.fleet.fleet_scores:
  run_once: true
  delegate_to: localhost
  delegate_facts: true

- name: Judge one task at one effort, keep the facts and decide afterwards
  gpt_oss.fleet.fleet_scores:
    tasks: [gpqa]
    reasoning_efforts: [low]
    fail_on: []
  run_once: true
  register: judged

- name: Name the hosts to take out of service
  ansible.builtin.debug:
    msg: "{{ judged.fleet.quarantine | map(attribute='host') | join(', ') }}"
  run_once: true
"""

RETURN = r"""
fleet:
  description: The fleet's facts, also registered as the fact C(gpt_oss_fleet).
  returned: always
  type: dict
  contains:
    verdict:
      description: The worst verdict of all hosts.
      type: str
      sample: bad
    sentence:
      description: The verdict in a sentence.
      type: str
    accepted:
      description: Whether no verdict is among O(fail_on).
      type: bool
    simulated:
      description: Whether any score comes from a simulator.
      type: bool
    hosts:
      description: Each host with C(verdict) and C(reasons).
      type: list
      elements: dict
    cells:
      description: Each model, task and effort with the fleet's median, lowest and highest score and spread.
      type: list
      elements: dict
    scores:
      description: Each host, server, task and effort with its score, verdict, reason and comparisons.
      type: list
      elements: dict
    pooled:
      description: Each server and task with its mean difference from the fleet over the efforts.
      type: list
      elements: dict
    quarantine:
      description: The hosts that are bad, void or missing, with the reason.
      type: list
      elements: dict
    missing:
      description: The missing scores, with the reason.
      type: list
      elements: dict
    settings:
      description: The levels and limits that were used.
      type: dict
    table:
      description: The printed table, line by line.
      type: list
      elements: str
"""
