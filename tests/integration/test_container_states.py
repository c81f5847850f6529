from __future__ import annotations

import docker
import pytest
from conftest import Parameters, Result, Run, Seen


def status(engine: docker.APIClient, name: str) -> str:
    return str(engine.inspect_container(name)["State"]["Status"])


def test_absent(started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    wanted = {"name": parameters["name"], "state": "absent", "docker_host": parameters["docker_host"]}
    told = vllm_container(wanted, check_mode=True)
    assert told["changed"] and status(engine, parameters["name"]) == "running"
    done = vllm_container(wanted)
    assert done["changed"] and done["diff"] == told["diff"] == {
        "before": {"state": "running"},
        "after": {"state": "absent"},
    }
    assert done["server"].keys() == started["server"].keys() and done["server"]["container_id"] is None
    assert not engine.containers(all=True, filters={"name": parameters["name"]})
    assert not vllm_container(wanted)["changed"]


def test_stopped_and_started_again(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    wanted = {"name": parameters["name"], "state": "stopped", "docker_host": parameters["docker_host"]}
    assert vllm_container(wanted)["changed"] and status(engine, parameters["name"]) == "exited"
    assert engine.inspect_container(parameters["name"])["State"]["ExitCode"] == 0
    assert not vllm_container(wanted)["changed"]
    again = vllm_container(parameters)
    assert again["actions"] == ["start", "set_restart_policy"]
    assert again["server"]["container_id"] == started["server"]["container_id"]


def test_stopped_creates_nothing(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "state": "stopped"})
    assert not result["changed"] and result["server"]["container_id"] is None


def test_restarted(started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    before = engine.inspect_container(parameters["name"])["State"]["StartedAt"]
    result = vllm_container({**parameters, "state": "restarted"})
    assert result["actions"] == ["stop", "start", "set_restart_policy"]
    assert result["server"]["container_id"] == started["server"]["container_id"]
    assert engine.inspect_container(parameters["name"])["State"]["StartedAt"] > before
    seconds = result["server"]["startup_seconds"]
    assert 0 <= seconds["api_process"] < seconds["first_completion"] < 30


def test_present_does_not_start(parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    wanted = {**parameters, "state": "present"}
    result = vllm_container(wanted)
    assert result["actions"] == ["create"] and status(engine, parameters["name"]) == "created"
    assert not vllm_container(wanted)["changed"]
    assert vllm_container(parameters)["actions"] == ["start", "set_restart_policy"]
    assert not vllm_container(wanted)["changed"]


@pytest.mark.fault(
    kind="container paused",
    stage="serve",
    fault="the container of a serving server is paused, and deployed again",
    sees="actions: ['stop', 'start', 'set_restart_policy']",
    kept="the container",
    next_run="nothing: this run brought it back",
)
def test_a_paused_server_is_brought_back(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    engine.pause(parameters["name"])
    result = vllm_container({**parameters, "stop_timeout": 1})
    assert not result.get("failed"), result["msg"]
    seen(f"actions: {result['actions']}")
    assert result["actions"] == ["stop", "start", "set_restart_policy"]
