from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.filter.smoke_facts import smoke_facts

SERVERS = [{"name": "s", "served_model_name": "openai/gpt-oss-20b", "image": "vllm/vllm-openai:v0.32.0"}]
RETURNED = {
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    "reasoning_tokens": {"low": 1, "high": 2},
    "seconds": 1.5,
    "vllm_version": "0.32.0",
    "simulated": True,
}


@pytest.mark.parametrize(
    ("result", "ok", "problem"),
    [
        ({"checks": [{"ok": True}], **RETURNED}, True, ""),
        ({"checks": [{"ok": True}, {"ok": False}], "msg": "1 of 2", **RETURNED}, False, "1 of 2"),
        ({"checks": [], "msg": "could not start", **RETURNED}, False, "could not start"),
        ({"msg": "MODULE FAILURE"}, False, "MODULE FAILURE"),
        ({}, False, "the module told nothing"),
    ],
)
def test_a_row_for_each_result(result: dict[str, Any], ok: bool, problem: str) -> None:
    [row] = smoke_facts([{"item": "s", **result}], SERVERS, [{"name": "s", "image_digest": "sha256:abc"}])
    assert (row["server"], row["model"], row["image_digest"]) == ("s", "openai/gpt-oss-20b", "sha256:abc")
    assert (row["ok"], row["problem"]) == (ok, problem)
    assert set(row) == {"server", "model", "image", "image_digest", "ok", "problem", "checks", *RETURNED}


def test_a_digest_that_is_not_known() -> None:
    assert smoke_facts([{"item": "s"}], SERVERS)[0]["image_digest"] is None
