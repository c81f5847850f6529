"""Variables of roles and inventories, wrong at any depth: what reads them gives a result or a sentence."""

from __future__ import annotations

import importlib
import json
from typing import Any

import docker_hosts
import driver_examples
import preflight_hosts
from ansible.errors import AnsibleError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, expand, images, resolve
from fuzzing import check_message, damaged, fuzz
from hypothesis import example
from hypothesis import strategies as st
from recipe_examples import B20, DATA, gpu_facts

RECIPES = {key.removeprefix("vllm_"): value for key, value in DATA.items()}
SERVERS: list[dict[str, Any]] = [
    {"name": "one", "model": B20, "port": 8000, "gpus": "0,1", "replicas": 2, "tensor_parallel_size": 1},
    {"name": "two", "model": B20, "port": 8010, "gpus": "auto", "environment": {"A": "b"}, "arguments": ["--x"]},
    {"name": "three", "model": "openai/gpt-oss-120b", "port": 8020, "gpus": "4,5,6,7", "recipe": "current",
     "moe_activation": "bf16", "volumes": ["/a:/b:ro"], "labels": {"x": "y"}, "stage_timeouts": {"weights": 60},
     "ulimits": {"memlock": "-1"}, "shm_size": "16g", "bind_address": "0.0.0.0", "api_key_file": "/etc/key",
     "max_model_len": 4096, "gpu_memory_utilization": 0.9, "guard": True, "profile": "throughput", "pull": "never"},
]  # fmt: skip
DEFAULTS = {"image": "vllm/vllm-openai:v0.33.0", "environment": {"C": "d"}, "timeout": 1800}


def told(name: str, *args: Any, **named: Any) -> Any:
    """Return what a filter gives, or None for a sentence; whatever it gives is plain data."""
    plugin = importlib.import_module(f"ansible_collections.gpt_oss.fleet.plugins.filter.{name}")
    try:
        found = plugin.FilterModule().filters()[name](*args, **named)
    except AnsibleError as exc:
        check_message(str(exc))
        return None
    json.dumps(found)
    return found


@example(servers=None, defaults={}, gpus=None)
@example(servers=0.5, defaults={}, gpus=None)
@example(servers=[{**SERVERS[0], "recipe": "none"}], defaults={"image": "mine:1"}, gpus=None)
@fuzz(servers=damaged(SERVERS), defaults=damaged(DEFAULTS, least=0), gpus=st.sampled_from([None, gpu_facts()]))
def test_servers(servers: Any, defaults: Any, gpus: Any) -> None:
    """What is wrong with vllm_servers, the most written of all variables, is always told entry by entry."""
    given = defaults if isinstance(defaults, dict) else {}
    catalogue, site = catalogue_and_site(**RECIPES, hf_home="/hf", gpu_facts=gpus)
    entries = expand(servers, catalogue, site, given)
    images(servers, catalogue, given)
    try:
        described = resolve(servers, catalogue, site, given)
    except RecipeError as exc:
        for problem in exc.problems:
            check_message(problem)
        described = []
    for together in (True, False):
        told("eval_targets", entries, servers, together)
    told("served_models", described)
    json.dumps([entries, described])


@example(options={**RECIPES, "image_tags": 3})
@fuzz(options=damaged({**RECIPES, "hf_home": "/hf", "gpu_facts": gpu_facts(), "gpus_per_host": 8}))
def test_recipes_of_ones_own(options: Any) -> None:
    if not isinstance(options, dict):
        return
    known = {*RECIPES, "hf_home", "gpu_facts", "gpus_per_host"}
    given = {"recipes": {}, "models": {}, **{str(key): value for key, value in options.items() if key in known}}
    for name in ("server_entries", "server_problems", "resolve_servers", "server_images"):
        told(name, SERVERS, DEFAULTS, **given)


DATA_FILES = {
    "gpqa": ["https://example.com/gpqa.csv"],
    "aime25": [["https://example.com/a.jsonl", "/b.jsonl"], "/c.jsonl"],
}


@example(data={"gpqa": None})
@fuzz(data=damaged(DATA_FILES))
def test_data_files(data: Any) -> None:
    told("bundled_data", data)


MODELS = [{"repo_id": B20, "revision": "main", "commit": "0" * 40, "verified": True}, {"repo_id": "a/b"}]


@example(models=None, servers=[])
@fuzz(models=damaged(MODELS), servers=damaged([{"name": "one", "model": B20, "arguments": ["--revision", "x"]}]))
def test_models(models: Any, servers: Any) -> None:
    told("served_models", servers, models)
    told("model_rows", models)


@example(facts=[3, {}], options={})
@example(facts=[driver_examples.host(), driver_examples.gpu()], options={"gpus": []})
@fuzz(
    facts=damaged([driver_examples.host(), driver_examples.gpu()], least=0),
    options=damaged({"branch": "580", "gpus": 8}),
)
def test_drivers(facts: Any, options: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2:
        told("driver_plan", *facts, options)


@example(facts=[[], {}])
@fuzz(facts=damaged([docker_hosts.official(), docker_hosts.wishes()]))
def test_docker(facts: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2 and isinstance(facts[1], dict):
        told("docker_plan", facts[0], **{str(key): value for key, value in facts[1].items()})


@example(facts=[[], {}])
@fuzz(facts=damaged([docker_hosts.official(), driver_examples.gpu()]))
def test_toolkit(facts: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2:
        told("toolkit_plan", *facts)


@example(facts=[[], {}], accepted=True)
@fuzz(facts=damaged([preflight_hosts.host(), preflight_hosts.b200()]), accepted=damaged(["disk"]))
def test_preflight(facts: Any, accepted: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2:
        told("preflight_problems", *facts, accepted=accepted)
