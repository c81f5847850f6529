# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipes - turns entries of `vllm_servers` into descriptions of containers, or says why they cannot be.

Nothing here knows a version, variable or flag of vLLM: they come from data (roles/vllm/vars/main/recipes.yml).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _recipe_checks as checks
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Catalogue, Plan, Site, choose
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import read_options

_CONTAINER_PORT = 8000
# Options in which an entry adds to the defaults; in all others it replaces them.
_MERGED = ("environment", "labels", "ulimits")


class RecipeError(Exception):
    """Some entries cannot be turned into servers. `problems` holds them all, a line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def resolve(
    servers: Sequence[Mapping[str, Any]], catalogue: Catalogue, site: Site, defaults: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return one description for each entry: the parameters of vllm_container, `recipe`, and `metadata`.

    Raises RecipeError with all problems of all entries.
    """
    if isinstance(servers, (str, Mapping)) or not isinstance(servers, Sequence):
        raise RecipeError([f"vllm_servers must be a list of servers; found {type(servers).__name__}"])
    problems: list[str] = []
    descriptions = []
    for index, given in enumerate(servers):
        found: list[str] = []
        description = _resolve_one(given, catalogue, site, defaults or {}, found)
        name = given.get("name") if isinstance(given, Mapping) else None
        problems.extend(f"server {name or f'number {index + 1}'}: {problem}" for problem in found)
        descriptions.append(description)
    problems.extend(_clashes(servers, defaults or {}))
    if problems:
        raise RecipeError(problems)
    return [description for description in descriptions if description is not None]


def _resolve_one(
    given: Any, catalogue: Catalogue, site: Site, defaults: Mapping[str, Any], problems: list[str]
) -> dict[str, Any] | None:
    if not isinstance(given, Mapping):
        problems.append(f"an entry must be a dictionary; found {given!r}")
        return None
    options = read_options(_merged(defaults, given), problems)
    plan = choose(options, given, catalogue, problems)
    problems.extend(checks.exposure_problems(options, site))
    if plan is None:
        return None
    problems.extend(checks.gpu_problems(plan, catalogue, site))
    problems.extend(checks.environment_problems(plan, catalogue))
    problems.extend(checks.argument_problems(plan, catalogue))
    return _describe(plan, site)


def _merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    options = {**defaults, **given}
    for key in _MERGED:
        if isinstance(defaults.get(key), Mapping) and isinstance(given.get(key), Mapping):
            options[key] = {**defaults[key], **given[key]}
    return options


def _clashes(servers: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any]) -> Iterator[str]:
    entries = [{**defaults, **server} for server in servers if isinstance(server, Mapping)]
    for key, fallback in (("name", None), ("port", _CONTAINER_PORT)):
        counts = Counter(str(entry.get(key, fallback)) for entry in entries if entry.get(key, fallback) is not None)
        for value, count in counts.items():
            if count > 1:
                yield f"{count} servers have the {key} {value}; give each its own"


def _describe(plan: Plan, site: Site) -> dict[str, Any]:
    options = plan.options
    in_host_network = options.get("network_mode", "bridge") == "host"
    port = options.get("port", _CONTAINER_PORT)
    environment = {**plan.row.get("environment", {}), **plan.switches.get("environment", {})}
    environment.update({"HF_HUB_OFFLINE": "1"} if site.offline else {}, **options.get("environment", {}))
    cache = [f"{site.cache_path}:/root/.cache/vllm"] if site.cache_path else []
    volumes = [str(volume).replace("{hf_home}", site.hf_home) for volume in plan.recipe.get("volumes", [])]
    return {
        "name": options.get("name"),
        "image": plan.image,
        "pull": options.get("pull", "missing"),
        "model": options.get("model"),
        "served_model_name": options.get("served_model_name") or options.get("model"),
        "entrypoint": options.get("entrypoint", plan.row.get("entrypoint")) or None,
        "arguments": _command_line(plan, port if in_host_network else _CONTAINER_PORT, in_host_network),
        "environment": environment,
        "volumes": volumes + cache + options.get("volumes", []),
        "port": port,
        "container_port": port if in_host_network else _CONTAINER_PORT,
        "bind_address": options.get("bind_address", "127.0.0.1"),
        "network_mode": options.get("network_mode", "bridge"),
        "gpus": options.get("gpus", "all"),
        "gpu_access": options.get("gpu_access", "device_requests"),
        "devices": options.get("devices", []),
        "ipc_mode": options.get("ipc_mode") or plan.recipe.get("ipc_mode", "private"),
        "shm_size": options.get("shm_size"),
        "ulimits": options.get("ulimits", {}),
        "restart_policy": options.get("restart_policy", "unless-stopped"),
        "labels": options.get("labels", {}),
        "api_key_file": options.get("api_key_file"),
        "timeout": options.get("timeout", 1800),
        "stop_timeout": options.get("stop_timeout", 30),
        "recipe": plan.recipe_name,
        "metadata": {
            "vllm_version": plan.version.text,
            "moe_activation": plan.moe_activation,
            "tensor_parallel_size": plan.tensor_parallel_size,
        },
    }


def _command_line(plan: Plan, port: int, in_host_network: bool) -> list[str]:
    """Return what follows the entrypoint. In a container the server listens on all addresses: publishing decides."""
    options = plan.options
    host = options.get("bind_address", "127.0.0.1") if in_host_network else "0.0.0.0"
    model = str(options.get("model"))
    line = ["--host", host, "--port", str(port)]
    line = [*line, "--model", model] if plan.row["model_argument"] == "option" else [model, *line]
    line += [*plan.row.get("arguments", []), *plan.switches.get("arguments", [])]
    if plan.tensor_parallel_size > 1:
        line += ["--tensor-parallel-size", str(plan.tensor_parallel_size)]
    for flag, option in (
        ("--served-model-name", "served_model_name"),
        ("--max-model-len", "max_model_len"),
        ("--gpu-memory-utilization", "gpu_memory_utilization"),
    ):
        if options.get(option):
            line += [flag, str(options[option])]
    return line + options.get("arguments", [])
