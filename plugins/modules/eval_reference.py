#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run gpt_oss.evals itself against one server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_reference
short_description: Run gpt_oss.evals itself against one server
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Runs the command line of C(gpt_oss.evals) 0.0.9, unchanged, for each task and reasoning effort, and registers its
    scores as the fact C(gpt_oss_scores), as M(gpt_oss.fleet.eval) does with its own.
  - The data sets are read from files on the host, the results are written to a folder below O(run_path), and the API
    key that the harness always asks for is made up where the server wants none.
  - The harness keeps nothing of a run that does not end, so each task and effort is a run of its own. One that is done
    is not run again while the server and the data are the same. It asks a dead server for ever, so O(cell_timeout) ends
    it.
  - It always asks each question 8 times, with at most 131072 tokens a reply. It tells neither tokens nor which replies
    were cut off. Those values of the score rows are empty.
  - The runs belong to a detached process on the host. A later run of the playbook attaches to it.
options:
  state:
    description:
      - V(started) starts what is to be run, or attaches to it, and returns.
      - V(finished) also waits for it, showing its progress, and registers the scores.
      - V(reported) tells how it stands, and runs nothing.
      - V(stopped) ends it. What was done of a run that has not ended is lost.
    type: str
    choices: [started, finished, reported, stopped]
    default: finished
  server:
    description: Name of the server. The runs lie in the folder C(reference) of its folder below O(run_path).
    type: str
    required: true
  base_url:
    description: Address of the server's API as seen from the host, ending in C(/v1). Required unless O(state=stopped).
    type: str
  model:
    description: Name of the model, as the server serves it. Required unless O(state=stopped).
    type: str
  api_key_file:
    description: File on the host that holds the server's API key.
    type: path
  tasks:
    description: What to ask.
    type: list
    elements: str
    choices: [gpqa, aime25]
    default: [gpqa, aime25]
  reasoning_efforts:
    description: At which reasoning efforts to ask.
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
  concurrency:
    description: The number of the harness's threads. It has at most 1000 requests under way.
    type: int
    default: 128
  python:
    description: A Python on the host, 3.12 or newer, that has gpt-oss 0.0.9 and what its evals import. Required unless
      O(state=stopped).
    type: path
  cell_timeout:
    description: Seconds after which the run of one task at one effort is ended, and with it all.
    type: float
    default: 86400.0
  max_invalid:
    description: The largest share of empty replies and refused requests before the score is void. The harness scores
      them as wrong.
    type: float
    default: 0.02
  data:
    description:
      - For each task the list of its data files on the host, one file for C(gpqa), two for C(aime25).
      - Required unless O(state=stopped).
    type: dict
  data_sha256:
    description: For each task the list of its files' wanted sha256 checksums. Tasks left out are not checked.
    type: dict
    default: {}
  data_origins:
    description: For each task the list of addresses or paths that its files came from. It is recorded only.
    type: dict
    default: {}
  run_path:
    description: Folder on the host below which each server has its folder.
    type: path
    required: true
  container:
    description: Name of the server's container. Its image, arguments and environment then belong to the identity.
    type: str
  docker_host:
    description: Address of the Docker Engine that runs O(container).
    type: str
    default: unix:///var/run/docker.sock
  revision:
    description: Revision of the model's weights, for the identity. By default the one O(container) is labelled with.
    type: str
requirements:
  - docker (with O(container))
attributes:
  check_mode:
    description: Says what would be run, and changes nothing. The server is asked for its models only.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
  - module: gpt_oss.fleet.eval_import
"""

EXAMPLES = r"""
- name: Score the server as the original recipe does
  gpt_oss.fleet.eval_reference:
    server: gpt-oss-20b
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b
    container: gpt-oss-20b
    python: /opt/gpt_oss/reference/bin/python
    data:
      gpqa: [/var/lib/gpt_oss/evaluate/data/gpqa_diamond.csv]
    tasks: [gpqa]
    run_path: /var/lib/gpt_oss/evaluate/runs
"""

RETURN = r"""
scores:
  description: One row for each run that is done.
  returned: success
  type: list
  elements: dict
  sample:
    - server: gpt-oss-20b
      task: gpqa
      reasoning_effort: low
      engine: reference
      score: 0.5612
      n_samples: 1584
      n_correct: 889
status:
  description: How the job stands. See RV(status_path).
  returned: success
  type: dict
status_path:
  description: The file on the host in which the job tells how it stands.
  returned: success
  type: str
cells:
  description: For each task and effort its identity, its folder, the number of samples, and how many are to ask.
  returned: success
  type: list
  elements: dict
journals:
  description: The folders of the runs, with the harness's reports, results and output.
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

import inspect
from typing import Any, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder, _reference_script
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import SpecError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reference_cells import ARGUMENT_SPEC, REQUIRED_IF
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reference_control import ReferenceFailure, act

FAILURES = (SpecError, DatasetError, ProbeError, DetachError, ReferenceFailure)


def main() -> None:
    """Bring the runs of the harness to the wanted state."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True)

    def command(words: Sequence[str]) -> tuple[int, str, str]:
        answer: tuple[int, str, str] = module.run_command(list(words), handle_exceptions=False)
        return answer

    result: dict[str, Any]
    try:
        result = act(module.params, module.check_mode, inspect.getsource(_reference_script), command)
    except OSError as exc:
        module.fail_json(msg=f"cannot run {module.params['python']}: {exc}; correct python", exception=exc)
    except FAILURES as exc:
        module.fail_json(msg=str(exc), exception=exc)
    for row in result["scores"]:
        if row["reason"]:
            module.warn(f"{row['server']} {row['task']} {row['reasoning_effort']}: {row['reason']}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
