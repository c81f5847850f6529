from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.doc_fragments import servers
from ansible_collections.gpt_oss.fleet.plugins.filter import (
    resolve_servers,
    server_entries,
    server_facts,
    server_images,
    server_problems,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.recipe_examples import DATA

DATA_OPTIONS: dict[str, Any] = {"recipes": DATA["vllm_recipes"], "models": DATA["vllm_models"]}
GOOD = {"name": "good", "model": "openai/gpt-oss-20b"}
BAD = {"name": "bad", "model": "openai/gpt-oss-21b", "port": 0, "gpus": "none"}


def test_filters_are_found_by_name() -> None:
    for module in (resolve_servers, server_entries, server_facts, server_images, server_problems):
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
    resolved = resolve_servers.resolve_servers([GOOD], **DATA_OPTIONS)
    results: list[dict[str, Any]] = [
        {"item": "good", "server": {"name": "good", "endpoint": "e"}},
        {"item": "good", "skipped": True},
    ]
    facts = server_facts.server_facts(results, resolved, [{"repo_id": "openai/gpt-oss-20b", "commit": "c" * 40}])
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
    assert server_facts.server_facts(results, resolved)[0]["revision"] is None


@pytest.mark.parametrize(
    ("image", "stages"),
    [
        ({"changed": True, "seconds": 12.5}, {"pulled": 12.5, "created": 3.0}),
        ({"changed": False, "seconds": 0.0}, {"created": 3.0}),
        ({}, {"created": 3.0}),
    ],
)
def test_an_image_that_was_just_brought_is_a_stage_of_the_start(
    image: dict[str, Any], stages: dict[str, float]
) -> None:
    resolved = resolve_servers.resolve_servers([GOOD], **DATA_OPTIONS)
    results = [{"item": "good", "server": {"name": "good", "stage_seconds": {"created": 3.0}}}]
    facts = server_facts.server_facts(results, resolved, images={resolved[0]["image"]: image})
    assert facts[0]["stage_seconds"] == stages


def test_server_entries_and_images() -> None:
    entries = [{**GOOD, "replicas": 2}, BAD]
    rows = server_entries.server_entries(entries, defaults={"gpus": "none", "api_key_file": "/key"}, **DATA_OPTIONS)
    assert [row["name"] for row in rows] == ["good-0", "good-1", "bad"]
    assert rows[0] == {**GOOD, "name": "good-0", "port": 8000, "gpus": "none", "api_key_file": "/key"}
    assert server_images.server_images(entries, defaults={"image": "mine:1"}, **DATA_OPTIONS) == [
        {"image": "mine:1", "pull": "missing"}
    ]
    assert server_entries.server_entries("no list", **DATA_OPTIONS) == []


def test_the_role_gives_the_filters_all_that_they_take() -> None:
    """Read the role's variables, as a filter that misses data would only be less strict."""
    role = yaml.safe_load((Path(__file__).parents[4] / "roles/vllm/vars/main/main.yml").read_text())
    fragment = yaml.safe_load(servers.ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(role["__vllm_filter_options"]) == set(fragment) - {"_input", "version_known_later"}
    taken = set(inspect.signature(catalogue_and_site).parameters) | {"defaults", "_input"}
    assert taken == set(fragment)
