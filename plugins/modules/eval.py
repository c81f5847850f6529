#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin eval."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval
short_description: Score a server with GPQA and AIME 2025, showing the progress
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Starts M(gpt_oss.fleet.eval_run) on the host, watches its job, prints one line of progress each few seconds, and
    registers the scores as the fact C(gpt_oss_scores).
  - The job belongs to the host. When the controller ends or loses the connection, the job runs on, and the next run of
    the playbook attaches to it, goes on from its journal, or finds the scores and asks nothing.
  - The host is watched by reading one small file over the connection; no module runs on it meanwhile.
extends_documentation_fragment:
  - gpt_oss.fleet.evals
options:
  state:
    description:
      - V(started) starts the job on the host, or attaches to the one that runs, and returns.
      - V(finished) also watches it, printing its progress, and registers the scores.
      - V(reported) tells how the job and the scores stand, and asks nothing.
      - V(stopped) ends the job. What was asked is kept.
    type: str
    choices: [started, finished, reported, stopped]
    default: finished
  poll_interval:
    description: Seconds between two lines of progress.
    type: float
    default: 5.0
requirements:
  - httptools on the host
  - docker on the host (with O(container))
attributes:
  check_mode:
    description: Says how many samples would be asked, and changes nothing. The server is asked for its models only.
    support: full
notes:
  - Runs partly on the controller. What the job does, and what makes two evals the same, is told in
    M(gpt_oss.fleet.eval_run).
seealso:
  - module: gpt_oss.fleet.eval_run
"""

EXAMPLES = r"""
- name: Score the server
  gpt_oss.fleet.eval:
    server: gpt-oss-20b
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b
    container: gpt-oss-20b
    data:
      gpqa: [/var/lib/gpt_oss/datasets/gpqa_diamond.csv]
      aime25: [/var/lib/gpt_oss/datasets/aime2025-I.jsonl, /var/lib/gpt_oss/datasets/aime2025-II.jsonl]
    run_path: /var/lib/gpt_oss/evals
"""

RETURN = r"""
scores:
  description: One row for each complete cell (task at a reasoning effort) of those asked for.
  returned: success
  type: list
  elements: dict
  sample:
    - server: gpt-oss-20b
      task: gpqa
      reasoning_effort: low
      metric: pass_at_1
      score: 0.5612
      n_samples: 1584
      n_correct: 889
      verdict:
      registered: 1767225600.0
status:
  description: How the job stands, with its cells, rate and time left. See RV(status_path).
  returned: success
  type: dict
status_path:
  description: The file on the host in which the job tells how it stands, one line of JSON, replaced each second.
  returned: success
  type: str
cells:
  description: For each cell its identity, its journal, the number of samples, and how many were done and to ask.
  returned: success
  type: list
  elements: dict
journals:
  description: The cells' journals on the host.
  returned: success
  type: list
  elements: str
ansible_facts:
  description: The scores as facts.
  returned: when there are scores
  type: dict
  contains:
    gpt_oss_scores:
      description: The host's score rows. Rows of other servers, tasks and reasoning efforts are kept.
      returned: when there are scores
      type: list
      elements: dict
"""
