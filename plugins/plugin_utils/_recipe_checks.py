# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipe checks - what is impossible, dead or open to the network in one planned server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drain import drain_problems
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Plan, family_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import flag_of, is_loopback
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import alive

# What vLLM takes of a GPU's memory unless it is told otherwise: 0.9 before 0.32, 0.92 from there on.
_MEMORY_UTILIZATION = 0.9

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
    "--data-parallel-size": "data_parallel_size",
    "-dp": "data_parallel_size",
    "--max-num-seqs": "max_num_seqs",
    "--max-num-batched-tokens": "max_num_batched_tokens",
    "--kv-cache-dtype": "kv_cache_dtype",
    "--api-key": "api_key_file",
}


def exposure_problems(options: Mapping[str, Any], site: Site) -> Iterator[str]:
    address = options.get("bind_address", "127.0.0.1")
    if not is_loopback(address) and not options.get("api_key_file") and not site.allow_open_api:
        yield (
            f"bind_address {address} would open the API to the network without a key; set api_key_file, "
            "bind to 127.0.0.1, or accept it with vllm_allow_open_api: true"
        )


def plan_problems(plan: Plan, catalogue: Catalogue, site: Site) -> Iterator[str]:
    """Say all that is wrong with one planned entry."""
    yield from gpu_problems(plan, catalogue, site)
    yield from family_problems(plan, catalogue, site)
    yield from environment_problems(plan, catalogue)
    yield from argument_problems(plan, catalogue)
    yield from drain_problems(plan)


def gpu_problems(plan: Plan, catalogue: Catalogue, site: Site) -> Iterator[str]:
    size, gpus = plan.tensor_parallel_size, plan.options.get("gpus", "all")
    model = catalogue.models.get(plan.options.get("model", ""), {})
    heads = model.get("attention_heads")
    if heads and heads % size:
        fitting = [str(n) for n in range(1, site.host.count + 1) if heads % n == 0]
        use = ", ".join(fitting)
        yield f"tensor_parallel_size {size} does not divide the model's {heads} attention heads; use {use}"
    if gpus == "none":
        return
    yield from _memory_problems(plan, model, site)
    # How many replicas fit is the placement's business, as is what is left for gpus: auto.
    if gpus == "auto" or "replicas" in plan.options:
        return
    count = site.host.count if gpus == "all" else len(gpus.split(","))
    if plan.gpus_each > count:
        host = "the host has" if site.host.known else "vllm_gpus_per_host says"
        source = f"{host} {count}" if gpus == "all" else f'gpus "{gpus}" gives {count}'
        copies = plan.options.get("data_parallel_size") or 1
        what = f"tensor_parallel_size {size}" + (f" with data_parallel_size {copies}" if copies > 1 else "")
        yield f"{what} needs {plan.gpus_each} GPUs, but {source}; lower it, or give the server more GPUs"


def _memory_problems(plan: Plan, model: Mapping[str, Any], site: Site) -> Iterator[str]:
    gpus = plan.options.get("gpus", "all")
    sizes = [gpu.memory_mib for gpu in site.host.named("all" if gpus == "auto" else gpus) if gpu.memory_mib]
    share = float(plan.options.get("gpu_memory_utilization") or _MEMORY_UTILIZATION)
    needed = float(model.get("weights_gib") or 0) / plan.tensor_parallel_size
    if sizes and needed > min(sizes) / 1024 * share:
        yield (
            f"the weights of {plan.options['model']} take {needed:.1f} GiB of each GPU at tensor_parallel_size "
            f"{plan.tensor_parallel_size}, but {share:g} of a GPU are {min(sizes) / 1024 * share:.1f} GiB; raise "
            "tensor_parallel_size"
        )


def family_problems(plan: Plan, catalogue: Catalogue, site: Site) -> Iterator[str]:
    """Say which kernels the GPUs of an entry cannot have."""
    family = family_of(plan.options, site)
    if family is None:
        return
    product = site.host.product("all" if plan.options.get("gpus", "all") == "auto" else plan.options.get("gpus", "all"))
    lifetime = catalogue.gpu_families[family]
    if not alive(plan.version, lifetime):
        yield (f"vLLM {plan.version.text} has no kernels of its own for {product}; use {lifetime['since']} or newer")
    families = plan.switches.get("gpu_families")
    if families is not None and family not in families:
        yield f"moe_activation {plan.moe_activation} has no kernels on {product}; set moe_activation: bf16"


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
        flag = flag_of(argument)
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
    flag = flag_of(words[0]) or ""
    return flag.startswith("--quantization-config") and "activation" in " ".join(words)
