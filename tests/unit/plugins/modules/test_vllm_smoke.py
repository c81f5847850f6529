from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import conventions_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, Usage
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import Check
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_plan import PROMPTS, Plan
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_model, vllm_smoke


@pytest.mark.parametrize("module", [hf_model, vllm_smoke])
def test_documentation_tells_the_argument_spec(module: Any) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    for options in (documented, module.ARGUMENT_SPEC):
        assert set(options) == set(documented)
    for name, spec in module.ARGUMENT_SPEC.items():
        for key in ("type", "default", "choices", "elements", "required"):
            assert documented[name].get(key) == spec.get(key), (name, key)


PARAMETERS = {name: option.get("default") for name, option in vllm_smoke.ARGUMENT_SPEC.items()}


def plan(**given: Any) -> Plan:
    return vllm_smoke.plan_of({**PARAMETERS, "model": "m", **given}, "0.32.0")


@pytest.mark.parametrize(
    ("given", "expected"), [("Paris", "Paris"), ("", ""), ("False", ""), ("no", ""), (None, ""), ("42", "42")]
)
def test_expect_can_be_turned_off(given: str | None, expected: str) -> None:
    assert plan(expect=given).expect == expected


def test_the_defaults() -> None:
    assert plan() == Plan(
        model="m",
        prompt="What is the capital of France?",
        expect="Paris",
        reasoning_efforts=["low", "medium", "high"],
        max_tokens=4096,
        temperature=0.0,
        effort_prompts=PROMPTS,
        key_expected=False,
        concurrency=8,
        conventions=conventions_of("0.32.0"),
    )
    assert len(set(PROMPTS)) == 10


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ({"max_tokens": 0}, "max_tokens", None),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"reasoning_efforts": ["high", "low"]}, "reasoning_efforts", ["low", "high"]),
        ({"compare_efforts": False}, "effort_prompts", ()),
        ({"compare_efforts": False, "effort_prompts": ["One?"]}, "effort_prompts", ()),
        ({"effort_prompts": ["One?"]}, "effort_prompts", ["One?"]),
        ({"effort_prompts": []}, "effort_prompts", PROMPTS),
        ({"api_key_file": "/run/key"}, "key_expected", True),
    ],
)
def test_what_the_options_mean(given: dict[str, Any], name: str, expected: Any) -> None:
    assert getattr(plan(**given), name) == expected


def test_result() -> None:
    answer = Answer("Paris", "stop", Usage(1, 2))
    checks = [
        Check("a", "answers", True, "fine", 0.12345, numbers={"prompt_tokens": 1}, answer=answer, usage=Usage(1, 2)),
        Check("b", "answers", False, "bad", 1.0),
        Check("c", "usage", True, "not compared", skipped=True),
        Check("reasoning effort", "efforts", True, "", 2.0, numbers={"low": 3, "high": 4}, usage=Usage(5, 6)),
    ]
    result = vllm_smoke.result_of(checks, "0.32.0+simulator", 3.21987)
    rows = result.pop("checks")
    assert result == {
        "usage": {"prompt_tokens": 6, "completion_tokens": 8},
        "reasoning_tokens": {"low": 3, "high": 4},
        "seconds": 3.22,
        "vllm_version": "0.32.0+simulator",
        "simulated": True,
    }
    assert rows[0] == {
        "name": "a",
        "group": "answers",
        "ok": True,
        "skipped": False,
        "detail": "fine",
        "seconds": 0.123,
        "numbers": {"prompt_tokens": 1},
    }
    assert [(row["ok"], row["skipped"]) for row in rows] == [(True, False), (False, False), (True, True), (True, False)]
    assert all(set(row) == set(rows[0]) for row in rows)


def test_the_result_has_the_same_keys_where_nothing_could_be_asked() -> None:
    empty = vllm_smoke.result_of([], None, 0.0)
    assert set(empty) == set(vllm_smoke.result_of([Check("a", "answers", True, "")], "0.32.0", 1.0))
    assert set(empty) <= set(yaml.safe_load(vllm_smoke.RETURN))
    assert (empty["simulated"], empty["vllm_version"], empty["reasoning_tokens"]) == (False, None, {})
