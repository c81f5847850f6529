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
  - The identity is made of all that decides a score, namely the model and its revision, the sha256 of its files where
    M(gpt_oss.fleet.hf_model) verified them in a cache that the container mounts, the server's image, arguments and
    environment, the data sets' checksums, the task, the reasoning effort and the sampling parameters. When any of
    it changes, a new journal is begun.
  - The samples of all cells (tasks and reasoning efforts) are asked from one queue, those with the longest expected
    reply first, which changes no score. How long a question's replies are is learnt from its first repeats and from
    older journals of the same questions.
  - The server is watched meanwhile, its C(/health) each second and its counters and container every other second. While
    it is dead or stuck, nothing is asked and no sample is given up. RV(status) then tells the cause and the remedy, and
    the job goes on once the server is back. When another server comes back in its place, or the same with other
    arguments, the job ends. What was answered since the last look at the known one is moved to a file of its own, and
    all else is kept.
  - Most playbooks use M(gpt_oss.fleet.eval), which starts this module and shows the progress.
extends_documentation_fragment:
  - gpt_oss.fleet.evals
options:
  state:
    description:
      - V(started) starts the job, or attaches to the one that runs, and returns.
      - V(finished) also waits for it and returns the scores.
      - V(reported) tells how the job and the scores stand, and asks nothing.
      - V(probed) tells which limit of a reply's tokens the server takes, and asks nothing of the eval.
      - V(stopped) ends the job. What was asked is kept.
    type: str
    choices: [started, finished, reported, probed, stopped]
    default: finished
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
  description:
    - One row for each complete cell (task at a reasoning effort) of those asked for.
    - Its numbers are told in M(gpt_oss.fleet.eval).
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
  description:
    - How the job stands, with its cells, rate and time left. See RV(status_path).
    - Its C(phase) is V(asking) while the job runs, V(paused) while its server is down, or V(restarting). Then C(cause)
      and C(remedy) say why and what to do.
    - Its C(servers) tells how each of several O(replicas) stands, by C(endpoint). The job pauses while all are down.
    - Its C(estimate) tells the requests, tokens and seconds that are left, also of a job that was not begun.
      Before any reply was seen the tokens are a guess.
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
token_limit:
  description:
    - The limit that was wanted, and the one to give as O(max_tokens), which is smaller only where the server refused
      the one wanted for the longest prompt. Then also the refusal and that prompt's tokens.
    - While a job of the server runs, the limit that it sends. Nothing in check mode and with any other O(state).
  returned: success
  type: dict
  sample:
    wanted: 131072
    sent: 3712
    reason: "max_tokens=131072 cannot be greater than max_model_len=4096"
    prompt_tokens: 320
journals:
  description: The cells' journals on the host.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _eval_control, _private_folder
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
    if params["state"] == "probed":
        return _eval_control.probe(spec, check_mode)
    if params["state"] == "reported":
        return _eval_control.report(spec)
    return _eval_control.finish(spec, check_mode, params["timeout"])


def main() -> None:
    """Bring the eval to the wanted state."""
    _private_folder.keep_others_from_writing()
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
