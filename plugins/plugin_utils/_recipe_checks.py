# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipe checks - what is impossible, dead or open to the network in one planned server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Catalogue, Plan, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import is_loopback
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import alive

# Flags that the recipe writes itself, and the option that says what.
_MANAGED_FLAGS = {
    "--host": "bind_address",
    "--port": "port",
    "--model": "model",
    "--tensor-parallel-size": "tensor_parallel_size",
    "-tp": "tensor_parallel_size",
    "--served-model-name": "served_model_name",
    "--max-model-len": "max_model_len",
    "--gpu-memory-utilization": "gpu_memory_utilization",
    "--api-key": "api_key_file",
}


def exposure_problems(options: Mapping[str, Any], site: Site) -> Iterator[str]:
    address = options.get("bind_address", "127.0.0.1")
    if not is_loopback(address) and not options.get("api_key_file") and not site.allow_open_api:
        yield (
            f"bind_address {address} would open the API to the network without a key; set api_key_file, "
            "bind to 127.0.0.1, or accept it with vllm_allow_open_api: true"
        )


def gpu_problems(plan: Plan, catalogue: Catalogue, site: Site) -> Iterator[str]:
    size, gpus = plan.tensor_parallel_size, plan.options.get("gpus", "all")
    heads = catalogue.models.get(plan.options.get("model", ""), {}).get("attention_heads")
    if heads and heads % size:
        fitting = [str(n) for n in range(1, site.gpus_per_host + 1) if heads % n == 0]
        use = ", ".join(fitting)
        yield f"tensor_parallel_size {size} does not divide the model's {heads} attention heads; use {use}"
    if gpus == "none":
        return
    count = site.gpus_per_host if gpus == "all" else len(gpus.split(","))
    if size > count:
        source = f"vllm_gpus_per_host says {count}" if gpus == "all" else f'gpus "{gpus}" gives {count}'
        yield f"tensor_parallel_size {size} needs {size} GPUs, but {source}; lower it, or give the server more GPUs"


def environment_problems(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    emitted = {**plan.row.get("environment", {}), **plan.switches.get("environment", {})}
    for name, value in plan.options.get("environment", {}).items():
        lifetime = catalogue.environment_lifetimes.get(name, {})
        if name == "VLLM_API_KEY":
            yield "environment holds VLLM_API_KEY, which docker inspect shows; put it in a file and set api_key_file"
        elif lifetime and not alive(plan.version, lifetime):
            yield f"environment variable {name} has no effect on vLLM {plan.version.text}; {lifetime['instead']}"
        elif lifetime.get("moe_activation") and emitted.get(name) != value:
            yield (
                f"environment sets {name}={value}, but moe_activation is {plan.moe_activation}: exactly one mode can "
                f"be on; take the variable out and set moe_activation: {lifetime['moe_activation']}"
            )
        elif name in emitted and emitted[name] != value:
            yield f"environment sets {name}={value}, but recipe '{plan.recipe_name}' requires {name}={emitted[name]}"


def argument_problems(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    arguments = plan.options.get("arguments", [])
    for index, argument in enumerate(arguments):
        flag = _flag(argument)
        if flag is None:
            continue
        base = flag.partition(".")[0]
        lifetime = catalogue.argument_lifetimes.get(base, {})
        if base in _MANAGED_FLAGS:
            yield f"arguments hold {flag}; use the option {_MANAGED_FLAGS[base]} instead"
        elif lifetime and not alive(plan.version, lifetime):
            yield f"argument {flag} is unknown to vLLM {plan.version.text}; {lifetime['instead']}"
        elif _sets_activation(arguments[index : index + 2]) or (base == "--moe-backend" and plan.switches):
            yield (
                f"arguments hold {flag}, but moe_activation is {plan.moe_activation}: exactly one mode can be on; "
                "take the flag out and set moe_activation: bf16 or mxfp8"
            )


def _sets_activation(words: Sequence[str]) -> bool:
    flag = _flag(words[0]) or ""
    return flag.startswith("--quantization-config") and "activation" in " ".join(words)


def _flag(argument: str) -> str | None:
    """Return a flag as vLLM reads it: without its value, "_" as "-"; None for what is no flag."""
    if not argument.startswith("-") or argument[1:2].isdigit():
        return None
    return argument.partition("=")[0].replace("_", "-")
