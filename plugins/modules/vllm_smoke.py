# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.vllm_smoke: a server answers sensibly in each way it can be asked, and refuses what it must."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_smoke
short_description: Asks a vLLM server in each way it can be asked, and judges the replies
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Asks O(prompt) at each reasoning effort through chat completions and through the Responses API, each whole and as a
    stream. Judges of each reply shape, end, tokens, where its reasoning is, and whether the text makes sense.
  - Strikes the token limit on purpose, asks for a model that is not served, sends a body that is not JSON and, where
    O(api_key_file) is given, asks without the key. The server must say what it is to say.
  - Asks O(effort_prompts) at the lowest and the highest effort, and compares the tokens of reasoning.
  - Errors in replies of status 200 are caught. What replies hold depends on the vLLM version, which C(/version) tells.
  - Asks O(concurrency) requests at a time. Once a reply has run into O(timeout), what was not asked yet is skipped.
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
    description: A file on the host that holds the API key. With it the server must refuse requests without the key.
    type: path
  prompt:
    description: The question.
    type: str
    default: What is the capital of France?
  expect:
    description:
      - What the answer must contain, in any case. Empty or V(false) accepts any answer that has tokens, gibberish too.
    type: str
    default: Paris
  reasoning_efforts:
    description: The reasoning efforts to ask with.
    type: list
    elements: str
    choices: [low, medium, high]
    default: [low, medium, high]
  max_tokens:
    description:
      - The most tokens of a reply, and half of the server's context at most. V(0) for the server's own limit.
      - A broken model may go on for ever, so a limit keeps the test short.
    type: int
    default: 4096
  temperature:
    description: The sampling temperature. At V(0) a server gives much the same answers each time.
    type: float
    default: 0.0
  compare_efforts:
    description:
      - Whether to ask O(effort_prompts) at the lowest and at the highest of O(reasoning_efforts). The lowest must take
        fewer tokens of reasoning in all, or of the replies where the server does not count reasoning.
    type: bool
    default: true
  effort_prompts:
    description:
      - The prompts by which efforts are compared. By default ten short ones. The sense of the replies is not judged.
    type: list
    elements: str
  concurrency:
    description: How many requests are made at a time.
    type: int
    default: 8
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
seealso:
  - module: gpt_oss.fleet.smoke_report
"""

EXAMPLES = r"""
- name: Ask for the capital of France, and all the rest
  gpt_oss.fleet.vllm_smoke:
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b

- name: Ask at one effort only, in a few seconds
  gpt_oss.fleet.vllm_smoke:
    base_url: http://127.0.0.1:8000/v1
    model: openai/gpt-oss-20b
    reasoning_efforts: [low]
"""

RETURN = r"""
checks:
  description:
    - The checks in order. C(models) is the first; when it fails, it is the only one.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: What was asked, such as C(chat stream low), C(responses limit), C(reasoning effort).
      type: str
    group:
      description: What it is about.
      type: str
      sample: answers
      choices: [models, answers, limits, refusals, usage, efforts]
    ok:
      description: Whether all was well. A skipped check is.
      type: bool
    skipped:
      description: Whether it was not made, as another one failed that it needs.
      type: bool
    detail:
      description: The answer, or what was wrong.
      type: str
    seconds:
      description: How long it took. Several are made at a time.
      type: float
    numbers:
      description: What was counted, such as C(prompt_tokens), C(completion_tokens), C(max_model_len).
      type: dict
usage:
  description: The tokens of all requests together.
  type: dict
  returned: always
  sample:
    prompt_tokens: 2700
    completion_tokens: 5100
reasoning_tokens:
  description:
    - The tokens of reasoning over all O(effort_prompts), by effort; tokens of the replies where the server does not
      count reasoning. Empty where efforts were not compared.
  type: dict
  returned: always
  sample:
    low: 412
    high: 2390
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
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import conventions_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke import failures, run_checks
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Usage
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import Check
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_effort import EFFORT_CHECK
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_plan import PROMPTS, Plan

EFFORTS = ["low", "medium", "high"]
ARGUMENT_SPEC: dict[str, Any] = {
    "base_url": {"type": "str", "required": True},
    "model": {"type": "str", "required": True},
    "api_key_file": {"type": "path", "no_log": False},
    "prompt": {"type": "str", "default": "What is the capital of France?"},
    "expect": {"type": "str", "default": "Paris"},
    "reasoning_efforts": {"type": "list", "elements": "str", "choices": EFFORTS, "default": EFFORTS},
    "max_tokens": {"type": "int", "no_log": False, "default": 4096},
    "temperature": {"type": "float", "default": 0.0},
    "compare_efforts": {"type": "bool", "default": True},
    "effort_prompts": {"type": "list", "elements": "str"},
    "concurrency": {"type": "int", "default": 8},
    "timeout": {"type": "int", "default": 300},
}


def plan_of(params: dict[str, Any], vllm_version: Optional[str]) -> Plan:
    """Return what to ask a server of this version, the efforts from the lowest to the highest."""
    expect = params["expect"] or ""
    return Plan(
        model=params["model"],
        prompt=params["prompt"],
        expect="" if expect.lower() in BOOLEANS_FALSE else expect,
        reasoning_efforts=[effort for effort in EFFORTS if effort in params["reasoning_efforts"]],
        max_tokens=params["max_tokens"] or None,
        temperature=params["temperature"],
        effort_prompts=(params["effort_prompts"] or PROMPTS) if params["compare_efforts"] else (),
        key_expected=params["api_key_file"] is not None,
        concurrency=params["concurrency"],
        conventions=conventions_of(vllm_version),
    )


def result_of(checks: list[Check], vllm_version: Optional[str], seconds: float) -> dict[str, Any]:
    """Return the module's result."""
    usage = sum((check.usage for check in checks), Usage())
    efforts = [check for check in checks if check.name == EFFORT_CHECK]
    return {
        "checks": [_check(check) for check in checks],
        "usage": {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens},
        "reasoning_tokens": dict(efforts[0].numbers) if efforts else {},
        "seconds": round(seconds, 3),
        "vllm_version": vllm_version,
        "simulated": "simulat" in (vllm_version or "").lower(),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "group": check.group,
        "ok": check.ok,
        "skipped": check.skipped,
        "detail": check.detail,
        "seconds": round(check.seconds, 3),
        "numbers": dict(check.numbers),
    }


def refusal(params: dict[str, Any], checks: list[Check]) -> str:
    """Return what was wrong, a line each; empty when nothing was."""
    failed = failures(checks)
    if not failed:
        return ""
    lines = "\n".join(f"- {failure}" for failure in failed)
    many = f"{len(failed)} of {len(checks)} checks of {params['model']} at {params['base_url']} failed"
    return f"{many}:\n{lines}\nLook at the server's log; vllm_smoke_expect: false accepts answers without sense."


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    begun = time.monotonic()
    try:
        api = Api(params["base_url"], read_api_key(params["api_key_file"]), params["timeout"])
        version = api.version()
    except ApiError as exc:
        msg = f"the smoke test of {params['base_url']} could not start: {exc}; start the server, or correct base_url"
        module.fail_json(msg=msg, exception=exc, **result_of([], None, time.monotonic() - begun))
    checks = run_checks(api, plan_of(params, version))
    result = result_of(checks, version, time.monotonic() - begun)
    if msg := refusal(params, checks):
        module.fail_json(msg=msg, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
