# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: values, the numbers and names that fill the lines of the start-up log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.arguments import Arguments
from simulator.configuration import Configuration
from simulator.kernels import moe_line
from simulator.refusals import LONGEST

# Of one B200, in GiB; of the models' weights in MXFP4, in GiB (20b: as logged by vLLM 0.22.1).
_GPU_MEMORY = 178.36
_WEIGHTS_20B = 13.58
_WEIGHTS_120B = 65.2
_TOKENS_PER_GIB = 41_000


def log_values(arguments: Arguments, configuration: Configuration, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of each field that a line may name."""
    large = "120b" in arguments.model
    weights = _WEIGHTS_120B if large else _WEIGHTS_20B
    wanted = arguments.gpu_memory_utilization * _GPU_MEMORY
    memory = max(1.0, wanted - weights / max(1, arguments.tensor_parallel_size) - 2.0)
    length = arguments.max_model_len or LONGEST
    graphs = arguments.max_cudagraph_capture_size or 1024
    mode, largest = ("NONE: 0", 0) if arguments.enforce_eager else ("FULL_AND_PIECEWISE: (2, 1)", graphs)
    return {
        "version": configuration.version,
        "model": arguments.model,
        "served": arguments.served_model_name[0],
        "given": {**arguments.given, **({"api_key": ["***"]} if arguments.api_key else {})},
        "max_model_len": length,
        "max_num_seqs": arguments.max_num_seqs,
        "capture_size": graphs,
        "compilation_config": f"{{'cudagraph_mode': <CUDAGraphMode.{mode}>, 'max_cudagraph_capture_size': {largest}}}",
        "scheduling": "disabled" if arguments.async_scheduling is False else "enabled",
        "tensor_parallel_size": arguments.tensor_parallel_size,
        "enforce_eager": arguments.enforce_eager,
        "kv_cache_dtype": arguments.kv_cache_dtype,
        "moe_line": moe_line(configuration.version, arguments, environment, configuration.moe_activation) or "",
        "shards": 15 if large else 3,
        "weights": weights,
        "kv_memory": memory,
        "kv_tokens": int(memory * _TOKENS_PER_GIB),
        "kv_concurrency": memory * _TOKENS_PER_GIB / length,
        "gpu_memory_utilization": arguments.gpu_memory_utilization,
        "wanted_memory": wanted,
        "address": f"{arguments.host or '0.0.0.0'}:{arguments.port}",
    }
