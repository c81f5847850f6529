from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import host_gpus
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, resolve

DATA = yaml.safe_load((Path(__file__).parents[4] / "roles/vllm/vars/main/recipes.yml").read_text())
CATALOGUE = Catalogue(**{key.removeprefix("vllm_"): value for key, value in DATA.items()})
SITE = Site(hf_home="/hf")
B20 = "openai/gpt-oss-20b"
B120 = "openai/gpt-oss-120b"


def gpu_facts(count: int = 8, name: str = "NVIDIA B200", memory_mib: int = 183359) -> dict[str, Any]:
    """Return the part of the fact gpt_oss_gpu that recipes depend on."""
    devices = [
        {"index": number, "uuid": f"GPU-{number}", "name": name, "memory_total_mib": memory_mib}
        for number in range(count)
    ]
    return {"present": count, "devices": devices, "pci": [{"address": str(number)} for number in range(count)]}


def on(name: str = "NVIDIA B200", count: int = 8, **options: Any) -> Site:
    """Return a host with these GPUs."""
    facts = gpu_facts(count, name, **{key: options.pop(key) for key in ("memory_mib",) if key in options})
    return Site(hf_home="/hf", gpus=host_gpus(facts, CATALOGUE.gpu_families, 8), **options)


def server(**options: Any) -> dict[str, Any]:
    return {"name": "s1", "model": B20, **options}


def describe(site: Site = SITE, defaults: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return resolve([server(**options)], CATALOGUE, site, defaults)[0]


def problems(*servers: Any, site: Site = SITE) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        resolve(list(servers), CATALOGUE, site)
    return caught.value.problems
