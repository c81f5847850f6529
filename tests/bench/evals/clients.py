# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients that are compared: ours, gpt_oss.evals 0.0.9, and lm-eval, each asked for the same requests.

gpt_oss.evals and ours ask /v1/responses, lm-eval /v1/chat/completions. lm-eval gets each repeat as a question of its
own, as it scores only one of a question's repeats.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from measure import COLLECTIONS, COLUMNS, REPEATS, REQUESTS, Run, measure

# As the module eval_run does it, but in this process: the one that it detaches could not be measured.
OURS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.gpt_oss.fleet.plugins.modules import eval_run
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _eval_plan, _probe
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_job import run_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
spec = EvalSpec.from_params({**defaults, **json.loads(sys.argv[2])})
spec.folder.mkdir(parents=True)
facts = _probe.probe_server(spec, None)
cells = _eval_plan.build_cells(spec, _eval_plan.load_data(spec), facts)
run_job(spec, [_eval_plan.cell_state(cell, spec) for cell in cells], facts, None)
state = _eval_plan.cell_state(cells[0], spec)
assert state.finished, (spec.folder / "status.json").read_text()
"""

REFERENCE = """
import os, sys
url, data, examples, repeats, concurrency = sys.argv[1:]
os.environ["OPENAI_API_KEY"] = "none"
import pandas
read_csv = pandas.read_csv
pandas.read_csv = lambda *a, **k: read_csv(data)
from gpt_oss.evals import gpqa_eval, responses_sampler
asker = responses_sampler.ResponsesSampler(
    model="test-model", reasoning_model=True, reasoning_effort="low", temperature=1.0, base_url=url, max_tokens=131072
)
gpqa_eval.GPQAEval(n_repeats=int(repeats), num_examples=int(examples) or None, n_threads=int(concurrency))(asker)
"""

LM_EVAL_TASK = """
task: bench
dataset_path: csv
dataset_kwargs: {{data_files: {{test: "{data}"}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{Question}}}}"
doc_to_target: "A"
generation_kwargs: {{until: [], max_gen_toks: 131072, temperature: 1.0, do_sample: true}}
filter_list:
  - name: letter
    filter:
      - {{function: regex, regex_pattern: "Answer: ([A-D])"}}
      - {{function: take_first}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


class Load(NamedTuple):
    """What is asked, and of what server; ``latency`` as tests/eval_server.py takes it."""

    full: bool
    concurrency: int
    latency: float | Mapping[str, Any] = 0.0
    words: int = 100
    word: str = "word"

    @property
    def server(self) -> dict[str, Any]:
        return {"latency": self.latency, "words": self.words, "word": self.word}


class Ours:
    name = "gpt_oss.fleet"

    def __init__(self, python: str, data: Path) -> None:
        self.python, self.data = python, data

    def run(self, load: Load) -> Run:
        params = {
            "server": "bench", "base_url": "{url}", "model": "test-model", "tasks": ["gpqa"],
            "reasoning_efforts": ["low"], "n_repeats": REPEATS if load.full else 1,
            "examples": None if load.full else 1, "concurrency": load.concurrency, "request_timeout": 600.0,
            "retry_timeout": 60.0, "data": {"gpqa": [str(self.data)]},
            "run_path": tempfile.mkdtemp(dir=self.data.parent),
        }  # fmt: skip
        return measure([self.python, "-c", OURS, str(COLLECTIONS), json.dumps(params)], load.server)


class Reference:
    name = "gpt_oss.evals"

    def __init__(self, python: str, data: Path) -> None:
        self.python, self.data = python, data

    def run(self, load: Load) -> Run:
        examples, repeats = ("0", str(REPEATS)) if load.full else ("1", "1")
        command = [self.python, "-c", REFERENCE, "{url}", str(self.data), examples, repeats, str(load.concurrency)]
        return measure(command, load.server)


class LmEval:
    name = "lm-eval"

    def __init__(self, python: str, data: Path) -> None:
        self.python = python
        self.folder = Path(tempfile.mkdtemp(dir=data.parent))
        rows = list(csv.DictReader(data.open()))
        with open(self.folder / "repeated.csv", "w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows * REPEATS)
        (self.folder / "bench.yaml").write_text(LM_EVAL_TASK.format(data=self.folder / "repeated.csv"))

    def run(self, load: Load) -> Run:
        arguments = (
            f"model=test-model,base_url={{url}}/chat/completions,num_concurrent={load.concurrency},"
            "tokenized_requests=False,max_retries=3,timeout=600"
        )
        command = [
            self.python, "-m", "lm_eval", "--model", "local-chat-completions", "--model_args", arguments,
            "--tasks", "bench", "--include_path", str(self.folder), "--apply_chat_template",
            "--output_path", str(self.folder / "out"), "--log_samples", *([] if load.full else ["--limit", "1"]),
        ]  # fmt: skip
        quiet = {
            "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(self.folder / "hf"),
            "OPENAI_API_KEY": "none", "TOKENIZERS_PARALLELISM": "false",
        }  # fmt: skip
        return measure(command, load.server, quiet)


Client = Ours | Reference | LmEval


def requests_of(load: Load) -> int:
    return REQUESTS if load.full else 1
