from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.filter import resolve_servers, server_facts, server_problems
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.test_recipes import DATA

DATA_OPTIONS: dict[str, Any] = {"recipes": DATA["vllm_recipes"], "models": DATA["vllm_models"]}
GOOD = {"name": "good", "model": "openai/gpt-oss-20b"}
BAD = {"name": "bad", "model": "openai/gpt-oss-21b", "port": 0}


def test_filters_are_found_by_name() -> None:
    for module in (resolve_servers, server_facts, server_problems):
        assert list(module.FilterModule().filters()) == [module.__name__.rpartition(".")[2]]


def test_resolve_servers() -> None:
    resolved = resolve_servers.resolve_servers([GOOD], **DATA_OPTIONS, hf_home="/hf", defaults={"gpus": "none"})
    assert resolved[0]["volumes"] == ["/hf:/root/.cache/huggingface"]
    assert resolved[0]["gpus"] == "none"


def test_resolve_servers_names_all_problems() -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        resolve_servers.resolve_servers([GOOD, BAD], **DATA_OPTIONS)
    message = str(caught.value)
    assert "cannot be deployed as described" in message
    assert "\n- server bad: unknown model" in message
    assert "\n- server bad: port must be" in message


def test_server_problems() -> None:
    assert server_problems.server_problems([GOOD], **DATA_OPTIONS) == []
    assert len(server_problems.server_problems([GOOD, BAD], **DATA_OPTIONS)) == 2


def test_server_facts() -> None:
    servers = resolve_servers.resolve_servers([GOOD], **DATA_OPTIONS)
    results: list[dict[str, Any]] = [
        {"item": "good", "server": {"name": "good", "endpoint": "e"}},
        {"item": "good", "skipped": True},
    ]
    facts = server_facts.server_facts(results, servers, [{"repo_id": "openai/gpt-oss-20b", "commit": "c" * 40}])
    assert facts == [
        {
            "name": "good",
            "endpoint": "e",
            "recipe": "current",
            "moe_activation": "bf16",
            "tensor_parallel_size": 1,
            "repo_id": "openai/gpt-oss-20b",
            "revision": "c" * 40,
        }
    ]
    assert server_facts.server_facts(results, servers)[0]["revision"] is None
