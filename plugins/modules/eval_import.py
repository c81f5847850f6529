#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take result files of gpt_oss.evals as a server's scores."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_import
short_description: Take result files of gpt_oss.evals as a server's scores
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Reads files that C(python -m gpt_oss.evals) 0.0.9 left behind, whose names end in C(_allresults.json), and registers
    their scores as the fact C(gpt_oss_scores) of the host, to be judged with those of its fleet.
  - The files name no questions. Each result is found by its prompt in the data set they were made from. The files' own
    scores hold. Each reply is graded again, and a difference is told in the row's C(reason).
  - Tokens, times, cut-off replies and requests in error are not in such files. Their values in the row are empty.
options:
  paths:
    description: The files, one for each task and reasoning effort. On the host, or where the task is delegated to.
    type: list
    elements: path
    required: true
  server:
    description: Name of the server that was asked, as in C(vllm_servers).
    type: str
    required: true
  model:
    description: The model that was asked. By default the one in each file's name.
    type: str
  task:
    description: The task that was asked. By default the one in each file's name.
    type: str
  reasoning_effort:
    description: The reasoning effort it was asked at. By default the one in each file's name.
    type: str
    choices: [low, medium, high]
  sampler:
    description: The API that was asked, which the files do not tell. The harness's own default is V(responses).
    type: str
    choices: [responses, chat_completions]
    default: responses
  data:
    description: For each task the list of its data files, beside O(paths).
    type: dict
    required: true
  max_invalid:
    description: The largest share of empty replies and refused requests before the score is void.
    type: float
    default: 0.02
attributes:
  check_mode:
    description: Does the same in check mode, as nothing is changed anywhere.
    support: full
seealso:
  - module: gpt_oss.fleet.eval_reference
  - module: gpt_oss.fleet.eval
"""

EXAMPLES = r"""
- name: Take over the scores of an earlier run, whose files lie on the controller
  gpt_oss.fleet.eval_import:
    paths:
      - /srv/results/gpqa_openai__gpt-oss-20b-low_temp1.0_20250820_101500_allresults.json
    server: gpt-oss-20b
    data:
      gpqa: [/srv/data/gpqa_diamond.csv]
  delegate_to: localhost
"""

RETURN = r"""
scores:
  description: One row for each file.
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
ansible_facts:
  description: The scores as facts.
  returned: success
  type: dict
  contains:
    gpt_oss_scores:
      description: The host's score rows. Rows of other servers, tasks and reasoning efforts are kept.
      returned: success
      type: list
      elements: dict
"""

from pathlib import Path
from typing import Any, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _allresults
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import iso
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import file_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS, build_samples

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "paths": {"type": "list", "elements": "path", "required": True},
    "server": {"type": "str", "required": True},
    "model": {"type": "str"},
    "task": {"type": "str"},
    "reasoning_effort": {"type": "str", "choices": ["low", "medium", "high"]},
    "sampler": {"type": "str", "choices": ["responses", "chat_completions"], "default": "responses"},
    "data": {"type": "dict", "required": True},
    "max_invalid": {"type": "float", "default": 0.02},
}


def about(path: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file is about, from the parameters and its name; AllResultsError where neither tells."""
    name = _allresults.parse_name(path)
    found = {
        "model": params["model"] or (name and name.model),
        "task": params["task"] or (name and name.task),
        "reasoning_effort": params["reasoning_effort"] or (name and name.effort),
    }
    missing = [key for key, value in found.items() if not value]
    if missing:
        raise _allresults.AllResultsError(
            f"{path}: the name is not one that gpt_oss.evals gives; set {', '.join(missing)}"
        )
    if found["task"] not in TASKS or not params["data"].get(found["task"]):
        raise _allresults.AllResultsError(
            f"{path} is of task {found['task']}; wanted one of {', '.join(TASKS)}, and its files in data"
        )
    temperature = name.temperature if name else None
    return {"server": params["server"], **found, "sampler": params["sampler"], "temperature": temperature}


def import_file(path: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's score row; AllResultsError or DatasetError where it cannot be made."""
    facts = about(path, params)
    data = params["data"][facts["task"]]
    files = [str(each) for each in (data if isinstance(data, list) else [data])]
    document = _allresults.read_document(path)
    once = build_samples(facts["task"], files, 1)
    samples = build_samples(facts["task"], files, _allresults.repeats(document, len(once)))
    try:
        results = _allresults.match(document, samples)
    except _allresults.AllResultsError as exc:
        raise _allresults.AllResultsError(f"{path}: {exc}") from exc
    facts["data_sha256"] = [file_sha256(file) for file in files]
    facts["file_sha256"] = file_sha256(path)
    facts["finished"] = iso(Path(path).stat().st_mtime)
    return _allresults.score_row(results, facts, params["max_invalid"])


def main() -> None:
    """Return a score row for each file."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        rows = [import_file(path, module.params) for path in module.params["paths"]]
    except (_allresults.AllResultsError, DatasetError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    for row in rows:
        if row["reason"]:
            module.warn(f"{row['server']} {row['task']} {row['reasoning_effort']}: {row['reason']}")
    module.exit_json(changed=False, scores=rows)


if __name__ == "__main__":
    main()
