"""Servers that do not live: dead, going in circles, not there, somebody else's, or not yet up."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import Parameters, Run, Seen, simulated
from liveness import look, signal_engine, wait_for

KILL = 9


def begin(vllm_container: Run, parameters: Parameters, **configuration: Any) -> None:
    started = vllm_container({**parameters, "environment": simulated(**configuration)})
    assert not started.get("failed"), started["msg"]


@pytest.mark.fault(
    kind="engine killed",
    stage="status",
    fault="vLLM's engine is killed under a serving server",
    sees="is dead",
    kept="the container as it died, with its log",
    next_run="tells the same until somebody starts it",
)
def test_a_dead_engine_and_what_it_leaves(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, engine: docker.APIClient, seen: Seen
) -> None:
    """vLLM answers 503 for a while, and ends with exit code 0."""
    wanted = {**parameters, "restart_policy": "no"}
    begin(vllm_container, wanted, dead_seconds=3.0)
    signal_engine(engine.inspect_container(wanted["name"]), KILL)
    wait_for(lambda: look(wanted, tmp_path, fail_on=[])["liveness"]["verdict"] == "dead")
    dying = look(wanted, tmp_path)["liveness"]
    assert (dying["verdict"], dying["status"], dying["exit_code"]) == ("dead", "running", None)
    assert "/health answers 503" in dying["sentence"]
    wait_for(lambda: not engine.inspect_container(wanted["name"])["State"]["Running"])
    found = look(wanted, tmp_path)
    dead = found["liveness"]
    seen(found["msg"])
    assert found["failed"] and (dead["verdict"], dead["status"], dead["exit_code"]) == ("dead", "exited", 0)
    assert dead["diagnosis"] == "engine_died" and dead["cause"] in found["msg"]
    assert any("EngineDeadError" in line for line in dead["log"]) and len(dead["log"]) <= 40


@pytest.mark.fault(
    kind="engine killed",
    stage="status",
    fault="vLLM's engine is killed, and Docker restarts the container before anybody looks",
    sees="restarted it 1 time since the last look",
    kept="the server serves again",
    next_run="is content: each restart is told once",
)
def test_a_restart_is_reported_once(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, engine: docker.APIClient, seen: Seen
) -> None:
    """The policy brings the server back, so nobody would hear of its death."""
    begin(vllm_container, parameters, dead_seconds=0.2)
    memory = tmp_path / parameters["name"] / "liveness.json"
    assert look(parameters, tmp_path, check_mode=True)["liveness"]["verdict"] == "idle" and not memory.exists()
    assert look(parameters, tmp_path)["liveness"]["verdict"] == "idle"
    first = memory.read_text()
    assert look(parameters, tmp_path)["liveness"]["restarts_since_last_look"] == 0
    assert memory.read_text() == first, "written only when there is something new"
    signal_engine(engine.inspect_container(parameters["name"]), KILL)
    wait_for(lambda: engine.inspect_container(parameters["name"])["RestartCount"] == 1)
    wait_for(lambda: look(parameters, tmp_path, check_mode=True, fail_on=[])["liveness"]["requests_running"] == 0)
    assert look(parameters, tmp_path, check_mode=True, restarts_allowed=1)["liveness"]["verdict"] == "idle"
    found = look(parameters, tmp_path)
    server = found["liveness"]
    seen(found["msg"])
    assert found["failed"] and (server["verdict"], server["restarts_since_last_look"]) == ("restarting", 1)
    assert "restarted it 1 time since the last look" in server["sentence"] and "answered" in server["sentence"]
    assert len(server["restarted_at"]) == 1 and server["diagnosis"] == "engine_died"
    again = look(parameters, tmp_path)
    assert not again.get("failed")
    assert (again["liveness"]["restarts"], again["liveness"]["restarts_since_last_look"]) == (1, 0)
    assert again["liveness"]["restarted_at"] == server["restarted_at"]


def test_a_crash_loop(parameters: Parameters, vllm_container: Run, tmp_path: Path, engine: docker.APIClient) -> None:
    wanted = {**parameters, "restart_policy": "always"}
    fault = {
        "kind": "die",
        "stage": "load",
        "text": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
    }
    dying = {**wanted, "environment": simulated(start_seconds=0.1, faults=[fault])}
    assert vllm_container({**dying, "wait": False})["changed"]
    engine.update_container(wanted["name"], restart_policy={"Name": "always"})
    engine.start(wanted["name"])
    wait_for(lambda: engine.inspect_container(wanted["name"])["RestartCount"] >= 3)
    for _unused in range(2):
        found = look(wanted, tmp_path)
        server = found["liveness"]
        assert found["failed"] and server["verdict"] == "crash_loop", server["sentence"]
        assert server["diagnosis"] == "gpu_out_of_memory" and server["restarts"] >= 3


def test_a_server_that_starts(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    slow = {**parameters, "environment": simulated(faults=[{"kind": "hang", "stage": "compile"}])}
    assert vllm_container({**slow, "wait": False})["changed"]
    wait_for(lambda: "compile" in look(slow, tmp_path)["liveness"]["sentence"])
    found = look(slow, tmp_path)
    assert not found.get("failed")
    assert (found["liveness"]["verdict"], found["liveness"]["restart_policy"]) == ("starting", "no")
    late = look(slow, tmp_path, start_seconds=0.1)["liveness"]
    assert late["verdict"] == "unreachable" and "still in stage" in late["sentence"]


def test_another_model_another_key_another_program(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    begin(vllm_container, parameters)
    other = look({**parameters, "model": "openai/gpt-oss-120b"}, tmp_path)
    assert other["failed"] and other["liveness"]["verdict"] == "wrong_server"
    assert "openai/gpt-oss-120b" in other["msg"] and parameters["model"] in other["msg"]
    port = free_port()
    with answering(port):
        served = look({**parameters, "port": port}, tmp_path)["liveness"]
    assert served["verdict"] == "wrong_server" and "/health answers 404" in served["sentence"]
    with answering(port, silent=True):
        quiet = look(parameters, tmp_path, base_url=f"http://127.0.0.1:{port}/v1", port=1)["liveness"]
    assert (quiet["verdict"], quiet["endpoint"]) == ("stuck", f"http://127.0.0.1:{port}/v1")
    assert "the API server hangs" in quiet["sentence"]
    nobody = look({**parameters, "port": port}, tmp_path)["liveness"]
    assert nobody["verdict"] == "unreachable" and "no longer listens" in nobody["sentence"]


def test_a_key_that_the_server_does_not_know(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-the-first-key")
    begin(vllm_container, {**parameters, "api_key_file": str(key)})
    found = look(parameters, tmp_path, api_key_file=str(key))
    assert found["liveness"]["verdict"] == "idle" and "sk-the-first-key" not in json.dumps(found)
    assert look(parameters, tmp_path)["liveness"]["verdict"] == "wrong_server"
    key.write_text("sk-another-key")
    other = look(parameters, tmp_path, api_key_file=str(key))
    assert other["liveness"]["verdict"] == "wrong_server" and "refuses the API key" in other["msg"]


def test_nothing_there(parameters: Parameters, tmp_path: Path, engine: docker.APIClient) -> None:
    found = look(parameters, tmp_path)
    assert found["failed"] and found["liveness"]["verdict"] == "absent" and list(tmp_path.iterdir()) == []
    assert set(found["liveness"]) == set(look(parameters, tmp_path, fail_on=[])["liveness"])
    away = look({**parameters, "docker_host": "tcp://127.0.0.1:1"}, tmp_path)
    assert away["failed"] and away["liveness"]["verdict"] == "unreachable"
    assert "systemctl start docker" in away["liveness"]["remedy"]


def test_a_container_that_was_never_started(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    assert vllm_container({**parameters, "state": "present"})["changed"]
    server = look(parameters, tmp_path)["liveness"]
    assert (server["verdict"], server["status"]) == ("dead", "created") and "never started" in server["sentence"]


@contextlib.contextmanager
def answering(port: int, silent: bool = False) -> Iterator[None]:
    """Have a program that is no vLLM listen: it knows no page, or it never answers."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if silent:
                over.wait()
            self.send_error(404)

        def log_message(self, *arguments: Any) -> None: ...

    socketserver.TCPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
