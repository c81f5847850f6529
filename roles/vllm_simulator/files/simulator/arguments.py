# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: arguments, the command line of `vllm serve`, as far as the collection uses it.

Names, types and choices follow vLLM 0.32; flags that only older releases know are marked. As in vLLM, `_` and `-`
are the same in a flag's name, and `--config.key.subkey value` sets one key of a JSON flag.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NoReturn

_KERNELS = (
    *("auto", "triton", "batched_triton", "deep_gemm", "deep_gemm_mega_moe", "cutlass", "flashinfer_trtllm"),
    *("flashinfer_cutlass", "flashinfer_cutedsl", "flashinfer_moe_ep_cutedsl", "flashinfer_b12x", "b12x"),
    *("flashinfer_moe_ep_mega_deep_gemm", "marlin", "humming", "triton_unfused", "aiter", "aiter_mega_moe"),
    *("aiter_triton_mxfp4_bf16", "flydsl", "hpc", "emulation", "rdna3"),
)
_CHOICES = {
    "--dtype": ("auto", "bfloat16", "float", "float16", "float32", "half"),
    "--kv-cache-dtype": ("auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla"),
    "--moe-backend": _KERNELS,
    "--distributed-executor-backend": ("ray", "mp", "uni", "external_launcher"),
    "--performance-mode": ("balanced", "interactivity", "throughput"),
    "--uvicorn-log-level": ("critical", "error", "warning", "info", "debug", "trace"),
}
_INTEGERS = (
    *("--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size", "--max-num-seqs", "--seed"),
    *("--max-num-batched-tokens", "--max-cudagraph-capture-size", "--stream-interval", "--shutdown-timeout"),
    *("--max-num-queued-reqs", "--block-size", "--max-logprobs"),
)
_STRINGS = (
    *("--host", "--attention-backend", "--tool-call-parser", "--reasoning-parser", "--load-format", "--revision"),
    *("--generation-config", "--download-dir", "--disable-access-log-for-endpoints", "--tokenizer", "--chat-template"),
    *("--linear-backend", "--quantization", "--swap-space", "--kv-cache-memory-bytes", "--safetensors-load-strategy"),
)
_SWITCHES = (
    *("--async-scheduling", "--enable-prefix-caching", "--enable-chunked-prefill"),
    *("--enable-auto-tool-choice", "--enable-expert-parallel"),
)
_FLAGS = (
    *("--enforce-eager", "--trust-remote-code", "--language-model-only", "--disable-log-requests"),  # last: ≤0.10
    *("--enable-log-requests", "--disable-log-stats", "--disable-uvicorn-access-log", "--fail-on-environ-validation"),
    *("--enable-request-id-headers", "--disable-custom-all-reduce", "--enable-sleep-mode"),
)
_OBJECTS = ("--quantization-config", "--attention-config", "--compilation-config", "--kernel-config")
_MAIN_USAGE = (
    "usage: vllm [-h] [-v]\n"
    "            {chat,complete,serve,launch,bench,collect-env,download-kernels,preload,run-batch,snapshot}\n"
    "            ..."
)


class Arguments(argparse.Namespace):
    """The parsed command line. `given` holds what was asked for, for the log's "non-default args"."""

    model: str
    host: str | None
    port: int
    served_model_name: list[str]
    tensor_parallel_size: int
    max_model_len: int
    max_num_seqs: int
    gpu_memory_utilization: float
    stream_interval: int
    shutdown_timeout: int
    api_key: list[str] | None
    middleware: list[str]
    quantization_config: dict[str, Any]
    given: dict[str, Any]


def parse(argv: list[str]) -> Arguments:
    """Parse what follows `vllm serve`. Exits with code 2 and vLLM's message when it cannot be parsed."""
    plain, dotted = _lift_dotted(argv)
    parser = _parser()
    arguments, unknown = parser.parse_known_args(plain, Arguments())
    for flag, keys, value in dotted:
        if flag in _OBJECTS:
            _set(_object_of(arguments, flag), keys, value)
        else:
            unknown.append(".".join([flag, *keys]))
    if unknown:
        fail(f"unrecognized arguments: {' '.join(unknown)}")
    tag, named = arguments.model_tag, arguments.model
    if arguments.served_model_name and tag is None and named is None:
        parser.error("argument --served-model-name: a model is wanted as the first argument")
    arguments.given = {name: value for name, value in vars(arguments).items() if value != parser.get_default(name)}
    arguments.model = tag or named or "Qwen/Qwen3-0.6B"
    arguments.served_model_name = arguments.served_model_name or [arguments.model]
    return arguments


def fail(message: str) -> NoReturn:
    """End as vLLM's main parser does: usage, message, exit code 2."""
    sys.stderr.write(f"{_MAIN_USAGE}\nvllm: error: {message}\n")
    sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vllm serve", usage="vllm serve [model_tag] [options]", allow_abbrev=False)
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("--model")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--served-model-name", nargs="+", default=[])
    parser.add_argument("-tp", dest="tensor_parallel_size", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--max-model-len", type=length, default=None)
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.92)
    parser.add_argument("--cuda-graph-sizes", nargs="+", type=int)  # ≤0.12
    parser.add_argument("--cudagraph-capture-sizes", nargs="+", type=int)
    parser.add_argument("--api-key", nargs="+")
    parser.add_argument("--middleware", action="append", default=[])
    for flag, choices in _CHOICES.items():
        parser.add_argument(flag, choices=choices, default="auto" if "auto" in choices else None)
    defaults = {"--tensor-parallel-size": 1, "--max-num-seqs": 1024, "--stream-interval": 1, "--shutdown-timeout": 0}
    for flag in _INTEGERS:
        parser.add_argument(flag, type=int, default=defaults.get(flag))
    for flag in _STRINGS:
        parser.add_argument(flag)
    for flag in _SWITCHES:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None)
    for flag in _FLAGS:
        parser.add_argument(flag, action="store_true")
    for flag in _OBJECTS:
        parser.add_argument(flag, type=json.loads, default={})
    return parser


def length(text: str) -> int:
    """Parse a token count as vLLM does: 4096, 4k (1,000s) or 4K (1,024s)."""
    factors = {"k": 1000, "m": 10**6, "K": 1024, "M": 1024**2}
    factor = factors.get(text[-1:], 0)
    return int(float(text[:-1]) * factor) if factor else int(text)


length.__name__ = "int"  # argparse shows the name in its message: invalid int value


def _lift_dotted(argv: list[str]) -> tuple[list[str], list[tuple[str, list[str], str]]]:
    """Normalise the flags' names and take `--a.b.c value` and `--a.b.c=value` out of the list."""
    plain: list[str] = []
    dotted: list[tuple[str, list[str], str]] = []
    words = iter(argv)
    for word in words:
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        first, *keys = name.split(".")
        first = first.replace("_", "-")
        if keys:
            dotted.append((first, keys, value if equals else next(words, "")))
        else:
            plain.append(first + equals + value)
    return plain, dotted


def _object_of(arguments: Arguments, flag: str) -> dict[str, Any]:
    name = flag[2:].replace("-", "_")
    if not getattr(arguments, name):
        setattr(arguments, name, {})
    value: dict[str, Any] = getattr(arguments, name)
    return value


def _set(target: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        target = target.setdefault(key, {})
    try:
        target[keys[-1]] = json.loads(value)
    except ValueError:
        target[keys[-1]] = value
