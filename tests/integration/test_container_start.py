from __future__ import annotations

import docker
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import connect, describe
from conftest import Parameters, Result, Run


def test_a_start_ends_with_a_server_that_generates(started: Result, parameters: Parameters) -> None:
    server = started["server"]
    assert started["changed"]
    assert started["actions"] == ["create", "start", "set_restart_policy"]
    assert server["endpoint"] == f"http://127.0.0.1:{parameters['port']}/v1"
    assert server["model"] == parameters["model"]
    assert server["simulated"] is True
    assert "simulator" in server["vllm_version"]
    assert server["image_digest"].startswith("sha256:")
    stages = ["created", "api_process", "engine", "weights", "listening", "healthy", "model_listed", "first_completion"]
    seconds = server["startup_seconds"]
    assert [stage for stage in seconds if stage in stages] == stages
    assert list(seconds.values()) == sorted(seconds.values())


def test_a_second_run_changes_nothing(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    before = engine.inspect_container(parameters["name"])
    again = vllm_container(parameters)
    assert not again["changed"]
    assert again["actions"] == [] and again["drift"] == []
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["server"]["container_id"] == started["server"]["container_id"]
    assert again["server"].keys() == started["server"].keys()
    assert engine.inspect_container(parameters["name"]) == before


def test_the_restart_policy_comes_when_the_server_is_ready(
    vllm_container: Run, parameters: Parameters, engine: docker.APIClient
) -> None:
    def policy() -> str:
        return str(engine.inspect_container(parameters["name"])["HostConfig"]["RestartPolicy"]["Name"])

    first = vllm_container({**parameters, "wait": False})
    assert first["changed"] and policy() == "no"
    assert first["server"]["vllm_version"] is None
    assert not vllm_container({**parameters, "wait": False})["changed"]
    ready = vllm_container(parameters)
    assert ready["actions"] == ["set_restart_policy"] and policy() == "unless-stopped"
    assert ready["server"]["container_id"] == first["server"]["container_id"]
    assert not vllm_container({**parameters, "wait": False})["changed"]
    assert not vllm_container(parameters)["changed"]
    assert policy() == "unless-stopped"


def test_description_for_others(started: Result, parameters: Parameters) -> None:
    engine = connect(parameters["docker_host"])
    found = describe(engine, parameters["name"])
    assert found is not None
    assert found["arguments"] == parameters["arguments"]
    assert found["environment"] == parameters["environment"]
    assert found["running"] is True
    assert describe(engine, parameters["name"][:-1]) is None


def test_host_network(vllm_container: Run, parameters: Parameters) -> None:
    wanted = {**parameters, "network_mode": "host"}
    wanted["arguments"] = [parameters["model"], "--host", "127.0.0.1", "--port", str(parameters["port"])]
    assert vllm_container(wanted)["server"]["simulated"] is True
    assert not vllm_container(wanted)["changed"]
    replaced = vllm_container({**wanted, "labels": {"a": "b"}})
    assert replaced["drift"] == ["labels"] and replaced["server"]["simulated"] is True
