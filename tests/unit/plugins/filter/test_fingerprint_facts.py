from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.filter.fingerprint_facts import fingerprint_facts

SERVERS: list[dict[str, Any]] = [
    {
        "name": "s",
        "model": "openai/gpt-oss-20b",
        "served_model_name": "mine",
        "image": "vllm/vllm-openai:v0.32.0",
        "gpus": "3",
        "metadata": {"moe_activation": "bf16", "gpu_family": "sm100"},
    }
]
TAKEN = {"item": "s", "replies": [{"name": "a"}], "vllm_version": "0.32.0", "prompts": {"digest": "d"}}


def test_what_is_known_of_a_server() -> None:
    running = [{"name": "s", "image_digest": "sha256:1"}]
    models = [{"repo_id": "openai/gpt-oss-20b", "commit": "c0ffee"}]
    [row] = fingerprint_facts([TAKEN], SERVERS, running, models)
    assert (row["server"], row["model"], row["revision"], row["image_digest"]) == ("s", "mine", "c0ffee", "sha256:1")
    assert (row["moe_activation"], row["gpus"], row["gpu_family"], row["problem"]) == ("bf16", "3", "sm100", "")


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"item": "s", "msg": "refused"}, "refused"),
        ({"item": "s"}, "the module told nothing"),
    ],
)
def test_a_server_without_a_fingerprint_keeps_its_row(result: dict[str, Any], problem: str) -> None:
    [row] = fingerprint_facts([result], SERVERS)
    assert (row["problem"], row["replies"], row["revision"]) == (problem, [], None)


def test_rows_of_other_servers_stay() -> None:
    known = [{"server": "s", "old": True}, {"server": "t", "old": True}]
    assert [row.get("old") for row in fingerprint_facts([TAKEN], SERVERS, known=known)] == [True, None]
