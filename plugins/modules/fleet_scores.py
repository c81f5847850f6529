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
  - Published scores are known as a whole only. A score over a part of the questions can be judged by a reference of
    O(reference_files), question by question. The fewer they are, the wider is the interval of the difference.
  - A server that is slow, by the rows' speed and latency, is suspect; fingerprints in the fact C(gpt_oss_fingerprints)
    are judged too.
  - The verdicts are V(good), V(unjudged) (there was nothing to compare with), V(suspect), V(void) (too many samples
    could not be measured), V(missing) (no score of this run) and V(bad). A host has the worst verdict of its scores,
    the fleet that of its hosts. What is missing never passes.
  - Runs on the controller and connects to no host. Run it once, with C(run_once), and with C(delegate_to) and
    C(delegate_facts) to give the fact to one host.
extends_documentation_fragment:
  - gpt_oss.fleet.judging
options:
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
      - With which verdicts, of any host or score, a host is not accepted. Waived verdicts do not count.
    type: list
    elements: str
    choices: [bad, missing, void, suspect, unjudged]
    default: [bad, void, missing]
  fail:
    description:
      - Whether the task fails where a host is not accepted.
      - Ansible registers no facts of a failed task. To keep them, set this to V(false) and decide by RV(fleet).
    type: bool
    default: true
  slow_tolerance:
    description: By how much, as a share, a server may be slower than its fleet's median before it is told.
    type: float
    default: 0.2
  slow_verdict:
    description: What a slow server is called.
    type: str
    choices: [suspect, bad]
    default: suspect
  waivers:
    description:
      - Verdicts that are accepted for a time. They are shown as they are, but a host fails no play by them.
      - Each has C(host), C(reason) and C(expires), the last day (UTC) on which it holds, such as V(2026-12-31).
        C(server), C(task) and C(reasoning_effort) make it narrower; without them it is of all that is found about the
        host.
      - Expired ones and those that nothing needs are told by a warning and in RV(fleet.waivers_unmet).
    type: list
    elements: dict
    default: []
  sequential:
    description:
      - RV(gpt_oss.fleet.eval_look#module:sequential) of the last look, where the evals were asked repeat by repeat.
      - Its decisions then judge in the place of the tests of whole evals, and scores of stopped runs count.
    type: dict
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Does the same in check mode, as nothing is changed anywhere.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
  - module: gpt_oss.fleet.eval_baseline
  - module: gpt_oss.fleet.eval_look
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
    fail: false
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
      description: Whether all hosts are accepted.
      type: bool
    simulated:
      description: Whether any score comes from a simulator.
      type: bool
    hosts:
      description:
        - Each host with C(verdict) and C(reasons), C(accepted) (no verdict among O(fail_on) that is not waived) and
          C(waived) (whether any is).
      type: list
      elements: dict
    cells:
      description: Each model, task and effort with the fleet's median, lowest and highest score and spread.
      type: list
      elements: dict
    scores:
      description:
        - Each host, server, task and effort with its score, verdict, reason and comparisons.
        - The numbers of its row are taken over. They are told in M(gpt_oss.fleet.eval).
      type: list
      elements: dict
      contains:
        verdict:
          description: The verdict on this score.
          type: str
        stopped:
          description: Whether the eval was stopped after C(through_repeat) of C(n_repeats_wanted).
          type: bool
        waiver:
          description: The waiver that accepts this verdict, with its C(reason) and C(expires).
          type: dict
        reason:
          description: Its reason in a sentence.
          type: str
        fleet:
          description:
            - The comparison with the median of the other servers, with C(centre), C(difference), C(standard_error),
              C(confidence_interval), the one-sided C(p), adjusted as C(p_holm) and C(p_discovery), and C(exact), which
              says whether p is of the exact test.
          type: dict
        reference:
          description:
            - The comparison with the reference that judges, with the same keys, and what is known of the reference.
            - C(n_paired) is the number of questions that were compared one by one. It is none for a published score, of
              which there are no such data.
          type: dict
        orientation:
          description: Comparisons with references that do not judge, and C(why_not).
          type: list
          elements: dict
    pooled:
      description: Each server and task with its mean difference from the fleet over the efforts.
      type: list
      elements: dict
    findings:
      description:
        - What else was found about servers, with C(kind) (V(fingerprint), V(performance) or V(kernel)), C(verdict),
          C(reason) and C(numbers).
      type: list
      elements: dict
    waived:
      description: The waived verdicts, each with its own reason as C(why), and the waiver's C(reason) and C(expires).
      type: list
      elements: dict
    waivers_unmet:
      description: The waivers that did nothing, with C(problem) (V(expired) or V(unused)) and a C(sentence).
      type: list
      elements: dict
    sequential:
      description: What O(sequential) was given.
      type: dict
    quarantine:
      description: The hosts that are bad, void or missing, with the reason, but for those accepted by waivers.
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
