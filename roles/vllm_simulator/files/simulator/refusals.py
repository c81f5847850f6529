# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: refusals, settings that parse but that vLLM refuses before it loads anything (exit code 1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simulator.arguments import Arguments
from simulator.configuration import Configuration
from simulator.kernels import unknown_variables

LONGEST = 131072
_HEADS = 64
_PYDANTIC = "    For further information visit https://errors.pydantic.dev/2.14/v/{0}"


def refusal(arguments: Arguments, configuration: Configuration, environment: Mapping[str, str]) -> str | None:
    """Return the last lines of vLLM's traceback for the first thing it would refuse, or None."""
    checks = (_environment, _model, _length, _memory, _parallel)
    return next(filter(None, (check(arguments, configuration, environment) for check in checks)), None)


def _environment(arguments: Arguments, configuration: Configuration, environment: Mapping[str, str]) -> str | None:
    unknown = unknown_variables(configuration.version, environment)
    if not arguments.fail_on_environ_validation or not unknown:
        return None
    return f"ValueError: Unknown vLLM environment variable detected: {unknown[0]}"


def _model(arguments: Arguments, configuration: Configuration, environment: Mapping[str, str]) -> str | None:
    model = arguments.model
    if model.startswith(("/", ".")):
        if Path(model).exists():
            return None
        return (
            "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or "
            f"'namespace/repo_name': '{model}'. Use `repo_type` argument if needed."
        )
    if not configuration.require_model or _cached(model, environment):
        return None
    return (
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the "
        "specified revision on the local disk and outgoing traffic has been disabled. To enable repo look-ups and "
        "downloads online, pass 'local_files_only=False' as input."
    )


def _cached(model: str, environment: Mapping[str, str]) -> bool:
    home = environment.get("HF_HOME") or str(Path(environment.get("HOME", "/root"), ".cache", "huggingface"))
    hub = environment.get("HF_HUB_CACHE") or str(Path(home, "hub"))
    snapshots = Path(hub, "models--" + model.replace("/", "--"), "snapshots")
    return any((snapshot / "config.json").exists() for snapshot in snapshots.glob("*"))


def _length(arguments: Arguments, _configuration: Configuration, environment: Mapping[str, str]) -> str | None:
    wanted = arguments.max_model_len
    if wanted is None or wanted <= LONGEST or environment.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN") == "1":
        return None
    return (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        f"  Value error, User-specified max_model_len ({wanted}) is greater than the derived max_model_len "
        f"(max_position_embeddings={LONGEST}.0 or model_max_length=None in model's config.json). To allow overriding "
        "this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. [type=value_error]\n"
        + _PYDANTIC.format("value_error")
    )


def _memory(arguments: Arguments, _configuration: Configuration, _environment: Mapping[str, str]) -> str | None:
    share = arguments.gpu_memory_utilization
    if 0 < share <= 1:
        return None
    return (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for CacheConfig\ngpu_memory_utilization\n"
        f"  Input should be less than or equal to 1 [type=less_than_equal, input_value={share}, input_type=float]\n"
        + _PYDANTIC.format("less_than_equal")
    )


def _parallel(arguments: Arguments, configuration: Configuration, _environment: Mapping[str, str]) -> str | None:
    size = arguments.tensor_parallel_size
    if size < 1 or _HEADS % size:
        problem = f"Total number of attention heads ({_HEADS}) must be divisible by tensor parallel size ({size})."
    elif size > configuration.gpus:
        problem = (
            f"World size ({size}) is larger than the number of available GPUs ({configuration.gpus}) in this node. If "
            "this is intentional and you are using:\n- ray, set '--distributed-executor-backend ray'.\n"
            "- multiprocessing, set '--nnodes' appropriately."
        )
    else:
        return None
    return (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig\n"
        f"  Value error, {problem} [type=value_error]\n" + _PYDANTIC.format("value_error")
    )
