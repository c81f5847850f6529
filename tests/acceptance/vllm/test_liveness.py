"""Whether real vLLM is told busy from dead: on a server of its own, as at the end it is killed.

run.sh sets the variables of the environment; the managed environment must be there (a deploy makes it).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fleet import IMAGE, MODEL, PORT, SERVER, STATE, docker, module, step

NAME = f"{SERVER}-liveness"
TINY_MODEL = os.environ["ACCEPTANCE_MODEL"]
# Long enough for a prefill of several seconds, in steps so short that each is seen.
ARGUMENTS = (
    f"/model --served-model-name {MODEL} --host 0.0.0.0 --port 8000 --enforce-eager --dtype bfloat16 "
    "--max-model-len 65536 --max-num-batched-tokens 512"
)
LONG_PROMPT = "the quick brown fox " * 14000
WANTED: dict[str, Any] = {
    "name": NAME,
    "image": IMAGE,
    "pull": "never",
    "model": MODEL,
    "arguments": ARGUMENTS.split(),
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
    "volumes": [f"{TINY_MODEL}:/model:ro"],
    "port": PORT + 7,
    "gpus": "none",
    "ipc_mode": "private",
    "shm_size": "1g",
    "restart_policy": "no",
    "timeout": 900,
}


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    result = module("vllm_container", WANTED, "start a server to be watched")
    assert "server" in result, result.get("msg")
    yield
    docker("rm", "--force", NAME)


def look(label: str, **options: Any) -> dict[str, Any]:
    arguments = {"name": NAME, "port": PORT + 7, "model": MODEL, "state_path": str(STATE / "liveness"), **options}
    result = module("vllm_liveness", arguments, label)
    assert result.get("changed", False) is False
    found: dict[str, Any] = result["liveness"]
    step(f"{label}: {found['verdict']}, {found['sentence']}", found["watched_seconds"])
    return found


def get(path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT + 7, timeout=5)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def health() -> int:
    return get("/health")[0]


def running() -> float:
    line = next(line for line in get("/metrics")[1].splitlines() if line.startswith("vllm:num_requests_running{"))
    return float(line.rpartition(" ")[2])


@contextlib.contextmanager
def generating(prompt: str, max_tokens: int) -> Iterator[Callable[[], bool]]:
    """Have one completion in flight; yields what tells whether it is over. Its client leaves at the end."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT + 7, timeout=600)
    body = {"model": MODEL, "prompt": prompt, "max_tokens": max_tokens, "ignore_eos": True}
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})

    def read() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, AttributeError, ValueError):
            connection.getresponse().read()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    end = time.monotonic() + 60
    while not running():
        assert time.monotonic() < end, "the request was not taken"
        time.sleep(0.05)
    try:
        yield lambda: not reader.is_alive()
    finally:
        if connection.sock is not None:
            connection.sock.shutdown(2)
        connection.close()
        reader.join(10)


def engine_pid() -> int:
    """The engine's process, by its id on this host."""
    rows = [line.split() for line in docker("top", NAME, "-eo", "pid,comm").splitlines()[1:]]
    return next(int(pid) for pid, name, *_rest in rows if name == "VLLM::EngineCor")


def test_an_idle_server_answers() -> None:
    found = look("idle server")
    assert (found["verdict"], found["probe"], found["requests_running"], found["restarts"]) == (
        "idle",
        "answered",
        0,
        0,
    )


def test_a_busy_server_is_not_asked() -> None:
    with generating("Hi", 60000):
        found = look("busy server")
    assert (found["verdict"], found["probe"], found["requests_running"]) == ("busy", "unused", 1)
    assert found["generation_tokens_per_second"] > 1 and found["kv_cache_usage"] > 0


def test_a_long_prefill_is_not_dead() -> None:
    """No token is counted for longer than the engine may stand still, but the KV cache fills."""
    with generating(LONG_PROMPT, 4) as is_over:
        found = look("long prefill", window=3, stall_seconds=2)
        assert not is_over(), "the prompt was too short for this machine"
    assert (found["verdict"], found["generation_tokens_per_second"], found["probe"]) == ("prefilling", 0, "unused")


def test_a_stopped_engine_is_stuck_though_health_is_200() -> None:
    with generating("Hi", 60000):
        pid = engine_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            found = look("engine stopped under a request", stall_seconds=8)
            assert health() == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        assert (found["verdict"], found["requests_running"]) == ("stuck", 1)
        assert f"VLLM::EngineCor (process {pid}) is stopped by a signal (T)" in found["sentence"]
        assert f"kill -CONT {pid}" in found["remedy"]
        assert any(row["name"] == "VLLM::Worker" for row in found["processes"]) and found["log"]
        assert look("engine goes on")["verdict"] == "busy"


def test_an_engine_that_was_stopped_while_idle_is_found_by_the_probe() -> None:
    pid = engine_pid()
    end = time.monotonic() + 60
    while running():
        assert time.monotonic() < end, "the request of a client that left was not given up"
        time.sleep(0.05)
    os.kill(pid, signal.SIGSTOP)
    try:
        silent = look("engine stopped while idle, not asked", probe=False)
        found = look("engine stopped while idle", stall_seconds=8)
        assert health() == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    assert silent["verdict"] == "idle", "the counters of an engine that hangs are those of an idle one"
    assert (found["verdict"], found["requests_running"], found["probe"]) == ("stuck", 0, "waiting")
    assert look("engine goes on")["verdict"] == "idle"


def test_a_killed_engine_is_dead_and_ends_with_0() -> None:
    os.kill(engine_pid(), signal.SIGKILL)
    found = look("engine killed")
    assert found["verdict"] == "dead", found
    end = time.monotonic() + 60
    while docker("inspect", "--format", "{{.State.Running}}", NAME) == "true":
        assert time.monotonic() < end, "the server outlived its engine"
        time.sleep(0.2)
    found = look("after its end")
    assert (found["verdict"], found["status"], found["exit_code"]) == ("dead", "exited", 0)
    assert found["diagnosis"] == "engine_died" and found["log"]
