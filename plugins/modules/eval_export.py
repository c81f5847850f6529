#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the journals of evals in the forms of other tools."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_export
short_description: Write the journals of evals in the forms of other tools
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Reads the journals that M(gpt_oss.fleet.eval) left on the host, and writes their samples and scores so that other
    tools can show and compare them. A journal holds no prompts. They are made anew from the data sets.
  - The same journals give the same files, which are written only where they differ.
options:
  journals:
    description: The journals, each of one task at one reasoning effort.
    type: list
    elements: path
    required: true
  data:
    description: For each task the list of the data files that the journals were made with.
    type: dict
    required: true
  formats:
    description:
      - V(jsonl) is one sample a line, with its prompt, reply, grade, outcome, tokens and times.
      - V(lm_eval) is what lm-evaluation-harness writes with C(--log_samples), a file of results and one of samples for
        each task and effort.
      - V(inspect) is an inspect_ai log in JSON for each task and effort, for C(inspect view).
      - V(gpt_oss_evals) is what C(gpt_oss.evals) writes, less its HTML page. Samples that were not measured are
        left out.
    type: list
    elements: str
    choices: [jsonl, lm_eval, inspect, gpt_oss_evals]
    required: true
  path:
    description: The folder for the files. Each format has a folder of its name in it.
    type: path
    required: true
attributes:
  check_mode:
    description: Says which files would be written.
    support: full
seealso:
  - module: gpt_oss.fleet.eval
  - module: gpt_oss.fleet.eval_import
"""

EXAMPLES = r"""
- name: Write what inspect view and lm-eval's readers can show
  gpt_oss.fleet.eval_export:
    journals: "{{ ansible_facts['gpt_oss_scores'] | map(attribute='journal') }}"
    data:
      gpqa: [/var/lib/gpt_oss/evaluate/data/gpqa_diamond.csv]
    formats: [inspect, lm_eval]
    path: /var/lib/gpt_oss/evaluate/export
"""

RETURN = r"""
files:
  description: All files of the wanted formats, whether they were written now or before.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/gpt_oss/evaluate/export/jsonl/gpqa_low-0a1b2c3d4e5f.jsonl]
written:
  description: Those that were written now.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import (
    Exporter,
    ExportError,
    json_lines,
    read_run,
    write_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_inspect import inspect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_lm_eval import lm_eval
from ansible_collections.gpt_oss.fleet.plugins.module_utils._export_reference import gpt_oss_evals
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import JournalError

EXPORTERS: Mapping[str, Exporter] = {
    "jsonl": json_lines,
    "lm_eval": lm_eval,
    "inspect": inspect,
    "gpt_oss_evals": gpt_oss_evals,
}
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "journals": {"type": "list", "elements": "path", "required": True},
    "data": {"type": "dict", "required": True},
    "formats": {"type": "list", "elements": "str", "choices": list(EXPORTERS), "required": True},
    "path": {"type": "path", "required": True},
}


def export(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Write what is not there yet and return which files there are."""
    data = {task: files if isinstance(files, list) else [files] for task, files in params["data"].items()}
    runs = [read_run(journal, data) for journal in params["journals"]]
    files: list[str] = []
    written: list[str] = []
    for name in params["formats"]:
        folder = Path(params["path"]) / name
        found = EXPORTERS[name](runs)
        files += [str(folder / file) for file in found]
        written += write_files(folder, found, check_mode)
    return {"changed": bool(written), "files": files, "written": written}


def main() -> None:
    """Write the journals in the wanted forms."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = export(module.params, module.check_mode)
    except (ExportError, DatasetError, JournalError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    except OSError as exc:
        module.fail_json(
            msg=f"cannot write to {module.params['path']}: {exc}; make room or choose another path", exception=exc
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
