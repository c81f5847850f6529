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
      - V(probed) tells which limit of a reply's tokens the server takes, and asks nothing of the eval.
      - V(stopped) ends the job. What was asked is kept.
    type: str
    choices: [started, finished, reported, probed, stopped]
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
  description:
    - One row for each complete cell (task at a reasoning effort) of those asked for. Beside what is told here it names
      the server, the model, what else the identity is made of, and the journal.
  returned: success
  type: list
  elements: dict
  contains:
    score:
      description: Share of right answers among the measured ones (pass@1), 0 to 1. None when nothing was measured.
      type: float
    n_questions:
      description: How many questions were asked.
      type: int
    n_repeats:
      description: How many times each is asked in the whole eval.
      type: int
    n_samples:
      description: How many samples were planned, questions times repeats, those of O(through_repeat) only.
      type: int
    n_measured:
      description: How many samples count in the score, the next four together.
      type: int
    n_correct:
      description: Right answers.
      type: int
    n_wrong:
      description: Wrong answers.
      type: int
    n_unparsed:
      description: Wrong ones in which only a fallback rule found an answer, or none did.
      type: int
    n_truncated:
      description: Wrong ones that were cut off at the token limit.
      type: int
    n_refused:
      description: Samples that the server refused, not measured.
      type: int
    n_errors:
      description: Samples that ended in an error after all retries, not measured.
      type: int
    n_timeouts:
      description: Samples that got no answer in time, not measured.
      type: int
    n_cut_off:
      description: Measured replies that were cut off at the token limit, right ones included.
      type: int
    n_fallback:
      description: Measured replies in which only a fallback rule found an answer or none did, right ones included.
      type: int
    n_empty:
      description: Measured replies without any text.
      type: int
    standard_error:
      description:
        - The score's standard error over new questions, clustered by question, for comparing with a paper (Miller 2024,
          arXiv 2411.00640).
      type: float
    standard_error_within:
      description: The standard error over new answers to the same questions, for comparing hosts. Needs repeats.
      type: float
    confidence_interval:
      description: The 95 % interval of C(standard_error), by Student's distribution.
      type: list
      elements: float
    confidence_interval_within:
      description: The 95 % interval of C(standard_error_within).
      type: list
      elements: float
    pass_at_k:
      description:
        - For 1, the powers of 2 below the number of repeats and that number, C(k) and the unbiased estimate C(score) of
          the share of questions of which at least one of k answers is right (Chen et al. 2021, arXiv 2107.03374).
        - It is over the C(n_questions) questions with at least k measured answers.
      type: list
      elements: dict
    majority:
      description:
        - The share C(score) of C(n_questions) questions of which the most frequent of C(k) repeats' answers is right
          (Wang et al. 2022, arXiv 2203.11171). Multiple choices are compared by what was chosen, not by the letter.
        - Where m answers are the most frequent, the right one among them, the question counts 1/m. C(n_tied) counts
          the questions without a single winner. A reply without a readable answer has no vote.
      type: dict
    repeat_scores:
      description: The score of each repeat alone.
      type: list
      elements: float
    tokens:
      description:
        - Sums of the tokens of all replies, C(prompt), C(completion), C(reasoning) and C(answer). The last is what was
          completed and is no reasoning, none where the server does not tell reasoning apart.
      type: dict
    tokens_per_second:
      description: Completion tokens per second of C(seconds). Scores of one run share the server.
      type: float
    latency:
      description:
        - Seconds from a measured sample's first attempt to its answer, retries and waiting included, as C(p50), C(p90),
          C(p99) (the smallest value that so many per cent do not exceed) and C(max).
      type: dict
    time_to_first_token:
      description:
        - Seconds until the server had the first token, as C(p50), C(p90) and C(p99), interpolated in the histogram that
          the server kept during the run (C(source) is V(server)), over C(n_requests) requests, whoever asked them.
        - None where the server has no such metrics.
      type: dict
    seconds:
      description: For how many seconds at least one of the samples was under way.
      type: float
    concurrency:
      description: How many requests were to be under way at a time, V(0) for what the server has room for.
      type: int
    gpu_load:
      description:
        - The host's GPUs while they worked, looked at every 30 seconds. C(power_watts), C(sm_clock_mhz) and
          C(temperature_celsius), each the mean over C(n_gpus) of C(n_looks) looks, and C(slowest_gpu).
        - None where no GPU was seen at work.
      type: dict
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
