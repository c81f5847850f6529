#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin smoke_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smoke_report
short_description: Tell what the smoke tests of a fleet's servers found
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gathers the facts C(gpt_oss_smoke) of all hosts, shows them as a short table, and writes them as C(junit.xml) for CI
    servers and as C(smoke.json).
  - Hosts that failed or could not be reached before their servers were asked have no fact, and are reported as errors.
    So are, under C(serial), those whose turn is to come.
  - Run it before the tests too, with O(show=false). Then a run that ends early leaves a report that says so, and not
    that of another day.
  - Runs on the controller and connects to no host. Does not fail for what was found.
options:
  hosts:
    description: The hosts to tell of. By default all of the play, those that failed or could not be reached included.
    type: list
    elements: str
  path:
    description:
      - The folder on the controller for C(junit.xml) and C(smoke.json). Nothing is written without it or in check mode.
    type: path
  show:
    description: Whether to show the table and the sentence.
    type: bool
    default: true
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
  - module: gpt_oss.fleet.vllm_smoke
"""

EXAMPLES = r"""
- name: Tell what the smoke tests found
  gpt_oss.fleet.smoke_report:
    path: ./smoke
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
report:
  description: What was found.
  returned: always
  type: dict
  contains:
    ok:
      description: Whether all hosts were tested, and all servers passed.
      type: bool
    sentence:
      description: The whole in one sentence.
      type: str
      sample: "Smoke test: 7 of 8 servers passed; failed: node3/gpt-oss-120b."
    table:
      description: The short table, line by line.
      type: list
      elements: str
    hosts:
      description: For each host C(host), C(problem) (why it was not tested, else empty) and C(servers), its fact.
      type: list
      elements: dict
    not_tested:
      description: The hosts that were not tested.
      type: list
      elements: str
    n_servers:
      description: How many servers were tested.
      type: int
    n_passed:
      description: How many of them passed.
      type: int
    simulated:
      description: Whether a simulator was among them.
      type: bool
"""
