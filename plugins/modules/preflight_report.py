#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin preflight_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_report
short_description: Show what preflight found wrong with a host
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Prints a host's verdict, a line for a host without a problem and a table for others, and fails the host when the
    verdict says so.
  - Prints in the same way whatever the callback plugin's format is.
  - Runs on the controller and connects to no host.
options:
  verdict:
    description: What the filter P(gpt_oss.fleet.preflight_problems#filter) returned.
    type: dict
    required: true
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Shows and fails in check mode too.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
"""

EXAMPLES = r"""
- name: Refuse a host with problems
  gpt_oss.fleet.preflight_report:
    verdict: "{{ gpt_oss_preflight }}"
"""

RETURN = r""" # """
