# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: export as an inspect_ai log in JSON, for ``inspect view`` and for scripts that read such logs.

The shape is that of log version 2 (inspect_ai 0.3.285, ``inspect_ai/log/_log.py``). A question is a sample, a repeat an
epoch. A sample that was not measured has an error and no score.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import Asked, Files, Run

_VERSION = 2
_SCORER = "gpt_oss_evals"
_STOP_REASONS: Mapping[Optional[str], str] = {"stop": "stop", "length": "max_tokens"}


def inspect(runs: Sequence[Run]) -> Files:
    """Return one log for each run, named as inspect_ai names them."""
    return {
        f"{run.created:%Y-%m-%dT%H-%M-%S}+00-00_{run.name.replace('_', '-')}_{run.sha256[:22]}.json": json.dumps(
            _log(run)
        )
        for run in runs
    }


def _log(run: Run) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "status": "success" if run.numbers["complete"] else "cancelled",
        "eval": _specification(run),
        "plan": {"name": "plan", "steps": [], "config": _generation(run)},
        "results": _results(run),
        "stats": {
            "started_at": _iso(run.created),
            "completed_at": _iso(run.finished),
            "model_usage": {str(run.identity["model"]): _usage(run.numbers["tokens"] or {})},
        },
        "samples": [_sample(each, run) for each in run.asked],
    }


def _specification(run: Run) -> dict[str, Any]:
    identity = run.identity
    questions = run.numbers["n_questions"]
    return {
        "eval_id": run.sha256[:22],
        "run_id": run.sha256[:22],
        "created": _iso(run.created),
        "task": run.name,
        "task_id": run.sha256[:22],
        "task_version": 0,
        "dataset": {"name": identity["task"], "samples": questions, "shuffled": False},
        "model": identity["model"],
        "model_generate_config": _generation(run),
        "config": {"epochs": identity["n_repeats"], "epochs_reducer": ["mean"]},
        "packages": {},
        "metadata": {"identity": dict(identity), "sha256": run.sha256},
    }


def _generation(run: Run) -> dict[str, Any]:
    identity = run.identity
    return {
        "temperature": identity["temperature"],
        "max_tokens": identity["max_tokens"],
        "reasoning_effort": identity["reasoning_effort"],
    }


def _results(run: Run) -> dict[str, Any]:
    numbers = run.numbers
    metrics = {"accuracy": numbers["score"], "stderr": numbers["standard_error"]}
    score = {
        "name": _SCORER,
        "scorer": _SCORER,
        "reducer": "mean",
        "scored_samples": numbers["n_measured"],
        "unscored_samples": len(run.asked) - numbers["n_measured"],
        "metrics": {
            name: {"name": name, "value": value, "params": {}} for name, value in metrics.items() if value is not None
        },
    }
    return {
        "total_samples": numbers["n_samples"],
        "completed_samples": numbers["n_measured"],
        "scores": [score],
    }


def _sample(each: Asked, run: Run) -> dict[str, Any]:
    sample, row = each.sample, each.row
    user = {"role": "user", "content": sample.prompt}
    base: dict[str, Any] = {
        "id": f"{sample.task}/{sample.question}",
        "epoch": sample.repeat + 1,
        "input": sample.prompt,
        "target": sample.target,
        "metadata": {"outcome": row["outcome"], "permutation": list(sample.permutation)},
        "store": {},
        "events": [],
        "model_usage": {},
        "completed_at": _iso(datetime.fromtimestamp(float(row.get("finished") or 0.0), timezone.utc)),
        "total_time": row.get("seconds"),
        "working_time": row.get("seconds"),
        "attachments": {},
    }
    if not each.measured:
        text = f"{row['outcome']}: {row.get('error') or 'no text'}"
        error = {"message": text, "traceback": text, "traceback_ansi": text}
        return {**base, "messages": [user], "output": {"model": run.identity["model"], "choices": []}, "error": error}
    assistant = {"role": "assistant", "content": each.text, "source": "generate", "model": run.identity["model"]}
    return {**base, "messages": [user, assistant], "output": _output(each, assistant, run), "scores": _scores(each)}


def _output(each: Asked, assistant: Mapping[str, Any], run: Run) -> dict[str, Any]:
    row = each.row
    tokens = {name: row.get(f"{name}_tokens") for name in ("prompt", "completion", "reasoning")}
    return {
        "model": run.identity["model"],
        "choices": [{"message": assistant, "stop_reason": _STOP_REASONS.get(row.get("finish_reason"), "unknown")}],
        "usage": _usage(tokens),
        "time": row.get("seconds"),
    }


def _scores(each: Asked) -> dict[str, Any]:
    return {
        _SCORER: {
            "value": "C" if each.score == 1.0 else "I",
            "answer": each.extracted,
            "explanation": str(each.row["outcome"]),
            "metadata": {"outcome": each.row["outcome"], "parsed": each.row.get("parsed")},
        }
    }


def _usage(tokens: Mapping[str, Any]) -> dict[str, int]:
    prompt, completion = int(tokens.get("prompt") or 0), int(tokens.get("completion") or 0)
    return {
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": prompt + completion,
        "reasoning_tokens": int(tokens.get("reasoning") or 0),
    }


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
