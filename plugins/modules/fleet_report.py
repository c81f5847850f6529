#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin fleet_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Write the report of a judged fleet
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Writes what M(gpt_oss.fleet.fleet_scores) found into a folder on the controller - C(report.html), one page that
    opens from disk and loads nothing from any network; C(report.md); C(report.json), the facts as they are;
    C(report.csv), one row a score; and C(junit.xml), one test case a score.
  - The page shows the verdict, the hosts and their reasons, a heat map of hosts and cells, each score with its interval
    against its fleet and its reference, scores over the reasoning effort, speed, starts by stage and in what the
    environments differ. The last two need the facts C(gpt_oss_servers) and C(gpt_oss_environment) of the hosts, and are
    left out where these are not known.
  - Charts are drawn by the Python library C(vl-convert-python) on the controller. Without it the page has tables only,
    and says so.
  - The same facts give the same files, byte by byte, so that writing them again changes nothing.
  - Runs on the controller and connects to no host.
options:
  fleet:
    description: What M(gpt_oss.fleet.fleet_scores) found, the fact C(gpt_oss_fleet).
    type: dict
    required: true
  path:
    description: The folder on the controller. It is made where it is missing; other files in it stay.
    type: path
    required: true
  forms:
    description: In which forms the report is written.
    type: list
    elements: str
    choices: [html, markdown, json, csv, junit]
    default: [html, markdown, json, csv, junit]
  fail_on:
    description:
      - The verdicts that do not pass, which are failures and errors in C(junit.xml). The task does not fail for them.
    type: list
    elements: str
    choices: [bad, missing, void, suspect, unjudged]
    default: [bad, void, missing]
  samples:
    description:
      - How many samples of each score the page shows at most, those that failed and wrong ones first. V(0) shows none.
      - They are read from the journals in O(samples_path). Replies are shortened, and a page of many samples ends with
        those of the worst scores.
    type: int
    default: 0
  samples_path:
    description:
      - The folder on the controller with the fetched journals, as C(HOST/SERVER/JOURNAL.jsonl). By default C(samples)
        in O(path).
    type: path
  data:
    description:
      - For each task whose questions shall be shown with the samples, its data files on the controller, in order.
      - Leave GPQA out of it where others may see the report, as its authors ask not to publish its questions.
    type: dict
    default: {}
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Tells whether files would change, and writes nothing.
    support: full
  diff_mode:
    description: Shows the changes of all forms but C(report.html) and C(report.json), which nobody could read.
    support: partial
requirements:
  - vl-convert-python (on the controller, for charts)
seealso:
  - module: gpt_oss.fleet.fleet_scores
"""

EXAMPLES = r"""
- name: Judge the fleet
  gpt_oss.fleet.fleet_scores:
    fail_on: []
  run_once: true
  register: judged

- name: Write the report
  gpt_oss.fleet.fleet_report:
    fleet: "{{ judged.fleet }}"
    path: ./gpt_oss_report
  run_once: true
  delegate_to: localhost

- name: Write the page alone, with ten samples of each score
  gpt_oss.fleet.fleet_report:
    fleet: "{{ judged.fleet }}"
    path: ./gpt_oss_report
    forms: [html]
    samples: 10
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: The file of each form.
  returned: success
  type: dict
  sample:
    html: ./gpt_oss_report/report.html
    csv: ./gpt_oss_report/report.csv
differing:
  description: The files that were, or in check mode would be, written.
  returned: success
  type: list
  elements: str
"""
