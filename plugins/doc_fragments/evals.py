# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: evals - the documentation of what the modules eval and eval_run share."""

from __future__ import annotations


class ModuleDocFragment:
    """What is asked of which server, and how."""

    DOCUMENTATION = r"""
options:
  server:
    description: Name of the server. Its journals, status and log lie in a folder of this name below O(run_path).
    type: str
    required: true
  base_url:
    description: Address of the server's API as seen from the host, ending in C(/v1). Required unless O(state=stopped).
    type: str
  replicas:
    description:
      - Further servers that answer the same eval, beside the one at O(base_url). They must be alike in all that makes
        the identity, ports and GPUs apart.
      - Each sample goes to the least loaded of them that has room, and its row in the journal names the C(endpoint)
        that answered. One that is down is waited for while the others go on with what it had under way. Where one is
        replaced by another server, the run ends, and its unsure rows alone are put apart.
    type: list
    elements: dict
    default: []
    suboptions:
      base_url:
        description: Address of its API as seen from the host, ending in C(/v1).
        type: str
        required: true
      container:
        description: Name of its container, where O(container) is given too.
        type: str
  model:
    description: Name of the model, as the server serves it. Required unless O(state=stopped).
    type: str
  api_key_file:
    description: File on the host that holds the server's API key. Without it no key is sent.
    type: path
  tasks:
    description: Names of tasks, that is what to ask. The collection's C(docs/evals_tasks.md) lists them.
    type: list
    elements: str
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
  max_tokens_fitted_from:
    description: The limit for which O(max_tokens) was taken instead, as a server refuses it. It is recorded only.
    type: int
  n_repeats:
    description: How many times each question is asked.
    type: int
    default: 8
  through_repeat:
    description:
      - Ask only the first so many of the O(n_repeats), for who decides after each whether to go on. The eval is
        finished, and has its scores, once these are asked of every question. By default all are asked.
      - All samples of a repeat are sent before any of the next, in the order of their expected length.
      - Not part of the identity. A later run with a higher number, or without any, goes on in the same journal, asks
        nothing twice, and ends with the scores that it would have had at once.
      - A score after some of the repeats on which it depends whether the others are asked is biased. Take it to decide,
        and publish the one over all.
    type: int
  examples:
    description: Ask only this many questions, the same ones each time, drawn as the reference draws them.
    type: int
  subset:
    description:
      - Ask only this many questions, drawn with O(subset_seed), and each exactly as the full eval asks it, so that the
        scores can be compared question by question with those of a full eval.
      - Excludes O(examples).
    type: int
  subset_seed:
    description: The seed with which the questions of O(subset) are drawn.
    type: int
    default: 0
  concurrency:
    description:
      - How many requests are under way at once, with each server. Not part of the identity.
      - V(0) keeps as many under way as the server works on at once, and a few more. That is found from its
        C(--max-num-seqs) and the size of its KV cache, as its C(/metrics) or its log tells it, and corrected every few
        seconds by how many of them run, wait and are preempted. A server that takes more than its CUDA graphs hold is
        given no more than three quarters of the largest one, where the log of its container tells that.
    type: int
    default: 0
  request_timeout:
    description: Seconds one request may take.
    type: float
    default: 3600.0
  retry_timeout:
    description:
      - For how many seconds after its first failure a sample is asked again. Only failures that can pass are retried,
        namely HTTP 408, 429, 500, 502, 503 and 504, broken connections and requests that got no answer in time.
      - The time in which the server is known to be down does not count.
    type: float
    default: 600.0
  max_attempts:
    description: How many times a sample is asked at most, within O(retry_timeout).
    type: int
    default: 20
  stall_seconds:
    description:
      - For how many seconds no counter of a server that has requests may move before it is taken for stuck. One step of
        the engine must fit into it.
    type: float
    default: 60.0
  server_patience:
    description:
      - For how many seconds the job waits for a server that is dead or stuck to come back. The job then ends with the
        cause, and a later run goes on from the journal.
    type: float
    default: 1800.0
  restart_server:
    description: Whether a dead or stuck server's O(container) is restarted.
    type: bool
    default: false
  max_restarts:
    description: How many times one job restarts the server.
    type: int
    default: 2
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
      - For each task the list of its data files on the host, two files for C(aime25), one for each other task.
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
"""
