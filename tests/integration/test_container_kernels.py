"""Which kernels run is read from the log: asked for and proven, or the start fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import ROOT, Parameters, Run, simulated

sys.path.insert(0, str(ROOT / "tests" / "unit" / "plugins" / "plugin_utils"))

from recipe_examples import describe, on  # noqa: E402


def wanted(parameters: Parameters, version: str, activation: str, **changes: Any) -> Parameters:
    """Return the module's options for what the recipes make of a server on B200s; the simulator plays the version."""
    described = describe(on(), image=f"vllm/vllm-openai:{version}", moe_activation=activation)
    played = "0.10.1+gptoss" if version == "gptoss" else version.lstrip("v")
    environment = {**described["environment"], **simulated(version=played)}
    options = {"arguments": described["arguments"], "environment": environment, **changes}
    return {**parameters, "kernel_proof": described["kernel_proof"], "restart_policy": "always", **options}


PROVEN = [("v0.33.0", "bf16"), ("v0.33.0", "mxfp8"), ("v0.18.1", "mxfp8"), ("v0.16.0", "mxfp8"), ("v0.10.2", "bf16")]


@pytest.mark.parametrize(("version", "activation"), PROVEN)
def test_what_the_recipes_ask_for_is_proven(
    version: str, activation: str, parameters: Parameters, vllm_container: Run
) -> None:
    result = vllm_container(wanted(parameters, version, activation))
    assert not result.get("failed"), result["msg"]
    proof = result["server"]["kernel_proof"]
    assert proof["state"] == "proven"
    assert {finding["subject"] for finding in proof["findings"]} == {"moe", "attention"}


CONTRADICTED = [
    # What the variables of the original recipe give on a release image, in silence.
    (
        "v0.16.0",
        "mxfp8",
        {"environment": {"VLLM_USE_FLASHINFER_MXFP4_MOE": "1", **simulated(version="0.16.0")}},
        "BF16",
    ),
    # From 0.24.0 on the variable has no effect.
    ("v0.33.0", "mxfp8", {"arguments": ["openai/gpt-oss-20b", "--host", "0.0.0.0"]}, "MXFP4_BF16"),
    (
        "v0.33.0",
        "bf16",
        {"arguments": ["openai/gpt-oss-20b", "--host", "0.0.0.0", "--moe-backend", "marlin"]},
        "MARLIN",
    ),
]


@pytest.mark.parametrize(("version", "activation", "changes", "found"), CONTRADICTED)
def test_other_kernels_fail_the_start_and_do_it_again(
    version: str,
    activation: str,
    changes: dict[str, Any],
    found: str,
    parameters: Parameters,
    vllm_container: Run,
    engine: docker.APIClient,
) -> None:
    options = wanted(parameters, version, activation, **changes)
    for _run in range(2):
        result = vllm_container(options)
        assert result["failed"] and result["diagnosis"] == "wrong_kernel", result
        assert found in result["cause"] and activation in result["cause"] and result["remedy"]
        assert result["kernel_proof"]["state"] == "contradicted"
        container = engine.inspect_container(parameters["name"])
        assert container["State"]["Running"] and container["HostConfig"]["RestartPolicy"]["Name"] == "no"
        kept = json.loads((Path(parameters["state_path"]) / parameters["name"] / "start.json").read_text())
        assert kept["kernel_proof"]["state"] == "contradicted", "whoever judges its scores can read it"


def test_a_build_whose_log_proves_nothing_gives_a_warning(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container(wanted(parameters, "gptoss", "mxfp8"))
    assert not result.get("failed"), result["msg"]
    assert result["server"]["kernel_proof"]["state"] == "unknown"
    assert "No line of this build's log is known" in str(result["warnings"])


def test_what_was_proven_of_a_start_is_kept_when_its_log_is_gone(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    options = wanted(parameters, "v0.33.0", "bf16")
    proof = vllm_container(options)["server"]["kernel_proof"]
    log = Path(engine.inspect_container(parameters["name"])["LogPath"])
    log.write_text("")
    again = vllm_container(options)
    assert not again["changed"] and again["server"]["kernel_proof"] == proof
    (Path(parameters["state_path"]) / parameters["name"] / "start.json").unlink()
    assert vllm_container(options)["server"]["kernel_proof"]["state"] == "unknown"


def test_a_dead_variable_is_told(parameters: Parameters, vllm_container: Run) -> None:
    environment = {**simulated(version="0.33.0"), "VLLM_USE_V1": "1"}
    for changed in (True, False):
        result = vllm_container({**parameters, "environment": environment})
        assert result["changed"] is changed
        assert "vLLM does not know the environment variable VLLM_USE_V1" in str(result["warnings"])


def test_nothing_is_demanded_where_nothing_is_known(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container(parameters)
    assert json.dumps(result["server"]["kernel_proof"]) == '{"state": "not_applicable", "findings": []}'


def test_graphs_that_end_below_the_requests_at_once_are_told(parameters: Parameters, vllm_container: Run) -> None:
    small = [*parameters["arguments"], "--max-num-seqs", "128", "--cudagraph-capture-sizes", "1", "64", "128"]
    for changed in (True, False):
        result = vllm_container({**parameters, "arguments": small})
        assert not result.get("failed"), result["msg"]
        assert result["changed"] is changed
        assert "its CUDA graphs end at 128 tokens a step" in str(result["warnings"])
    assert "CUDA graphs" not in str(vllm_container({**parameters, "arguments": [*small, "256"]}).get("warnings"))
