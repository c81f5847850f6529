# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: stages, the start-up log of vLLM in its order, and the logs of its deaths.

The lines follow logs of vLLM 0.22.1 (CUDA) and 0.32.0. Each stage is a list of (source, text); the first line of a
stage is the one by which it is recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Line = tuple[str, str]

_PACKAGES = "/usr/local/lib/python3.12/dist-packages"

_ROUTES = (
    *("/load, Methods: GET", "/version, Methods: GET", "/health, Methods: GET", "/metrics, Methods: GET"),
    *("/v1/models, Methods: GET", "/ping, Methods: GET", "/ping, Methods: POST"),
    *("/v1/chat/completions, Methods: POST", "/v1/responses, Methods: POST", "/v1/completions, Methods: POST"),
)


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its share of the start-up time, the process that logs it, its lines."""

    name: str
    share: float
    process: str
    lines: tuple[Line, ...]


STAGES = (
    Stage(
        "start",
        0.06,
        "APIServer",
        (
            ("api_utils.py:347", ""),
            ("api_utils.py:347", "       █     █     █▄   ▄█"),
            (
                "api_utils.py:347",
                " ▄▄ ▄█ █     █     █ ▀▄▀ █  version {version}+simulator (no GPU, no model: answers are made up)",
            ),
            ("api_utils.py:347", "  █▄█▀ █     █     █     █  model   {model}"),
            ("api_utils.py:347", "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀"),
            ("api_utils.py:347", ""),
            ("api_utils.py:286", "non-default args: {given}"),
            ("model.py:733", "Resolved architecture: GptOssForCausalLM"),
            ("model.py:2152", "Using max model len {max_model_len}"),
            ("config.py:482", "Overriding max cuda graph capture size to {capture_size} for performance."),
            ("vllm.py:977", "Asynchronous scheduling is {scheduling}."),
        ),
    ),
    Stage(
        "engine",
        0.06,
        "EngineCore",
        (
            (
                "core.py:133",
                "Initializing a V1 LLM engine (v{version}) with config: model='{model}', speculative_config=None, "
                "tokenizer='{model}', dtype=torch.bfloat16, max_seq_len={max_model_len}, "
                "tensor_parallel_size={tensor_parallel_size}, quantization=mxfp4, enforce_eager={enforce_eager}, "
                "kv_cache_dtype={kv_cache_dtype}, served_model_name={served}, compilation_config={compilation_config}",
            ),
        ),
    ),
    Stage(
        "nccl",
        0.06,
        "Worker",
        (
            ("pynccl.py:111", "vLLM is using nccl==2.28.9"),
            (
                "parallel_state.py:2350",
                "rank 0 in world size {tensor_parallel_size} is assigned as DP rank 0, PP rank 0, PCP rank 0, "
                "TP rank 0, ETP rank 0, EP rank 0, EPLB rank N/A",
            ),
        ),
    ),
    Stage(
        "load",
        0.30,
        "Worker",
        (
            ("gpu_model_runner.py:5037", "Starting to load model {model}..."),
            ("flashinfer.py:402", "Using TRTLLM attention (required for attention sinks)."),
            ("mxfp4.py:547", "{moe_line}"),
            ("", "Loading safetensors checkpoint shards:   0% Completed | 0/{shards} [00:00<?, ?it/s]"),
            ("", "Loading safetensors checkpoint shards: 100% Completed | {shards}/{shards} [00:00<00:00,  9.93it/s]"),
            ("", ""),
            ("default_loader.py:501", "Loading weights took {seconds:.2f} seconds"),
            ("gpu_model_runner.py:5132", "Model loading took {weights} GiB memory and {seconds:.6f} seconds"),
        ),
    ),
    Stage(
        "compile",
        0.16,
        "Worker",
        (
            (
                "backends.py:1089",
                "Using cache directory: /root/.cache/vllm/torch_compile_cache/6dce776909/rank_0_0/backbone for vLLM's "
                "torch.compile",
            ),
            ("backends.py:1148", "Dynamo bytecode transform time: {seconds:.2f} s"),
            ("monitor.py:53", "torch.compile took {seconds:.2f} s in total"),
        ),
    ),
    Stage(
        "kv_cache",
        0.08,
        "EngineCore",
        (
            ("gpu_worker.py:466", "Available KV cache memory: {kv_memory:.2f} GiB"),
            ("kv_cache_utils.py:1733", "GPU KV cache size: {kv_tokens:,} tokens"),
            (
                "kv_cache_utils.py:1734",
                "Maximum concurrency for {max_model_len:,} tokens per request: {kv_concurrency:.2f}x",
            ),
        ),
    ),
    Stage(
        "capture",
        0.22,
        "Worker",
        (
            (
                "",
                "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|█████| 83/83 [00:00<00:00, 91.20it/s]",
            ),
            ("", "Capturing CUDA graphs (decode, FULL): 100%|██████████| 83/83 [00:00<00:00, 88.75it/s]"),
            ("gpu_model_runner.py:6456", "Graph capturing finished in {seconds:.0f} secs, took 1.03 GiB"),
        ),
    ),
    Stage(
        "listen",
        0.06,
        "APIServer",
        (
            ("entry.py:136", "Supported tasks: ['generate']"),
            ("serving.py:175", "For gpt-oss, we ignore --enable-auto-tool-choice and always enable tool use."),
            ("entry.py:140", "Starting vLLM server on http://{address}"),
            ("launcher.py:186", "Available routes are:"),
            *(("launcher.py:195", f"Route: {route}") for route in _ROUTES),
            ("", "INFO:     Started server process [{pid}]"),
            ("", "INFO:     Waiting for application startup."),
        ),
    ),
)
READY = "INFO:     Application startup complete."
EAGER_SKIPS = ("compile", "capture")


def init_line(values: Mapping[str, Any]) -> Line:
    """Return the line that ends the engine's part of the start."""
    text = "init engine (profile, create kv cache, warmup model) took {whole:.2f} s"
    return ("core.py:402", text.format(**values))


def engine_failure(cause: str) -> tuple[list[Line], str]:
    """Return the engine's error lines, and the API server's traceback that ends the log of a start that failed.

    As with the real vLLM, the cause stands in the engine's part, and the last line only says to look above.
    """
    frames = (
        "EngineCore failed to start.",
        "Traceback (most recent call last):",
        f'  File "{_PACKAGES}/vllm/v1/engine/core.py", line 1482, in run_engine_core',
        "    engine_core = EngineCoreProc(*args, engine_index=dp_rank, **kwargs)",
        f'  File "{_PACKAGES}/vllm/v1/engine/core.py", line 144, in __init__',
        "    self.model_executor = executor_class(vllm_config)",
        *cause.split("\n"),
    )
    return [("core.py:1510", frame) for frame in frames], traceback_of(
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}",
        ("vllm/v1/engine/core_client.py", 682, "__init__", "with launch_core_engines("),
        ("vllm/v1/engine/utils.py", 1431, "wait_for_engine_startup", "raise RuntimeError("),
    )


def engine_death() -> list[Line]:
    """Return the API server's lines when a serving engine dies."""
    frames = (
        "AsyncLLM output_handler failed.",
        "Traceback (most recent call last):",
        f'  File "{_PACKAGES}/vllm/v1/engine/async_llm.py", line 849, in output_handler',
        "    outputs = await engine_core.get_output_async()",
        f'  File "{_PACKAGES}/vllm/v1/engine/core_client.py", line 1235, in get_output_async',
        "    raise self._format_exception(outputs) from None",
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the "
        "root cause.",
    )
    return [("async_llm.py:906", frame) for frame in frames]


def traceback_of(last: str, *frames: tuple[str, int, str, str]) -> str:
    """Return a traceback of the API server that ends with the given lines."""
    lines = [
        "Traceback (most recent call last):",
        '  File "/usr/local/bin/vllm", line 8, in <module>',
        "    sys.exit(main())",
    ]
    for path, number, function, code in frames:
        lines += [
            f'  File "{_PACKAGES}/{path}", line {number}, in {function}',
            f"    {code}",
        ]
    return "\n".join([*lines, last])
