# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server description - what vllm_container is told of one planned and placed server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drain import drain_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._kernel_expectation import kernel_expectation
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._placement import CONTAINER_PORT, Placement
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._privileges import privileges
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._provisions import provide
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import flags_of

# Flag -> the option that it tells vLLM, in the order of the command line.
_FLAGS = (
    ("--served-model-name", "served_model_name"),
    ("--max-model-len", "max_model_len"),
    ("--gpu-memory-utilization", "gpu_memory_utilization"),
    ("--data-parallel-size", "data_parallel_size"),
    ("--max-num-seqs", "max_num_seqs"),
    ("--max-num-batched-tokens", "max_num_batched_tokens"),
    ("--kv-cache-dtype", "kv_cache_dtype"),
)


def describe(plan: Plan, placement: Placement, catalogue: Catalogue, site: Site) -> dict[str, Any]:
    """Return the parameters of vllm_container for one server, with `recipe`, `metadata` and `provisions`."""
    options = plan.options
    in_host_network = options.get("network_mode", "bridge") == "host"
    port = placement.port if in_host_network else CONTAINER_PORT
    drain = drain_of(plan)
    description = {
        "name": placement.name,
        "image": plan.image,
        "pull": options.get("pull", "missing"),
        "model": options.get("model"),
        "served_model_name": options.get("served_model_name") or options.get("model"),
        "entrypoint": options.get("entrypoint", plan.row.get("entrypoint")) or None,
        "arguments": _command_line(plan, port, catalogue),
        "environment": _environment(plan),
        "volumes": _volumes(plan, site),
        "port": placement.port,
        "container_port": port,
        "bind_address": options.get("bind_address", "127.0.0.1"),
        "network_mode": options.get("network_mode", "bridge"),
        "gpus": placement.gpus,
        "gpu_access": options.get("gpu_access", "device_requests"),
        "devices": options.get("devices", []),
        "ipc_mode": options.get("ipc_mode") or plan.recipe.get("ipc_mode", "private"),
        "shm_size": options.get("shm_size"),
        "ulimits": options.get("ulimits", {}),
        **privileges(plan.recipe, options, port),
        "restart_policy": options.get("restart_policy", "unless-stopped"),
        "labels": options.get("labels", {}),
        "api_key_file": options.get("api_key_file"),
        "timeout": options.get("timeout", 1800),
        "stage_timeouts": options.get("stage_timeouts", {}),
        "drain_timeout": drain.seconds,
        "stop_timeout": drain.stop_timeout,
        "recipe": plan.recipe_name,
        "kernel_proof": kernel_expectation(plan, placement.gpus, catalogue, site),
        "metadata": {
            "vllm_version": plan.version.text,
            "moe_activation": plan.moe_activation,
            "tensor_parallel_size": plan.tensor_parallel_size,
            "profile": plan.profile,
            "gpu_family": None if placement.gpus == "none" else site.host.family(placement.gpus),
        },
    }
    cache_path = site.cache_path if options.get("caches", plan.recipe.get("caches", True)) else None
    return provide(description, options, plan.version, site.provisions, cache_path, site.offline)


def _environment(plan: Plan) -> dict[str, str]:
    return {
        **plan.row.get("environment", {}),
        **plan.switches.get("environment", {}),
        **plan.options.get("environment", {}),
    }


def _volumes(plan: Plan, site: Site) -> list[str]:
    of_recipe = [str(volume).replace("{hf_home}", site.hf_home) for volume in plan.recipe.get("volumes", [])]
    return [*of_recipe, *plan.options.get("volumes", [])]


def _command_line(plan: Plan, port: int, catalogue: Catalogue) -> list[str]:
    """Return what follows the entrypoint. In a container the server listens on all addresses: publishing decides."""
    options = plan.options
    in_host_network = options.get("network_mode", "bridge") == "host"
    host = options.get("bind_address", "127.0.0.1") if in_host_network else "0.0.0.0"
    model = str(options.get("model"))
    line = ["--host", host, "--port", str(port)]
    line = [*line, "--model", model] if plan.row["model_argument"] == "option" else [model, *line]
    line += [*plan.row.get("arguments", []), *plan.switches.get("arguments", [])]
    if plan.tensor_parallel_size > 1:
        line += ["--tensor-parallel-size", str(plan.tensor_parallel_size)]
    for flag, option in _FLAGS:
        if options.get(option):
            line += [flag, str(options[option])]
    own = options.get("arguments", [])
    return [*line, *_of_profile(plan, own, catalogue), *drain_of(plan).arguments, *own]


def _of_profile(plan: Plan, own: Sequence[str], catalogue: Catalogue) -> Iterator[str]:
    """Yield the profile's arguments: those that the version knows and the entry does not set itself."""
    mine = {flag.replace("--no-", "--", 1) for flag in flags_of(own)}
    for argument in plan.profile_arguments:
        if argument[0].replace("--no-", "--", 1) not in mine and catalogue.knows(argument[0], plan.version):
            yield from (str(word) for word in argument)
