from __future__ import annotations

import pytest
from simulator.arguments import parse
from simulator.kernels import moe_line, unknown_variables

MODEL = "openai/gpt-oss-20b"
BF16_NEW = "Using 'FLASHINFER_TRTLLM_MXFP4_BF16' Mxfp4 MoE backend."
MXFP8_NEW = "Using 'FLASHINFER_TRTLLM_MXFP4_MXFP8' Mxfp4 MoE backend."
BF16_OLD = "Using FlashInfer MXFP4 BF16 backend for SM100"
MXFP8_OLD = "Using FlashInfer MXFP4 MXFP8 TRTLLM backend for SM100"
FLAGS = ["--moe-backend", "flashinfer_trtllm", "--quantization_config.moe.activation", "mxfp8"]
ENVIRONMENT = {"VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "1"}
ORIGINAL = {"VLLM_USE_FLASHINFER_MXFP4_MOE": "1"}


@pytest.mark.parametrize(
    ("version", "argv", "environment", "wanted"),
    [
        ("0.32.0", [], {}, BF16_NEW),
        ("0.32.0", FLAGS, {}, MXFP8_NEW),
        ("0.32.0", FLAGS[:2], {}, BF16_NEW),
        ("0.32.0", [], ENVIRONMENT, BF16_NEW),
        ("0.32.0", [], ORIGINAL, BF16_NEW),
        ("0.32.0", ["--moe-backend", "triton"], {}, "Using 'TRITON' Mxfp4 MoE backend."),
        ("0.23.0", [], ENVIRONMENT, MXFP8_NEW),
        ("0.23.0", FLAGS[:2], ENVIRONMENT, BF16_NEW),
        ("0.23.0", FLAGS, {}, MXFP8_NEW),
        ("0.21.0", FLAGS, {}, BF16_NEW),
        ("0.17.1", [], ENVIRONMENT, MXFP8_OLD),
        ("0.16.0", [], ENVIRONMENT, None),
        ("0.16.0", [], {}, BF16_OLD),
        ("0.10.2", [], ENVIRONMENT, MXFP8_OLD),
        ("0.10.1", [], {}, "Enabling FlashInfer MXFP4 BF16 backend by default for Blackwell."),
        ("0.10.1+gptoss", [], ORIGINAL, None),
        ("0.10.1+gptoss", [], {}, "Enabling FlashInfer MXFP4 BF16 backend by default for Blackwell."),
    ],
)
def test_the_line_that_names_the_kernel(
    version: str, argv: list[str], environment: dict[str, str], wanted: str | None
) -> None:
    line = moe_line(version, parse([MODEL, *argv]), environment)
    assert line == wanted if wanted is None else (line or "").startswith(wanted)


@pytest.mark.parametrize(
    ("version", "environment", "wanted"),
    [
        ("0.32.0", ORIGINAL, list(ORIGINAL)),
        ("0.32.0", ENVIRONMENT, list(ENVIRONMENT)),
        ("0.23.0", ENVIRONMENT, []),
        ("0.16.0", ORIGINAL, []),
        ("0.32.0", {"VLLM_API_KEY": "x", "HOME": "/"}, []),
    ],
)
def test_variables_that_a_version_warns_of(version: str, environment: dict[str, str], wanted: list[str]) -> None:
    assert unknown_variables(version, environment) == wanted
