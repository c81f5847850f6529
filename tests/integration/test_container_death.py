from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stages import epoch
from conftest import Parameters, Result, Run, Seen, simulated

OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.98 GiB."
DEATHS: list[tuple[str, dict[str, Any], str, int, str]] = [
    ("load", {"stage": "load", "text": OUT_OF_MEMORY}, "weights", 1, "gpu_out_of_memory"),
    ("unheard of", {"stage": "compile", "text": "FrobError: no frob here", "exit_code": 7}, "compile", 7, "unknown"),
    ("port", {"stage": "listen", "text": "OSError: [Errno 98] Address already in use"}, "graphs", 1, "port_in_use"),
    ("no error", {"stage": "load", "text": "good bye", "exit_code": 0}, "weights", 0, "unknown"),
]


def seconds_since_end(engine: docker.APIClient, name: str) -> float:
    ended = epoch(engine.inspect_container(name)["State"]["FinishedAt"])
    assert ended is not None
    return datetime.now(timezone.utc).timestamp() - ended


@pytest.mark.parametrize(
    ("fault", "stage", "exit_code", "diagnosis"), [row[1:] for row in DEATHS], ids=[row[0] for row in DEATHS]
)
def test_a_dying_start_is_told_within_a_second(
    fault: dict[str, Any],
    stage: str,
    exit_code: int,
    diagnosis: str,
    parameters: Parameters,
    vllm_container: Run,
    engine: docker.APIClient,
) -> None:
    environment = simulated(start_seconds=1.5, faults=[{"kind": "die", **fault}])
    result = vllm_container({**parameters, "environment": environment})
    late = seconds_since_end(engine, parameters["name"])
    assert result["failed"] and result["changed"] and late < 1.0
    assert (result["stage"], result["exit_code"], result["diagnosis"]) == (stage, exit_code, diagnosis)
    assert f"exit code {exit_code}" in result["msg"] and result["cause"] in result["msg"]
    assert result["remedy"]
    assert any(fault["text"] in line for line in result["log"])
    assert 0 < len(result["log"]) <= 40
    left = engine.inspect_container(parameters["name"])
    assert left["State"]["Status"] == "exited" and left["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_an_unknown_flag(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "arguments": [parameters["model"], "--no-such-flag"]})
    assert (result["exit_code"], result["diagnosis"]) == (2, "unknown_flag")
    assert "--no-such-flag" in result["cause"]


@pytest.mark.fault(
    kind="container killed",
    stage="serve",
    fault="the container is killed in mid-start",
    sees="exit code 137 … SIGKILL",
    kept="the container as it died, with its log",
    next_run="starts it again",
)
def test_a_kill_during_a_long_start(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    result: Result = {}
    environment = simulated(faults=[{"kind": "hang", "stage": "load"}])
    wanted = {**parameters, "environment": environment}
    thread = threading.Thread(target=lambda: result.update(vllm_container(wanted)))
    thread.start()
    time.sleep(2.5)
    engine.kill(parameters["name"])
    thread.join(10)
    seen(result["msg"])
    assert result["exit_code"] == 137 and "SIGKILL" in result["cause"]
    assert seconds_since_end(engine, parameters["name"]) < 1.5


@pytest.mark.fault(
    kind="container killed",
    stage="serve",
    fault="the container of a serving server is killed between two runs",
    sees="actions: ['start', 'set_restart_policy']",
    kept="the container",
    next_run="nothing: this run started the same container again",
)
def test_a_dead_server_is_started_anew(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    engine.kill(parameters["name"])
    again = vllm_container(parameters)
    seen(f"actions: {again['actions']}")
    assert again["actions"] == ["start", "set_restart_policy"] and again["drift"] == []
    assert again["server"]["container_id"] == started["server"]["container_id"]
    assert again["server"]["started"] >= started["server"]["started"]
    assert "first_completion" in again["server"]["startup_seconds"]


@pytest.mark.fault(
    kind="container killed",
    stage="serve",
    fault="the container dies again and again, and Docker restarts it each time",
    sees="FrobError",
    kept="the container as it died",
    next_run="starts it once more, and tells again",
)
def test_a_crash_loop_is_a_failure(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    environment = simulated(start_seconds=0.3, faults=[{"kind": "die", "stage": "load", "text": "FrobError: none"}])
    wanted = {**parameters, "environment": environment, "restart_policy": "always"}
    assert vllm_container({**wanted, "wait": False})["changed"]
    engine.update_container(parameters["name"], restart_policy={"Name": "always"})
    engine.start(parameters["name"])
    result = vllm_container(wanted)
    seen(result["msg"])
    assert result["failed"] and "FrobError" in result["cause"]


@pytest.mark.fault(
    kind="engine killed",
    stage="serve",
    fault="vLLM's engine dies under a serving server, which then ends with exit code 0",
    sees="exit code 0",
    kept="the container as it died, with its log",
    next_run="starts it again",
)
def test_an_engine_that_died_under_a_running_server(parameters: Parameters, vllm_container: Run, seen: Seen) -> None:
    """vLLM then answers 503 for a while, and ends with exit code 0."""
    fault = {"kind": "die", "stage": "serving", "after_seconds": 1.0}
    environment = simulated(dead_seconds=3.0, faults=[fault])
    wanted = {**parameters, "environment": environment, "restart_policy": "no"}
    assert not vllm_container(wanted).get("failed")
    api = Api(f"http://127.0.0.1:{parameters['port']}/v1")
    deadline = time.monotonic() + 60
    while api.health() == 200:
        assert time.monotonic() < deadline, "the engine did not die"
        time.sleep(0.1)
    result = vllm_container(wanted)
    seen(result["msg"])
    assert result["failed"] and (result["exit_code"], result["diagnosis"]) == (0, "engine_died")
    assert result["stage"] == "listening"
