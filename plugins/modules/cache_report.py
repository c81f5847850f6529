#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin cache_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cache_report
short_description: Show what the Hugging Face caches of a fleet hold
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Prints a row for each revision of each model of the facts C(gpt_oss_cache) of all hosts, with the space that is left
    on their disks, and below each host what is to be said of it and what to do. A host of which nothing is known, as it
    cannot be reached, has a row too.
  - Where hosts have the fact C(gpt_oss_cache_pruned), what went from them follows, or what would go.
  - Of more than 96 rows only the hosts are shown of which there is something to be said; the report holds all.
  - Prints in the same way whatever the callback plugin's format is, in at most 100 columns. Does not fail; the result
    tells what is wrong.
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
  - module: gpt_oss.fleet.hf_cache
"""

EXAMPLES = r"""
- name: Show what is on the fleet's disks
  gpt_oss.fleet.cache_report:
    path: ./caches.json
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
      sample: "3 caches: 2 revisions of 2 models, 237G in all."
    hosts:
      description:
        - Each host with C(host), C(folder) and C(bytes) of its cache, C(total_bytes) and C(free_bytes) of the disk,
          C(leftover_bytes), and C(problem), why it has failed.
      type: list
      elements: dict
    revisions:
      description: A row for each revision, as in C(gpt_oss_cache), with C(host).
      type: list
      elements: dict
    remarks:
      description: What is not as it should be and what to do, each with C(host) and C(text).
      type: list
      elements: dict
    pruned:
      description: The hosts that were pruned, or would be.
      type: list
      elements: str
    done:
      description: Whether that was done, and not only foreseen.
      type: bool
    removed:
      description: What went, or would go, as M(gpt_oss.fleet.hf_cache) returns it, with C(host).
      type: list
      elements: dict
    kept:
      description: The revisions that stay and why, as M(gpt_oss.fleet.hf_cache) returns them, with C(host).
      type: list
      elements: dict
    table:
      description: The table, line by line.
      type: list
      elements: str
"""
