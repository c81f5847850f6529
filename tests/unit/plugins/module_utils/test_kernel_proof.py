from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_proof import dead_variables, prove
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.recipe_examples import describe, on

B200, B300, H200 = on(), on("NVIDIA B300 SXM6 AC"), on("NVIDIA H200", memory_mib=143771)
LOADING = ["INFO 11-22 15:25:26 [gpu_model_runner.py:4] Starting to load model openai/gpt-oss-20b..."]
LOADED = ["INFO 11-22 15:25:33 [gpu_model_runner.py:9] Model loading took 13.58 GiB memory and 5.1 seconds"]
WORKER = "(EngineCore_DP{} pid=153) INFO 11-22 15:25:26 [mxfp4.py:547] "
BF16_0_10_1 = (
    "Enabling FlashInfer MXFP4 BF16 backend by default for Blackwell. For faster performance, consider setting "
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8=1, though this may impact accuracy."
)
BF16_OLD = (
    "Using FlashInfer MXFP4 BF16 backend for SM100, For faster performance on SM100, consider setting "
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8=1, though this may impact accuracy."
)
MXFP8_0_10_2 = (
    "Using FlashInfer MXFP4 MXFP8 TRTLLM backend for SM100, for high concurrency throughput workloads consider setting "
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8_CUTLASS=1 for better performance"
)
MXFP8_OLD = "Using FlashInfer MXFP4 MXFP8 TRTLLM backend for SM100"
CUTLASS_OLD = "Using FlashInfer MXFP4 MXFP8 CUTLASS backend for SM100"
BF16 = "Using 'FLASHINFER_TRTLLM_MXFP4_BF16' Mxfp4 MoE backend."
MXFP8 = "Using 'FLASHINFER_TRTLLM_MXFP4_MXFP8' Mxfp4 MoE backend."
TRITON = "Using 'TRITON' Mxfp4 MoE backend."
MARLIN = "Using 'MARLIN' Mxfp4 MoE backend."
TRITON_OLD, MARLIN_OLD = "Using Triton backend", "Using Marlin backend"
NO_FLASHINFER = (
    "MXFP4 MoE is enabled on Hopper/Blackwell but FlashInfer is not available. This may result in degraded "
    "performance. Please `pip install vllm[flashinfer]` for best results."
)
SINKS = "Using TRTLLM attention (required for attention sinks)."


def expectation(version: str, activation: str = "bf16", site: Any = B200, **options: Any) -> dict[str, Any]:
    proof = describe(site, vllm_version=version, moe_activation=activation, **options)["kernel_proof"]
    assert isinstance(proof, dict)
    return proof


def states(lines: list[str], wanted: dict[str, Any]) -> dict[str, str]:
    """Return the state of each subject, with lines that stand in a whole log as a worker writes them."""
    log = [*LOADING, *(WORKER.format(0) + line for line in lines), *LOADED]
    return {finding.subject: finding.state for finding in prove(log, wanted).findings}


@pytest.mark.parametrize(
    ("version", "activation", "lines", "state"),
    [
        ("0.33.0", "bf16", [BF16], "proven"),
        ("0.33.0", "bf16", [MXFP8], "contradicted"),
        ("0.33.0", "bf16", [TRITON], "contradicted"),
        ("0.33.0", "bf16", [MARLIN], "contradicted"),
        ("0.33.0", "bf16", ["Using 'FLASHINFER_CUTLASS_MXFP4_BF16' Mxfp4 MoE backend."], "contradicted"),
        ("0.33.0", "bf16", [], "unknown"),
        ("0.33.0", "mxfp8", [MXFP8], "proven"),
        # What the original's variables give on a release image, in silence.
        ("0.33.0", "mxfp8", [BF16], "contradicted"),
        ("0.33.0", "mxfp8", [], "unknown"),
        ("0.19.0", "mxfp8", [MXFP8], "proven"),
        ("0.22.1", "mxfp8", [BF16, MXFP8], "contradicted"),
        ("0.22.1", "mxfp8", [MXFP8, BF16], "contradicted"),
        ("0.18.1", "bf16", [BF16_OLD], "proven"),
        ("0.18.1", "bf16", [MXFP8_OLD], "contradicted"),
        ("0.18.1", "mxfp8", [MXFP8_OLD], "proven"),
        ("0.18.1", "mxfp8", [BF16_OLD], "contradicted"),
        ("0.18.1", "mxfp8", [CUTLASS_OLD], "contradicted"),
        ("0.18.1", "bf16", [NO_FLASHINFER, TRITON_OLD], "contradicted"),
        ("0.18.1", "bf16", [MARLIN_OLD], "contradicted"),
        ("0.16.0", "bf16", [BF16_OLD], "proven"),
        # These versions name all kernels but this one.
        ("0.16.0", "mxfp8", [], "proven"),
        ("0.11.1", "mxfp8", [], "proven"),
        ("0.16.0", "mxfp8", [BF16_OLD], "contradicted"),
        ("0.16.0", "mxfp8", [CUTLASS_OLD], "contradicted"),
        ("0.16.0", "mxfp8", [MARLIN_OLD], "contradicted"),
        ("0.16.0", "mxfp8", ["[get_mxfp4_backend_with_lora] Using Marlin backend"], "contradicted"),
        ("0.11.0", "mxfp8", [MXFP8_0_10_2], "proven"),
        ("0.10.2", "mxfp8", [], "unknown"),
        ("0.10.2", "bf16", [BF16_OLD], "proven"),
        # The attention's line is another one.
        ("0.10.2", "bf16", [BF16_OLD, "Using Triton backend on V1 engine."], "proven"),
        ("0.10.1", "bf16", [BF16_0_10_1], "proven"),
        ("0.10.1.1", "bf16", [BF16_0_10_1], "proven"),
        ("0.10.1", "bf16", [], "unknown"),
        ("0.10.1", "mxfp8", [], "proven"),
        ("0.10.1", "mxfp8", [BF16_0_10_1], "contradicted"),
    ],
)
def test_the_experts_on_b200(version: str, activation: str, lines: list[str], state: str) -> None:
    assert states(lines, expectation(version, activation))["moe"] == state


@pytest.mark.parametrize(
    ("version", "lines", "state"),
    [
        ("0.33.0", [SINKS], "proven"),
        ("0.33.0", ["Using TRTLLM attention (query is quantized)."], "proven"),
        ("0.33.0", ["Using FLASHINFER attention backend out of potential backends: ['FLASHINFER']."], "unknown"),
        ("0.33.0", ["Using TRITON_ATTN attention backend out of potential backends: ['TRITON_ATTN']."], "contradicted"),
        ("0.12.0", [SINKS, "Using FLASH_ATTN attention backend out of potential backends: []"], "contradicted"),
        ("0.11.2", ["Using TRITON_ATTN backend."], "contradicted"),
        ("0.11.2", [SINKS], "proven"),
        ("0.11.0", ["Using Triton backend on V1 engine."], "contradicted"),
        ("0.10.1", [SINKS], "proven"),
        ("0.10.1", ["Using Flash Attention backend on V1 engine."], "contradicted"),
    ],
)
def test_the_attention_on_b200(version: str, lines: list[str], state: str) -> None:
    assert states(lines, expectation(version))["attention"] == state


def test_exclusion_needs_the_whole_of_the_loading() -> None:
    wanted = expectation("0.16.0", "mxfp8")
    for log, state in (
        ([*LOADING, *LOADED], "proven"),
        (LOADING, "unknown"),
        (LOADED, "unknown"),
        ([], "unknown"),
    ):
        assert prove(log, wanted).findings[0].state == state


def test_the_original_image_is_unknown_unless_its_log_contradicts() -> None:
    wanted = describe(B200, recipe="2025-08")["kernel_proof"]
    assert states([], wanted) == {"moe": "unknown", "attention": "unknown"}
    assert prove([], wanted).state == "unknown"
    assert "No line of this build's log is known" in prove([], wanted).findings[0].sentence
    assert states([BF16_0_10_1], wanted)["moe"] == "contradicted"
    assert states([BF16_0_10_1], describe(B200, recipe="2025-08", moe_activation="bf16")["kernel_proof"]) == {
        "moe": "unknown",
        "attention": "unknown",
    }


# From a run of vLLM 0.22.1 on an H200.
HOPPER = [
    "(EngineCore pid=153) INFO 11-22 15:25:26 [cuda.py:378] Using FLASH_ATTN attention backend out of potential "
    "backends: ['FLASH_ATTN', 'TRITON_ATTN'].",
    "(EngineCore pid=153) INFO 11-22 15:25:26 [flash_attn.py:636] Using FlashAttention version 3",
    "(EngineCore pid=153) INFO 11-22 15:25:26 [mxfp4.py:547] Using 'TRITON' Mxfp4 MoE backend.",
]


def test_hopper_has_the_kernels_that_it_has() -> None:
    assert prove(HOPPER, expectation("0.22.1", site=H200)).state == "proven"
    assert prove(HOPPER, expectation("0.22.1")).state == "contradicted"
    for lines in ([MARLIN], [TRITON], [NO_FLASHINFER], []):
        assert states(lines, expectation("0.33.0", site=H200))["moe"] != "contradicted"
    for lines in ([MARLIN_OLD], [NO_FLASHINFER, TRITON_OLD]):
        assert states(lines, expectation("0.16.0", site=H200)) == {"moe": "proven"}


@pytest.mark.parametrize(
    ("site", "options"),
    [
        (on("NVIDIA L4"), {}),
        (on(""), {}),
        (None, {}),
        (B200, {"gpus": "none"}),
        (H200, {"recipe": "2025-08"}),
    ],
)
def test_nothing_is_demanded_where_nothing_is_known(site: Any, options: dict[str, Any]) -> None:
    described = describe(site, **options) if site else describe(**options)
    assert described["kernel_proof"] == {}
    proof = prove([TRITON], described["kernel_proof"])
    assert proof.as_dict() == {"state": "not_applicable", "findings": []}


@pytest.mark.parametrize(
    ("options", "subjects"),
    [
        ({}, ["moe", "attention"]),
        ({"arguments": ["--moe-backend=triton"]}, ["attention"]),
        ({"arguments": ["--moe_backend", "marlin"]}, ["attention"]),
        ({"arguments": ["--kernel-config.moe_backend", "marlin"]}, ["attention"]),
        ({"arguments": ["--attention-backend", "TRITON_ATTN"]}, ["moe"]),
        ({"arguments": ["--enable-lora", "--attention-config.use_trtllm_attention", "false"]}, []),
        ({"vllm_version": "0.16.0", "environment": {"VLLM_MXFP4_USE_MARLIN": "1"}}, ["attention"]),
        ({"vllm_version": "0.14.1", "environment": {"VLLM_ATTENTION_BACKEND": "TRITON_ATTN"}}, ["moe"]),
        ({"recipe": "2025-08"}, ["moe", "attention"]),
        ({"arguments": ["--seed", "1"], "moe_activation": "mxfp8"}, ["moe", "attention"]),
    ],
)
def test_kernels_that_the_entry_chooses_are_not_compared(options: dict[str, Any], subjects: list[str]) -> None:
    proof = describe(B200, **options)["kernel_proof"]
    assert [row["subject"] for row in proof.get("subjects", [])] == subjects


def test_the_finding_says_what_was_wanted_found_and_to_be_done() -> None:
    proof = prove(
        ["\x1b[32mINFO\x1b[0m [mxfp4.py:5] " + BF16, WORKER.format(1) + SINKS], expectation("0.33.0", "mxfp8")
    )
    assert proof.state == "contradicted"
    moe, attention = proof.as_dict()["findings"]
    line = f"INFO [mxfp4.py:5] {BF16}"
    assert moe["line"] == line
    assert moe["expected"] == "TRTLLM kernels for the experts, with mxfp8 activations"
    assert moe["sentence"] == (
        f"Wanted TRTLLM kernels for the experts, with mxfp8 activations, but the log says: {line}"
    )
    assert "did not reach vLLM" in moe["remedy"]
    assert (attention["state"], attention["remedy"]) == ("proven", "")


def test_one_worker_of_many_that_chose_otherwise_decides() -> None:
    log = [*(WORKER.format(number) + MXFP8 for number in range(7)), WORKER.format(7) + BF16]
    moe = prove(iter(log), expectation("0.33.0", "mxfp8")).findings[0]
    assert (moe.state, moe.line) == ("contradicted", log[7])


def test_the_expectation_names_what_it_was_made_for() -> None:
    wanted = expectation("0.33.0", "mxfp8", site=B300)
    assert {key: wanted[key] for key in wanted if key != "subjects"} == {
        "gpu_family": "sm103",
        "gpu": "NVIDIA B300 SXM6 AC",
        "vllm_version": "0.33.0",
        "moe_activation": "mxfp8",
    }


UNKNOWN_NAMES = [
    "(APIServer pid=1) WARNING 11-22 15:34:36 [envs.py:2211] Unknown vLLM environment variable detected: VLLM_A",
    "(EngineCore pid=9) WARNING 11-22 15:34:36 [envs.py:2211] Unknown vLLM environment variable detected: VLLM_A",
    "(APIServer pid=1) WARNING 11-22 15:34:36 [envs.py:2211] Unknown vLLM environment variable detected: VLLM_B",
    "INFO nothing",
]


def test_variables_that_vllm_does_not_know() -> None:
    found = dead_variables(UNKNOWN_NAMES)
    assert [warning.partition(",")[0] for warning in found] == [
        "vLLM does not know the environment variable VLLM_A",
        "vLLM does not know the environment variable VLLM_B",
    ]
    assert dead_variables(UNKNOWN_NAMES, ["VLLM_B", "HOME"]) == found[1:]
    assert dead_variables(["INFO nothing"]) == []
