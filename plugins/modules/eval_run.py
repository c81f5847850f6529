#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run, re-attach to or stop one server's eval."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_run
short_description: Run the evals of one server, detached and resumable
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Asks one server the questions of GPQA diamond and AIME 2025, with the prompts, the order, the sampling parameters
    and the grading of C(gpt_oss.evals) 0.0.9, and scores the replies.
  - The samples are asked by one detached process per server, next to it. The process outlives the module, the
    connection and the controller. It journals each sample; a later run with the same identity attaches to it, goes on
    from the journal, or finds the scores.
  - The identity is made of all that decides a score, namely the model and its revision, the server's image, arguments
    and environment, the data sets' checksums, the task, the reasoning effort and the sampling parameters. When any of
    it changes, a new journal is begun.
  - Most playbooks use M(gpt_oss.fleet.eval), which starts this module and shows the progress.
options:
  state:
    description:
      - V(started) starts the job, or attaches to the one that runs, and returns.
      - V(finished) also waits for it and returns the scores.
      - V(reported) tells how the job and the scores stand, and asks nothing.
      - V(stopped) ends the job. What was asked is kept.
    type: str
    choices: [started, finished, reported, stopped]
    default: finished
  server:
    description: Name of the server. Its journals, status and log lie in a folder of this name below O(run_path).
    type: str
    required: true
  base_url:
    description: Address of the server's API as seen from the host, ending in C(/v1). Required unless O(state=stopped).
    type: str
  model:
    description: Name of the model, as the server serves it. Required unless O(state=stopped).
    type: str
  api_key_file:
    description: File on the host that holds the server's API key. Without it no key is sent.
    type: path
  tasks:
    description: What to ask.
    type: list
    elements: str
    choices: [gpqa, aime25]
    default: [gpqa, aime25]
  reasoning_efforts:
    description: At which reasoning efforts to ask. Each task at each effort is a score of its own.
    type: list
    elements: str
    choices: [low, medium, high]
    default: [low, medium, high]
  sampler:
    description: Which API to ask.
    type: str
    choices: [responses, chat_completions]
    default: responses
  temperature:
    description: Sampling temperature.
    type: float
    default: 1.0
  max_tokens:
    description: The most tokens a reply may have, reasoning included.
    type: int
    default: 131072
  n_repeats:
    description: How many times each question is asked.
    type: int
    default: 8
  examples:
    description: Ask only this many questions, the same ones each time, drawn as the reference draws them.
    type: int
  concurrency:
    description: How many requests are under way at once. Not part of the identity.
    type: int
    default: 128
  request_timeout:
    description: Seconds one request may take.
    type: float
    default: 3600.0
  retry_timeout:
    description:
      - For how many seconds after its first failure a sample is asked again. Only failures that can pass are retried,
        namely HTTP 408, 429, 500, 502, 503 and 504, broken connections and requests that got no answer in time.
      - A server out of reach for that long ends the job. A later run goes on from the journal.
    type: float
    default: 600.0
  max_invalid:
    description: The largest share of samples that may be refused, in error or timed out before the score is void.
    type: float
    default: 0.02
  max_truncated:
    description: The share of replies cut off at the token limit above which the score carries a warning.
    type: float
    default: 0.1
  data:
    description:
      - For each task the list of its data files on the host, one file for C(gpqa), two for C(aime25).
      - Required unless O(state=stopped).
    type: dict
  data_sha256:
    description: For each task the list of its files' wanted sha256 checksums. Tasks left out are not checked.
    type: dict
    default: {}
  run_path:
    description: Folder on the host below which each server has its folder of journals, status and log.
    type: path
    required: true
  container:
    description:
      - Name of the server's container. Its image, arguments and environment then belong to the identity.
      - Without it the address, the version and the context length stand for them.
    type: str
  docker_host:
    description: Address of the Docker Engine that runs O(container).
    type: str
    default: unix:///var/run/docker.sock
  revision:
    description:
      - Revision of the model's weights, for the identity.
      - By default the one that O(container) is labelled with as C(gpt_oss.fleet.revision), which the role vllm does.
    type: str
  timeout:
    description: Seconds to wait with O(state=finished). The job runs on afterwards. Without it there is no limit.
    type: float
requirements:
  - httptools
  - docker (with O(container))
attributes:
  check_mode:
    description: Says how many samples would be asked, and changes nothing. The server is asked for its models only.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
"""

EXAMPLES = r"""
- name: Score the server at low effort on GPQA
  gpt_oss.fleet.eval_run:
    server: gpt-oss-20b
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b
    container: gpt-oss-20b
    tasks: [gpqa]
    reasoning_efforts: [low]
    data:
      gpqa: [/var/lib/gpt_oss/datasets/gpqa_diamond.csv]
    run_path: /var/lib/gpt_oss/evals

- name: Stop it
  gpt_oss.fleet.eval_run:
    state: stopped
    server: gpt-oss-20b
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
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _eval_control
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import (
    ARGUMENT_SPEC,
    REQUIRED_IF,
    EvalSpec,
    SpecError,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import HTTPTOOLS_IMPORT_ERROR
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError

FAILURES = (SpecError, DatasetError, ProbeError, JournalError, DetachError, _eval_control.EvalFailure)


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the job to the wanted state and return how things stand."""
    if params["state"] == "stopped":
        return _eval_control.stop(params["server"], Path(params["run_path"]) / params["server"], check_mode)
    spec = EvalSpec.from_params(params)
    if params["state"] == "started":
        return _eval_control.start(spec, check_mode)
    if params["state"] == "reported":
        return _eval_control.report(spec)
    return _eval_control.finish(spec, check_mode, params["timeout"])


def main() -> None:
    """Bring the eval to the wanted state."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True)
    if HTTPTOOLS_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("httptools"), exception=HTTPTOOLS_IMPORT_ERROR)
    try:
        result = act(module.params, module.check_mode)
    except FAILURES as exc:
        module.fail_json(msg=str(exc), exception=exc)
    for row in result["scores"]:
        if row["reason"]:
            module.warn(f"{row['server']} {row['task']} {row['reasoning_effort']}: {row['reason']}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
