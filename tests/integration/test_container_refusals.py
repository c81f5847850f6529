from __future__ import annotations

import socket

import docker
import pytest
from conftest import Parameters, Result, Run, Seen


def exists(engine: docker.APIClient, name: str) -> bool:
    return bool(engine.containers(all=True, filters={"name": f"^/{name}$"}))


def test_a_port_held_by_a_process(parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", parameters["port"]))
        holder.listen()
        for network_mode in ("bridge", "host"):
            result = vllm_container({**parameters, "network_mode": network_mode})
            assert result["failed"] and f"port {parameters['port']} of 127.0.0.1" in result["msg"]
            assert "(pid " in result["cause"] and "choose another port" in result["remedy"]
    assert not exists(engine, parameters["name"])


def test_a_port_published_by_a_container(started: Result, parameters: Parameters, vllm_container: Run) -> None:
    for address in ("127.0.0.1", "0.0.0.0"):
        other = {**parameters, "name": f"{parameters['name']}-2", "bind_address": address}
        result = vllm_container(other, check_mode=True)
        assert result["failed"] and f"the container {parameters['name']} publishes it" in result["msg"]


@pytest.mark.fault(
    kind="port taken",
    stage="serve",
    fault="the port that a running server shall move to is taken",
    sees="port … of 127.0.0.1",
    kept="the old server goes on serving",
    next_run="moves it once the port is free",
)
def test_a_taken_port_does_not_cost_the_old_server(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        result = vllm_container({**parameters, "port": holder.getsockname()[1]})
    assert result["failed"]
    seen(result["msg"])
    assert engine.inspect_container(parameters["name"])["State"]["Running"]


def test_an_address_of_another_host(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "bind_address": "192.0.2.77"})
    assert result["failed"] and "192.0.2.77 is no address of this host" in result["msg"]


def test_a_missing_image(parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    missing = {**parameters, "image": "gpt-oss-fleet/no-such-image:1"}
    result = vllm_container(missing)
    assert result["failed"] and "found none, and pull is never" in result["msg"] and "docker load" in result["remedy"]
    assert not exists(engine, parameters["name"])


def test_a_registry_that_cannot_be_reached(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    missing = {**parameters, "image": "127.0.0.1:9/no-such-image:1", "pull": "missing"}
    assert vllm_container(missing, check_mode=True)["changed"]
    result = vllm_container(missing)
    assert result["failed"] and "expected to pull the image 127.0.0.1:9/no-such-image:1" in result["msg"]
    assert "docker load" in result["remedy"]
    assert engine.inspect_container(parameters["name"])["State"]["Running"]


def test_a_container_that_the_engine_refuses(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    """The new container is created before the old one goes."""
    result = vllm_container({**parameters, "volumes": ["/tmp:/mnt/one:ro,rw"]})
    assert result["failed"] and "invalid mode" in result["msg"]
    assert engine.inspect_container(parameters["name"])["State"]["Running"]


def test_gpus_without_a_toolkit(parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    if "nvidia" in engine.info()["Runtimes"]:
        return
    for gpu_access in ("device_requests", "cdi"):
        result = vllm_container({**parameters, "gpus": "0,1", "gpu_access": gpu_access})
        assert result["failed"] and "nvidia-ctk" in result["remedy"]


def test_a_program_that_is_not_there(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "entrypoint": ["no-such-program"]})
    assert result["failed"] and result["cause"] == "the image has no program no-such-program"


@pytest.mark.fault(
    kind="daemon killed",
    stage="serve",
    fault="no Docker Engine runs",
    sees="expected a Docker Engine at … start the engine",
    kept="all",
    next_run="goes on once the engine runs",
)
def test_an_unreachable_engine(parameters: Parameters, vllm_container: Run, seen: Seen) -> None:
    result = vllm_container({**parameters, "docker_host": "unix:///nonexistent/docker.sock"})
    assert result["failed"]
    assert "expected a Docker Engine at unix:///nonexistent/docker.sock" in result["msg"]
    assert "start the engine" in result["msg"]
    seen(result["msg"])
