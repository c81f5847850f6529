#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin status_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status_report
short_description: Show how all servers of a fleet are
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Prints a row for each server of the facts C(gpt_oss_liveness) of all hosts, with what to do where something is
    wrong, and a sentence on the fleet. A host of which nothing is known, as it cannot be reached, has a row too.
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
  - module: gpt_oss.fleet.vllm_liveness
"""

EXAMPLES = r"""
- name: Show how the fleet is
  gpt_oss.fleet.status_report:
    path: ./status.json
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
report:
  description: The fleet.
  returned: always
  type: dict
  contains:
    sentence:
      description: How it is.
      type: str
      sample: "1 of 2 servers on 2 hosts needs attention: node2/gpt-oss-20b stuck. In all: 1 busy, 1 stuck."
    hosts:
      description: The hosts that are shown.
      type: list
      elements: str
    servers:
      description: A row for each server, as in C(gpt_oss_liveness), with C(host).
      type: list
      elements: dict
    verdicts:
      description: How many servers have which verdict.
      type: dict
    wrong:
      description: The servers that need attention, each with C(host), C(name), C(verdict), C(sentence) and C(remedy).
      type: list
      elements: dict
    table:
      description: The table, line by line.
      type: list
      elements: str
"""
