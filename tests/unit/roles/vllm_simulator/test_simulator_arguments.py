from __future__ import annotations

from typing import Any

import pytest
from simulator.arguments import parse

MODEL = "openai/gpt-oss-20b"

ACCEPTED: list[tuple[list[str], dict[str, Any]]] = [
    ([MODEL], {"model": MODEL, "served_model_name": [MODEL], "port": 8000, "tensor_parallel_size": 1}),
    (["--model", MODEL, "--host", "0.0.0.0", "--port", "8123"], {"model": MODEL, "host": "0.0.0.0", "port": 8123}),
    ([MODEL, "--served-model-name", "a", "b"], {"served_model_name": ["a", "b"]}),
    ([MODEL, "--async-scheduling"], {"async_scheduling": True}),
    ([MODEL, "--no-async-scheduling"], {"async_scheduling": False}),
    ([MODEL, "--no-enable-prefix-caching"], {"enable_prefix_caching": False}),
    ([MODEL, "--tensor_parallel_size", "8"], {"tensor_parallel_size": 8}),
    ([MODEL, "--tensor-parallel-size=8"], {"tensor_parallel_size": 8}),
    ([MODEL, "-tp", "4"], {"tensor_parallel_size": 4}),
    ([MODEL, "--max-model-len", "4k"], {"max_model_len": 4000}),
    ([MODEL, "--max-model-len", "4K"], {"max_model_len": 4096}),
    (
        [MODEL, "--moe-backend", "flashinfer_trtllm", "--quantization_config.moe.activation", "mxfp8"],
        {"moe_backend": "flashinfer_trtllm", "quantization_config": {"moe": {"activation": "mxfp8"}}},
    ),
    (
        [MODEL, "--quantization-config.moe.activation=mxfp8"],
        {"quantization_config": {"moe": {"activation": "mxfp8"}}},
    ),
    (
        [MODEL, "--quantization-config", '{"moe": {"activation": "mxfp8"}}'],
        {"quantization_config": {"moe": {"activation": "mxfp8"}}},
    ),
    ([MODEL, "--attention-config.use_trtllm_attention", "true"], {"attention_config": {"use_trtllm_attention": True}}),
    ([MODEL, "--cuda-graph-sizes", "1", "2", "--stream-interval", "20"], {"stream_interval": 20}),
    ([MODEL, "--kv-cache-dtype", "fp8", "--enforce-eager"], {"kv_cache_dtype": "fp8", "enforce_eager": True}),
    ([MODEL, "--api-key", "one", "two"], {"api_key": ["one", "two"]}),
    ([MODEL, "--shutdown-timeout", "30", "--max-num-seqs", "128"], {"shutdown_timeout": 30, "max_num_seqs": 128}),
    (
        [MODEL, "--tool-call-parser", "openai", "--enable-auto-tool-choice", "--reasoning-parser", "openai_gptoss"],
        {"tool_call_parser": "openai", "enable_auto_tool_choice": True},
    ),
    (
        [MODEL, "--disable-access-log-for-endpoints", "/health,/ping"],
        {"disable_access_log_for_endpoints": "/health,/ping"},
    ),
    (
        [
            MODEL,
            "--dtype",
            "bfloat16",
            "--load-format",
            "dummy",
            "--revision",
            "main",
            "--seed",
            "3",
            "--disable-log-requests",
        ],
        {"dtype": "bfloat16", "load_format": "dummy", "seed": 3},
    ),
]

REFUSED = [
    ([MODEL, "--no-such-flag"], "vllm: error: unrecognized arguments: --no-such-flag"),
    ([MODEL, "--no-such.flag", "1"], "vllm: error: unrecognized arguments: --no-such.flag"),
    ([MODEL, "--port", "8000", "--tensor-parallel", "8"], "vllm: error: unrecognized arguments: --tensor-parallel 8"),
    ([MODEL, "--dtype", "float7"], "vllm serve: error: argument --dtype: invalid choice: 'float7'"),
    ([MODEL, "--max-num-seqs", "banana"], "vllm serve: error: argument --max-num-seqs: invalid int value: 'banana'"),
    ([MODEL, "--max-model-len", "long"], "vllm serve: error: argument --max-model-len: invalid int value: 'long'"),
    ([MODEL, "--moe-backend", "flashinfer_trtllm_afp8"], "argument --moe-backend: invalid choice"),
    ([MODEL, "--quantization-config", "mxfp8"], "argument --quantization-config: invalid"),
    (["--served-model-name", "a"], "a model is wanted as the first argument"),
    ([MODEL, "--port"], "argument --port: expected one argument"),
]


@pytest.mark.parametrize(("argv", "wanted"), ACCEPTED)
def test_accepted(argv: list[str], wanted: dict[str, Any]) -> None:
    arguments = parse(argv)
    assert {name: getattr(arguments, name) for name in wanted} == wanted


@pytest.mark.parametrize(("argv", "message"), REFUSED)
def test_refused_with_exit_code_2(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(argv)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_what_was_given_is_told_for_the_log() -> None:
    given = parse([MODEL, "--max-num-seqs", "128", "--enforce-eager"]).given
    assert given == {"model_tag": MODEL, "max_num_seqs": 128, "enforce_eager": True}
