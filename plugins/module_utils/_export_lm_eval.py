# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: export as lm-evaluation-harness writes its results and samples, for tools that read those.

The shapes are those of lm_eval 0.4.13 (``lm_eval/result_schema.py``, ``lm_eval/loggers/evaluation_tracker.py``). Each
task at each effort is a task of its own, each asked sample one document, as the repeats of a question differ in their
prompts.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import Asked, Files, Run

_METRIC = "exact_match"
_FILTER = "none"


def lm_eval(runs: Sequence[Run]) -> Files:
    """Return one file of results for each model, and one of samples for each run, in a folder for each model."""
    files = {}
    for model in dict.fromkeys(str(run.identity["model"]) for run in runs):
        mine = [run for run in runs if run.identity["model"] == model]
        created = min(run.created for run in mine)
        date = f"{created:%Y-%m-%dT%H-%M-%S}.000000"
        folder = re.sub(r'["<>:/|\\?*\[\]]+', "__", model)
        files[f"{folder}/results_{date}.json"] = json.dumps(_results(model, folder, mine), indent=2)
        for run in mine:
            lines = [json.dumps(_sample(number, each, run)) for number, each in _numbered(run)]
            files[f"{folder}/samples_{run.name}_{date}.jsonl"] = "".join(f"{line}\n" for line in lines)
    return files


def _numbered(run: Run) -> list[tuple[int, Asked]]:
    return [(number, each) for number, each in enumerate(run.asked) if each.measured]


def _results(model: str, folder: str, runs: Sequence[Run]) -> dict[str, Any]:
    seconds = max(run.finished for run in runs) - min(run.created for run in runs)
    return {
        "results": {run.name: _metrics(run) for run in runs},
        "group_subtasks": {run.name: [] for run in runs},
        "configs": {run.name: _configuration(run) for run in runs},
        "versions": {run.name: 0 for run in runs},
        "n-shot": {run.name: 0 for run in runs},
        "higher_is_better": {run.name: {_METRIC: True} for run in runs},
        "n-samples": {
            run.name: {"original": run.numbers["n_samples"], "effective": run.numbers["n_measured"]} for run in runs
        },
        "config": {"model": "gpt_oss.fleet", "model_args": f"model={model}", "batch_size": None, "limit": None},
        "date": min(run.created for run in runs).timestamp(),
        "model_source": "gpt_oss.fleet",
        "model_name": model,
        "model_name_sanitized": folder,
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": None,
        "chat_template": None,
        "chat_template_sha": None,
        "task_hashes": {run.name: _task_hash(run) for run in runs},
        "total_evaluation_time_seconds": str(max(0.0, seconds.total_seconds())),
    }


def _metrics(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "alias": run.name,
        "sample_len": run.numbers["n_measured"],
        f"{_METRIC},{_FILTER}": run.numbers["score"],
        f"{_METRIC}_stderr,{_FILTER}": run.numbers["standard_error"],
    }


def _configuration(run: Run) -> dict[str, Any]:
    identity = run.identity
    return {
        "task": run.name,
        "output_type": "generate_until",
        "repeats": 1,
        "num_fewshot": 0,
        "metric_list": [{"metric": _METRIC, "aggregation": "mean", "higher_is_better": True}],
        "generation_kwargs": _generation(run),
        "metadata": {
            "identity": run.sha256,
            "n_repeats": identity["n_repeats"],
            "data_sha256": identity["data_sha256"],
        },
    }


def _generation(run: Run) -> dict[str, Any]:
    identity = run.identity
    return {
        "until": [],
        "do_sample": True,
        "temperature": identity["temperature"],
        "max_gen_toks": identity["max_tokens"],
        "reasoning_effort": identity["reasoning_effort"],
    }


def _sample(number: int, each: Asked, run: Run) -> dict[str, Any]:
    sample = each.sample
    return {
        "doc_id": number,
        "doc": {
            "id": sample.request_id,
            "question": sample.question,
            "repeat": sample.repeat,
            "permutation": list(sample.permutation),
            "prompt": sample.prompt,
        },
        "target": sample.target,
        "arguments": {"gen_args_0": {"arg_0": sample.prompt, "arg_1": _generation(run)}},
        "resps": [[each.text]],
        "filtered_resps": [each.extracted],
        "filter": _FILTER,
        "metrics": [_METRIC],
        **_hashes(each),
        _METRIC: each.score,
    }


def _hashes(each: Asked) -> dict[str, str]:
    return {
        "doc_hash": _hash(each.sample.request_id),
        "prompt_hash": _hash(each.sample.prompt),
        "target_hash": _hash(each.sample.target),
    }


def _task_hash(run: Run) -> str:
    return _hash("".join("".join(_hashes(each).values()) for each in run.measured))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
