#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin eval_watch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_watch
short_description: Shows the evals that run on a host until they end
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Prints a line for each eval that runs on the host, every few seconds, until all have ended, and returns what
    M(gpt_oss.fleet.eval_info) tells then. Where none runs it returns at once.
  - It may run in a second terminal, beside the playbook that started the evals or after that was ended. It asks no
    server and changes nothing.
  - How much is shown is up to the variable C(gpt_oss_progress), as for M(gpt_oss.fleet.eval).
  - Ansible watches as many hosts at once as it has forks.
options:
  run_path:
    description: The folder of the evals on the host, as M(gpt_oss.fleet.eval_run) has it.
    type: path
    required: true
  poll_interval:
    description: Seconds between two lines of one server. By default 5, and more for more than 20 hosts.
    type: float
  timeout:
    description: Seconds after which the task fails. The evals run on. Without it there is no limit.
    type: float
attributes:
  action:
    description: Watches from the controller by reading the evals' status files over the connection.
    support: full
  check_mode:
    description: Does the same in check mode, as nothing is changed.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
  - module: gpt_oss.fleet.eval_info
"""

EXAMPLES = r"""
- name: Watch the evals
  gpt_oss.fleet.eval_watch:
    run_path: /var/lib/gpt_oss/evaluate/runs
"""

RETURN = r"""
evals:
  description: How the evals stood in the end, as M(gpt_oss.fleet.eval_info) returns it.
  returned: success
  type: list
  elements: dict
"""
