from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke import Check, Usage
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_model, vllm_smoke


@pytest.mark.parametrize("module", [hf_model, vllm_smoke])
def test_documentation_tells_the_argument_spec(module: Any) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    for options in (documented, module.ARGUMENT_SPEC):
        assert set(options) == set(documented)
    for name, spec in module.ARGUMENT_SPEC.items():
        for key in ("type", "default", "choices", "elements", "required"):
            assert documented[name].get(key) == spec.get(key), (name, key)


@pytest.mark.parametrize(
    ("given", "expected"), [("Paris", "Paris"), ("", ""), ("False", ""), ("no", ""), (None, ""), ("42", "42")]
)
def test_expect_can_be_turned_off(given: str | None, expected: str) -> None:
    params = {"model": "m", "prompt": "p", "expect": given, "reasoning_efforts": ["low"], "max_tokens": None}
    assert vllm_smoke.plan_of(params).expect == expected


def test_result() -> None:
    checks = [Check("a", True, "fine", 0.12345, Usage(1, 2)), Check("b", False, "bad", 1.0)]
    assert vllm_smoke.result_of(checks, True) == {
        "checks": [
            {"name": "a", "ok": True, "detail": "fine", "seconds": 0.123},
            {"name": "b", "ok": False, "detail": "bad", "seconds": 1.0},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "simulated": True,
    }
