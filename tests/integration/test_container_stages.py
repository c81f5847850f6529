"""Each stage of a start has its seconds, and a limit of its own."""

from __future__ import annotations

import time

import docker
from conftest import Parameters, Run, simulated


def test_the_seconds_of_each_stage(parameters: Parameters, vllm_container: Run) -> None:
    server = vllm_container({**parameters, "environment": simulated(start_seconds=3)})["server"]
    assert {"created", "api_process", "engine", "weights", "compile", "graphs"} <= server["stage_seconds"].keys()
    assert {"healthy", "model_listed", "first_completion"} <= server["stage_seconds"].keys()
    total = server["startup_seconds"]["first_completion"]
    assert abs(sum(server["stage_seconds"].values()) - total) < 0.1
    again = vllm_container(parameters | {"environment": simulated(start_seconds=3)})["server"]
    assert again["stage_seconds"] == server["stage_seconds"], "a later run still knows what the start took"


def test_a_stage_that_hangs_is_told_by_its_own_limit(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    environment = simulated(faults=[{"kind": "hang", "stage": "nccl"}])
    begin = time.monotonic()
    wanted = {**parameters, "environment": environment, "timeout": 300, "stage_timeouts": {"engine": 2}}
    result = vllm_container(wanted)
    assert time.monotonic() - begin < 100, "long before the whole start's limit"
    assert (result["stage"], result["diagnosis"]) == ("engine", "hangs_in_nccl")
    assert "longer than the 2 s that stage_timeouts allows" in result["msg"]
    assert engine.inspect_container(parameters["name"])["State"]["Running"]


def test_an_unknown_stage_is_refused(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "stage_timeouts": {"loading": 3}})
    assert result["failed"] and "stage_timeouts: expected one of pulled, created" in result["msg"]
