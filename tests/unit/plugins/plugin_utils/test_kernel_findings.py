"""Servers that run other kernels than were asked for, from a start's log to the fleet's verdict."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_proof import Proof, prove
from ansible_collections.gpt_oss.fleet.plugins.modules.vllm_kernels import row_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._kernel_findings import kernel_findings
from recipe_examples import SITE, describe, on

BF16 = "INFO [mxfp4.py:547] Using 'FLASHINFER_TRTLLM_MXFP4_BF16' Mxfp4 MoE backend."
MXFP8 = "(EngineCore pid=6) INFO 11-27 16:59:06 [mxfp4.py:547] Using 'FLASHINFER_TRTLLM_MXFP4_MXFP8' Mxfp4 MoE backend."
ATTENTION = "INFO [flashinfer.py:402] Using TRTLLM attention (required for attention sinks)."
WANTED = describe(on(), image="vllm/vllm-openai:v0.32.0")["kernel_proof"]


def found(*lines: str) -> list[Any]:
    proof = prove(["Starting to load model", *lines, "Model loading took 1 GiB"], WANTED)
    assert Proof.of_dict(proof.as_dict()) == proof
    rows = {"node1": [row_of("one", {"kernel_proof": proof.as_dict()})]}
    return kernel_findings(rows, {"node1": ["one"], "node2": ["one"]})


@pytest.mark.parametrize(("line", "verdict"), [(BF16, "good"), (MXFP8, "bad")])
def test_what_the_log_says_is_the_verdict(line: str, verdict: str) -> None:
    (finding,) = found(ATTENTION, line)
    assert (finding.host, finding.server, finding.kind, finding.verdict) == ("node1", "one", "kernel", verdict)
    if verdict == "bad":
        assert finding.reason == (
            "wanted TRTLLM kernels for the experts, with bf16 activations, but the log says: "
            "Using 'FLASHINFER_TRTLLM_MXFP4_MXFP8' Mxfp4 MoE backend"
        )


def test_what_is_not_known_says_nothing() -> None:
    assert found(ATTENTION) == []
    row = row_of("one", {})
    assert row["state"] == "unknown" and kernel_findings({"node1": [row]}, {"node1": ["one"]}) == []
    assert kernel_findings({"node1": [row_of("other", {})]}, {"node1": ["one"]}) == []


def test_where_gpus_come_as_devices_the_entry_tells_their_family() -> None:
    entry = {"image": "vllm/vllm-openai:v0.32.0", "gpus": "none"}
    assert describe(SITE, **entry)["kernel_proof"] == {}
    told = describe(SITE, **entry, gpu_family="sm100")["kernel_proof"]
    assert [subject["subject"] for subject in told["subjects"]] == ["moe", "attention"] and told[
        "gpu_family"
    ] == "sm100"
