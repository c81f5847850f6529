"""A server that is to be stopped or replaced finishes the requests that it has."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import MODEL, Parameters, Run, simulated
from playbook_host import one_host, said


def ask(port: int, found: list[Any]) -> threading.Thread:
    """Ask one question in a thread; what came of it goes to `found`."""

    def post() -> None:
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "What is the capital of France?"}]})
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", body.encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                found.append(json.loads(reply.read())["choices"][0]["finish_reason"])
        except OSError as exc:
            found.append(exc)

    thread = threading.Thread(target=post)
    thread.start()
    time.sleep(0.5)
    return thread


@pytest.mark.parametrize("state", ["stopped", "absent", "restarted", "started"])
def test_a_request_under_way_is_answered(state: str, parameters: Parameters, vllm_container: Run) -> None:
    wanted = {**parameters, "environment": simulated(latency_seconds=3), "restart_policy": "no"}
    assert not vllm_container(wanted).get("failed")
    found: list[Any] = []
    asking = ask(parameters["port"], found)
    change = {"labels": {"new": "yes"}} if state == "started" else {"state": state}
    result = vllm_container({**wanted, **change})
    asking.join()
    assert found == ["stop"]
    assert not result.get("failed") and "warnings" not in result


def test_a_request_that_takes_too_long_is_dropped_and_told(parameters: Parameters, vllm_container: Run) -> None:
    wanted = {**parameters, "environment": simulated(latency_seconds=20), "wait": False}
    assert not vllm_container(wanted).get("failed")
    time.sleep(2)
    found: list[Any] = []
    asking = ask(parameters["port"], found)
    result = vllm_container({**wanted, "state": "stopped", "drain_timeout": 1, "stop_timeout": 1})
    asking.join()
    assert isinstance(found[0], OSError)
    assert "stopped with 1 requests unfinished, after 1 s" in str(result["warnings"])


def test_no_waiting_when_none_is_wanted(parameters: Parameters, vllm_container: Run) -> None:
    wanted = {**parameters, "environment": simulated(latency_seconds=20), "wait": False}
    assert not vllm_container(wanted).get("failed")
    time.sleep(2)
    asking = ask(parameters["port"], [])
    begin = time.monotonic()
    vllm_container({**wanted, "state": "stopped", "drain_timeout": 0, "stop_timeout": 1})
    assert time.monotonic() - begin < 15, "the request takes 20 s"
    asking.join()


def test_docker_stop_gives_the_time_that_the_server_was_to_have(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    drains = [*parameters["arguments"], "--shutdown-timeout", "20"]
    wanted = {**parameters, "arguments": drains, "environment": simulated(latency_seconds=13), "wait": False}
    assert not vllm_container({**wanted, "stop_timeout": 40}).get("failed")
    time.sleep(2)
    assert not vllm_container({**wanted, "stop_timeout": 50})["changed"], "it is nothing that a server must end for"
    found: list[Any] = []
    asking = ask(parameters["port"], found)
    # As the command line does without --time: the engine's own number would be 10.
    engine.stop(parameters["name"])
    asking.join()
    assert found == ["stop"]
    assert engine.inspect_container(parameters["name"])["State"]["ExitCode"] == 0


def test_a_server_is_waited_for_as_long_as_it_was_made_to(parameters: Parameters, vllm_container: Run) -> None:
    drains = [*parameters["arguments"], "--shutdown-timeout", "1"]
    wanted = {**parameters, "arguments": drains, "environment": simulated(latency_seconds=40), "wait": False}
    assert not vllm_container(wanted).get("failed")
    time.sleep(2)
    asking = ask(parameters["port"], [])
    result = vllm_container({"name": parameters["name"], "state": "absent", "docker_host": parameters["docker_host"]})
    asking.join()
    assert "stopped with 1 requests unfinished, after 1 s" in str(result["warnings"])


def test_teardown_waits_as_long_as_the_entry_says(tmp_path: Path, parameters: Parameters, vllm_container: Run) -> None:
    wanted = {**parameters, "environment": simulated(latency_seconds=30), "wait": False}
    assert not vllm_container(wanted).get("failed")
    time.sleep(2)
    asking = ask(parameters["port"], [])
    entry = {"name": parameters["name"], "image": parameters["image"], "port": parameters["port"]}
    host = one_host(tmp_path, Path(sys.prefix), {**entry, "drain_timeout": 1, "stop_timeout": 1})
    removed = host.play("teardown")
    asking.join()
    assert removed.returncode == 0, removed.stdout
    assert f"{parameters['name']} was stopped with 1 requests unfinished, after 1 s" in said(removed), removed.stdout
