# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.vllm_smoke: a server answers a simple question sensibly, in each way it can be asked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_smoke
short_description: Asks a vLLM server one simple question in each way it can be asked
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Checks that the model is listed, and asks O(prompt) at each reasoning effort through chat completions, whole and as
    a stream, and through the Responses API.
  - Judges the shape of each reply and whether the answer makes sense. Errors in replies of status 200 are caught.
  - Fails with all failed checks. Changes nothing, and needs the standard library only.
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
  prompt:
    description: The question.
    type: str
    default: What is the capital of France?
  expect:
    description: What the answer must contain, in any case. Empty or V(false) accepts any answer that has tokens.
    type: str
    default: Paris
  reasoning_efforts:
    description: The reasoning efforts to ask with.
    type: list
    elements: str
    choices: [low, medium, high]
    default: [low, medium, high]
  max_tokens:
    description: The most tokens of a reply. By default the server's own limit.
    type: int
  timeout:
    description: How long to wait for each reply, in seconds.
    type: int
    default: 300
attributes:
  check_mode:
    description: Nothing is changed, so check mode asks as well.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
"""

EXAMPLES = r"""
- name: Ask for the capital of France
  gpt_oss.fleet.vllm_smoke:
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b
"""

RETURN = r"""
checks:
  description: The checks in order.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: What was asked.
      type: str
    ok:
      description: Whether all was well.
      type: bool
    detail:
      description: The answer, or what was wrong.
      type: str
    seconds:
      description: How long it took.
      type: float
usage:
  description: The tokens of all requests together.
  type: dict
  returned: always
  sample:
    prompt_tokens: 700
    completion_tokens: 350
simulated:
  description: Whether the server says that it is a simulator.
  type: bool
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke import Check, Plan, Usage, failures, run_checks

EFFORTS = ["low", "medium", "high"]
ARGUMENT_SPEC: dict[str, Any] = {
    "base_url": {"type": "str", "required": True},
    "model": {"type": "str", "required": True},
    "api_key_file": {"type": "path", "no_log": False},
    "prompt": {"type": "str", "default": "What is the capital of France?"},
    "expect": {"type": "str", "default": "Paris"},
    "reasoning_efforts": {"type": "list", "elements": "str", "choices": EFFORTS, "default": EFFORTS},
    "max_tokens": {"type": "int", "no_log": False},
    "timeout": {"type": "int", "default": 300},
}


def plan_of(params: dict[str, Any]) -> Plan:
    """Return what to ask."""
    expect = params["expect"] or ""
    return Plan(
        model=params["model"],
        prompt=params["prompt"],
        expect="" if expect.lower() in BOOLEANS_FALSE else expect,
        reasoning_efforts=params["reasoning_efforts"],
        max_tokens=params["max_tokens"],
    )


def is_simulated(api: Api, base_url: str) -> bool:
    """Tell whether the server says that it is a simulator."""
    root = Api(base_url.rstrip("/").removesuffix("/v1"), timeout=api.timeout)
    return "simulat" in root.get("version").text.lower()


def result_of(checks: list[Check], simulated: bool) -> dict[str, Any]:
    """Return the module's result."""
    usage = sum((check.usage for check in checks), Usage())
    return {
        "checks": [
            {"name": check.name, "ok": check.ok, "detail": check.detail, "seconds": round(check.seconds, 3)}
            for check in checks
        ],
        "usage": {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens},
        "simulated": simulated,
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    try:
        api = Api(params["base_url"], read_api_key(params["api_key_file"]), params["timeout"])
        simulated = is_simulated(api, params["base_url"])
    except ApiError as exc:
        msg = f"the smoke test of {params['base_url']} could not start: {exc}; start the server, or correct base_url"
        module.fail_json(msg=msg, exception=exc, **result_of([], False))
    checks = run_checks(api, plan_of(params))
    result = result_of(checks, simulated)
    failed = failures(checks)
    if failed:
        lines = "\n".join(f"- {failure}" for failure in failed)
        many = f"{len(failed)} of {len(checks)} checks of {params['model']} at {params['base_url']} failed"
        remedy = "Look at the server's log; vllm_smoke_expect: false accepts answers without sense."
        module.fail_json(msg=f"{many}:\n{lines}\n{remedy}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
