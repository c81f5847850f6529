# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: judging - the documentation of what the actions that judge a fleet's scores have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Which scores must be there, and what they may be compared with."""

    DOCUMENTATION = r"""
options:
  hosts:
    description: The hosts to judge. By default all hosts of the play, C(ansible_play_hosts_all).
    type: list
    elements: str
  servers:
    description:
      - For each host the names of the servers that must have scores.
      - By default the names in each host's C(vllm_servers).
    type: dict
  tasks:
    description: The tasks that each server must have scores of.
    type: list
    elements: str
    default: [gpqa, aime25]
  reasoning_efforts:
    description: The reasoning efforts that each server must have scores at.
    type: list
    elements: str
    choices: [low, medium, high]
    default: [low, medium, high]
  since:
    description: Scores registered before this time, in seconds since the epoch, count as missing.
    type: float
  sampler:
    description: Scores made with another sampler count as missing.
    type: str
    choices: [responses, chat_completions]
  n_repeats:
    description: Scores with another number of repeats count as missing.
    type: int
  examples:
    description: Scores over another number of questions count as missing.
    type: int
  subset:
    description: The same, for an eval over a seeded part of the questions.
    type: int
  references:
    description:
      - The references, instead of those that come with the collection.
      - Each has C(model), C(task), C(reasoning_effort), C(score) (a share, 0 to 1) and C(source). To judge, it also
        needs C(n), the number of samples, and C(sampler). C(n_correct), C(n_questions), C(data_sha256), C(date) and
        C(hardware) may follow.
    type: list
    elements: dict
  reference_files:
    description: Files made by M(gpt_oss.fleet.eval_baseline), on the controller. Their references come first.
    type: list
    elements: path
    default: []
  reference_data:
    description:
      - V(matching) lets a reference judge only scores on its own data set, where it states the data set's checksums.
      - V(any) does not compare the data sets. For demonstrations on made-up questions.
    type: str
    choices: [matching, any]
    default: matching
"""
