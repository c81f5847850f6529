from __future__ import annotations

import time

import docker
import pytest
from conftest import Parameters, Run, Seen, simulated


@pytest.mark.fault(
    kind="engine hangs",
    stage="serve",
    fault="a start hangs in the set-up of NCCL",
    sees="nccl",
    kept="the container, running, to be looked at",
    next_run="waits for the same start, or replaces it where the description changed",
)
def test_a_hanging_start_names_its_stage(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    environment = simulated(faults=[{"kind": "hang", "stage": "nccl"}])
    begin = time.monotonic()
    result = vllm_container({**parameters, "environment": environment, "timeout": 2})
    assert 2.0 <= time.monotonic() - begin < 4.0
    assert result["failed"] and result["stage"] == "engine" and result["exit_code"] is None
    seen(result["msg"])
    assert result["diagnosis"] == "hangs_in_nccl" and "nvidia-fabricmanager" in result["remedy"]
    assert "nccl" in result["log"][-1]
    assert engine.inspect_container(parameters["name"])["State"]["Running"]


FAULTS = [
    ("errors", {"kind": "status", "status": 500}, "first_completion: status 500"),
    ("empty", {"kind": "stall"}, "first_completion: no whole reply"),
]


@pytest.mark.parametrize(("fault", "problem"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_listed_but_not_generating_is_not_ready(
    fault: dict[str, object], problem: str, parameters: Parameters, vllm_container: Run
) -> None:
    result = vllm_container({**parameters, "environment": simulated(faults=[fault]), "timeout": 3})
    assert result["failed"] and result["stage"] == "model_listed"
    assert problem in result["msg"]


def test_another_model_is_told_at_once(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "model": "openai/gpt-oss-120b"})
    assert result["failed"] and result["diagnosis"] == "refused"
    assert "expected a server of the model openai/gpt-oss-120b, found one of openai/gpt-oss-20b" in result["msg"]
