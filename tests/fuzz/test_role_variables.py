"""Variables of roles and inventories, wrong at any depth: what reads them gives a result or a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker_hosts
import driver_examples
import preflight_hosts
import yaml
from ansible.errors import AnsibleError
from ansible_collections.gpt_oss.fleet.plugins.filter.bundled_data import bundled_data
from ansible_collections.gpt_oss.fleet.plugins.filter.docker_plan import docker_plan
from ansible_collections.gpt_oss.fleet.plugins.filter.driver_plan import driver_plan
from ansible_collections.gpt_oss.fleet.plugins.filter.eval_targets import eval_targets
from ansible_collections.gpt_oss.fleet.plugins.filter.model_rows import FilterModule as ModelRows
from ansible_collections.gpt_oss.fleet.plugins.filter.preflight_problems import preflight_problems
from ansible_collections.gpt_oss.fleet.plugins.filter.resolve_servers import resolve_servers
from ansible_collections.gpt_oss.fleet.plugins.filter.served_models import served_models
from ansible_collections.gpt_oss.fleet.plugins.filter.server_entries import server_entries
from ansible_collections.gpt_oss.fleet.plugins.filter.server_images import server_images
from ansible_collections.gpt_oss.fleet.plugins.filter.server_problems import server_problems
from ansible_collections.gpt_oss.fleet.plugins.filter.toolkit_plan import toolkit_plan
from fuzzing import check_message, damaged, fuzz
from hypothesis import strategies as st
from recipe_examples import B20, DATA, gpu_facts

ROLES = Path(__file__).parents[2] / "roles"
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


def told(call: Callable[[], Any]) -> Any:
    """Return what a plugin gives, or None for a sentence; whatever it gives is plain data."""
    try:
        found = call()
    except AnsibleError as exc:
        check_message(str(exc))
        return None
    json.dumps(found)
    return found


@fuzz(servers=damaged(SERVERS), defaults=damaged(DEFAULTS, least=0), gpus=st.sampled_from([None, gpu_facts()]))
def test_servers(servers: Any, defaults: Any, gpus: Any) -> None:
    given = defaults if isinstance(defaults, dict) else {}
    options = {**RECIPES, "hf_home": "/hf", "gpu_facts": gpus}
    entries = told(lambda: server_entries(servers, given, **options))
    problems = told(lambda: server_problems(servers, given, **options))
    for problem in problems or []:
        check_message(problem)
    described = told(lambda: resolve_servers(servers, given, **options))
    assert (described is None) is bool(problems)
    told(lambda: server_images(servers, given, **options))
    for together in (True, False):
        told(lambda together=together: eval_targets(entries or [], servers, together))
    if described:
        told(lambda: served_models(described))


@fuzz(options=damaged({**RECIPES, "hf_home": "/hf", "gpu_facts": gpu_facts(), "gpus_per_host": 8}))
def test_recipes_of_ones_own(options: Any) -> None:
    if not isinstance(options, dict):
        return
    known = {*RECIPES, "hf_home", "gpu_facts", "gpus_per_host"}
    given = {"recipes": {}, "models": {}, **{str(key): value for key, value in options.items() if key in known}}
    for plugin in (server_entries, server_problems, resolve_servers, server_images):
        told(lambda plugin=plugin: plugin(SERVERS, DEFAULTS, **given))


DATA_FILES = {
    "gpqa": ["https://example.com/gpqa.csv"],
    "aime25": [["https://example.com/a.jsonl", "/b.jsonl"], "/c.jsonl"],
}


@fuzz(data=damaged(DATA_FILES))
def test_data_files(data: Any) -> None:
    told(lambda: bundled_data(data))


MODELS = [{"repo_id": B20, "revision": "main", "commit": "0" * 40, "verified": True}, {"repo_id": "a/b"}]


@fuzz(models=damaged(MODELS), servers=damaged([{"name": "one", "model": B20, "arguments": ["--revision", "x"]}]))
def test_models(models: Any, servers: Any) -> None:
    told(lambda: served_models(servers, models))
    told(lambda: ModelRows().filters()["model_rows"](models))


@fuzz(
    facts=damaged([driver_examples.host(), driver_examples.gpu()], least=0),
    options=damaged({"branch": "580", "gpus": 8}),
)
def test_drivers(facts: Any, options: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2:
        told(lambda: driver_plan(*facts, options))


@fuzz(facts=damaged([docker_hosts.official(), docker_hosts.wishes()]))
def test_docker(facts: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2 and isinstance(facts[1], dict):
        told(lambda: docker_plan(facts[0], **{str(key): value for key, value in facts[1].items()}))


WISHES = yaml.safe_load((ROLES / "nvidia_container_toolkit" / "defaults" / "main.yml").read_text(encoding="utf-8"))


@fuzz(facts=damaged([docker_hosts.official(), driver_examples.gpu()]))
def test_toolkit(facts: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2:
        told(lambda: toolkit_plan(*facts))


@fuzz(facts=damaged([preflight_hosts.host(), preflight_hosts.b200()]), accepted=damaged(["disk"]))
def test_preflight(facts: Any, accepted: Any) -> None:
    if isinstance(facts, list) and len(facts) == 2:
        told(lambda: preflight_problems(*facts, accepted=accepted))
