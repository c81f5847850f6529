#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin eval_status_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_status_report
short_description: Show how all evals of a fleet stand
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Prints a row for each server of the facts C(gpt_oss_evals) of all hosts, which are what M(gpt_oss.fleet.eval_info)
    returns as RV(gpt_oss.fleet.eval_info#module:evals), with the reason where an eval does not get on, and a sentence.
    A host of which nothing is known, as it cannot be reached, has a row too.
  - The score shown is that of the task and effort under way, so far, with its standard error clustered by question.
  - Of more than 96 servers only those that need attention are shown; the report holds all.
  - Prints in the same way whatever the callback plugin's format is. Does not fail; the result tells what is wrong.
  - Runs on the controller and connects to no host.
options:
  hosts:
    description: The hosts to show. By default all of the play, those that failed or could not be reached included.
    type: list
    elements: str
  path:
    description: The file on the controller for the report as JSON. Not written in check mode.
    type: path
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Shows in check mode too, and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
seealso:
  - module: gpt_oss.fleet.eval_info
  - module: gpt_oss.fleet.eval_watch
"""

EXAMPLES = r"""
- name: Show how the evals stand
  gpt_oss.fleet.eval_status_report:
    path: ./eval_status.json
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
report:
  description: The fleet's evals.
  returned: always
  type: dict
  contains:
    sentence:
      description: How they stand.
      type: str
      sample: "2 servers on 2 hosts: 1 asking, 1 paused; 900 of 3648 samples are asked. Look at node2/gpt-oss paused."
    hosts:
      description: The hosts that are shown.
      type: list
      elements: str
    servers:
      description:
        - A row for each server with C(host), C(server), C(state), C(wrong), C(remark), C(n_done) of C(n_samples),
          C(n_errors), C(requests_per_second), C(tokens_per_second), C(seconds_left), and the C(cells) of its status.
        - The state is V(asking), V(paused), V(restarting), V(finished), V(stopped), V(failed), V(killed) when the job
          is gone without a word, V(silent) when it is there and tells nothing, V(none) for a host without evals,
          V(unknown) when the look failed, or V(unreachable).
      type: list
      elements: dict
    states:
      description: How many servers have which state.
      type: dict
    wrong:
      description: The servers that need attention, each with C(host), C(server), C(state) and C(remark).
      type: list
      elements: dict
    n_done:
      description: How many samples are asked.
      type: int
    n_samples:
      description: How many there are.
      type: int
    table:
      description: The table, line by line.
      type: list
      elements: str
"""
