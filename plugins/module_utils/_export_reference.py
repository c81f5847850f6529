# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: export for scripts that read what gpt_oss.evals 0.0.9 writes: its three JSON shapes, under its names.

Samples that were not measured are left out, so that its score, right answers over all, is ours. That harness would have
counted a refused request as a wrong answer. Its pages are not copied: the HTML of a sample holds the facts that scripts
look for, and the conversation as text.
"""

from __future__ import annotations

import html
import json
import math
from typing import Any, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._export import Asked, Files, Run


def gpt_oss_evals(runs: Sequence[Run]) -> Files:
    """Return ``*_allresults.json`` and ``*.json`` of each run, and ``merged.json``, what its command line returns."""
    files = {}
    merged = []
    for run in runs:
        stem = _stem(run)
        document = _document(run)
        metrics = dict(sorted({**document["metrics"], "score": document["score"]}.items()))
        files[f"{stem}.json"] = json.dumps(metrics, indent=2)
        files[f"{stem}_allresults.json"] = json.dumps(document, indent=2)
        task, _underscore, model = stem.partition("_")
        merged.append({"eval_name": task, "model_name": model, "metric": document["score"]})
    return {**files, "merged.json": json.dumps(merged, indent=2)}


def _stem(run: Run) -> str:
    identity = run.identity
    model = f"{identity['model']}-{identity['reasoning_effort']}".replace("/", "__")
    return f"{identity['task']}_{model}_temp{identity['temperature']}_{run.created:%Y%m%d_%H%M%S}"


def _document(run: Run) -> dict[str, Any]:
    measured = run.measured
    lengths = [float(len(each.text)) for each in measured]
    scores = [each.score for each in measured]
    return {
        "score": mean(scores),
        "metrics": {"chars": mean(lengths), "chars:std": deviation(lengths), "score:std": deviation(scores)},
        "htmls": [_page(each) for each in measured],
        "convos": [
            [{"role": "user", "content": each.sample.prompt}, {"content": each.text, "role": "assistant"}]
            for each in measured
        ],
        "metadata": {"example_level_metadata": [None] * len(measured)},
    }


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation of a population, as numpy.std does; None of nothing."""
    if not values:
        return None
    centre = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / len(values))


def _page(each: Asked) -> str:
    parts = [
        f"<pre>{html.escape(each.sample.prompt)}</pre>",
        f"<pre>{html.escape(each.text)}</pre>",
        f"<p>Correct Answer: {html.escape(each.sample.target)}</p>",
        f"<p>Extracted Answer: {html.escape(str(each.row.get('extracted')))}</p>",
        f"<p>Score: {each.score}</p>",
    ]
    return "\n".join(parts)
