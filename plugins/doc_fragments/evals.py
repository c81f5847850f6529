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
  model:
    description: Name of the model, as the server serves it. Required unless O(state=stopped).
    type: str
  api_key_file:
    description: File on the host that holds the server's API key. Without it no key is sent.
    type: path
  tasks:
    description: What to ask.
    type: list
    elements: str
    choices: [gpqa, aime25]
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
  n_repeats:
    description: How many times each question is asked.
    type: int
    default: 8
  examples:
    description: Ask only this many questions, the same ones each time, drawn as the reference draws them.
    type: int
  concurrency:
    description: How many requests are under way at once. Not part of the identity.
    type: int
    default: 128
  request_timeout:
    description: Seconds one request may take.
    type: float
    default: 3600.0
  retry_timeout:
    description:
      - For how many seconds after its first failure a sample is asked again. Only failures that can pass are retried,
        namely HTTP 408, 429, 500, 502, 503 and 504, broken connections and requests that got no answer in time.
      - A server out of reach for that long ends the job. A later run goes on from the journal.
    type: float
    default: 600.0
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
      - For each task the list of its data files on the host, one file for C(gpqa), two for C(aime25).
      - Required unless O(state=stopped).
    type: dict
  data_sha256:
    description: For each task the list of its files' wanted sha256 checksums. Tasks left out are not checked.
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
