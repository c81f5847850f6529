#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.vllm_fingerprint: the log-probabilities that a server gives fixed texts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_fingerprint
short_description: Takes a vLLM server's fingerprint, the log-probabilities that it gives fixed texts
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Sends ten made-up texts (knowledge, arithmetic, code, other languages, long context), one at a time, and notes the
    log-probability of each token, the likeliest token, and what the server says after the text at temperature 0.
  - Servers with the same weights and kernels give the same numbers up to rounding. Wrong weights, another revision,
    another mode of the mixture of experts or a GPU that miscomputes give others. M(gpt_oss.fleet.fingerprint_report)
    compares them.
  - Nothing comes from the prefix cache, whatever was asked before.
  - Asks O(repeats) times, to tell how far the server agrees with itself.
  - Needs C(/v1/completions) and at least one log-probability (C(--max-logprobs)) of the server. Changes nothing, and
    needs the standard library only.
options:
  base_url:
    description: The server's address, ending in C(/v1).
    type: str
    required: true
  model:
    description: The model's name, as the server lists it.
    type: str
    required: true
  api_key_file:
    description: A file on the host that holds the API key.
    type: path
  repeats:
    description: How often each text is sent. The first replies are the fingerprint.
    type: int
    default: 2
  timeout:
    description: How long to wait for each reply, in seconds.
    type: int
    default: 120
attributes:
  check_mode:
    description: Nothing is changed, so check mode asks as well.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
seealso:
  - module: gpt_oss.fleet.fingerprint_report
"""

EXAMPLES = r"""
- name: Take a server's fingerprint
  gpt_oss.fleet.vllm_fingerprint:
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b
"""

RETURN = r"""
prompts:
  description: Which texts were sent.
  returned: success
  type: dict
  contains:
    version:
      description: The version of the texts.
      type: int
    digest:
      description: What stands for all texts. Fingerprints of other texts cannot be compared.
      type: str
    names:
      description: The texts that fitted into the server's context.
      type: list
      elements: str
replies:
  description: The numbers of each text.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The text.
      type: str
    kind:
      description: What it is about.
      type: str
      choices: [knowledge, arithmetic, code, languages, long context]
    n_tokens:
      description: How many tokens the text has.
      type: int
    tokens:
      description: What stands for the ids of these tokens. None for long texts.
      type: str
    logprobs:
      description: The log-probability of each token from the second on, in nats. Empty for long texts.
      type: list
      elements: float
    top:
      description: The id of the likeliest token at these places.
      type: list
      elements: int
    generated:
      description: C(tokens) and C(logprobs) of what the server said after the text.
      type: dict
    seconds:
      description: How long the reply took.
      type: float
too_long:
  description: Why a text was not compared, by its name. Only texts that are longer than the server's context are.
  returned: success
  type: dict
repeat:
  description:
    - How far the server is from itself. C(mean) and C(largest) absolute difference of the log-probabilities, and
      C(n_top_differ) of C(n_positions) likeliest tokens. None where O(repeats) is 1.
  returned: success
  type: dict
seconds:
  description: How long all took.
  type: float
  returned: always
vllm_version:
  description: The version that the server tells, none where it tells none.
  type: str
  returned: always
  sample: 0.32.0
simulated:
  description: Whether the server says that it is a simulator.
  type: bool
  returned: always
"""

import time
import uuid
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint import take
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_reply import FingerprintError

ARGUMENT_SPEC: dict[str, Any] = {
    "base_url": {"type": "str", "required": True},
    "model": {"type": "str", "required": True},
    "api_key_file": {"type": "path", "no_log": False},
    "repeats": {"type": "int", "default": 2},
    "timeout": {"type": "int", "default": 120},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if params["repeats"] < 1:
        module.fail_json(msg=f"repeats is {params['repeats']}, wanted at least 1")
    begun = time.monotonic()
    version: Optional[str] = None
    try:
        api = Api(params["base_url"], read_api_key(params["api_key_file"]), params["timeout"])
        version = api.version()
        found = take(api, params["model"], params["repeats"], lambda: uuid.uuid4().hex)
    except (ApiError, FingerprintError) as exc:
        msg = f"no fingerprint could be taken of {params['model']} at {params['base_url']}: {exc}"
        module.fail_json(msg=msg, exception=exc, **_about(version, begun))
    module.exit_json(changed=False, **found, **_about(version, begun))


def _about(version: Optional[str], begun: float) -> dict[str, Any]:
    return {
        "vllm_version": version,
        "simulated": "simulat" in (version or "").lower(),
        "seconds": round(time.monotonic() - begun, 3),
    }


if __name__ == "__main__":
    main()
