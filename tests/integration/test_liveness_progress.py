"""Servers that live: idle, busy, prefilling; and one that only seems to."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import docker
import pytest
from conftest import Parameters, Run, Seen, simulated
from liveness import asking, look, signal_engine


def begin(vllm_container: Run, parameters: Parameters, **configuration: object) -> Parameters:
    """Start a server so configured."""
    wanted = {**parameters, "environment": simulated(**configuration)}
    started = vllm_container(wanted)
    assert not started.get("failed"), started["msg"]
    return wanted


def test_an_idle_server_answers_a_probe(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    begin(vllm_container, parameters)
    server = look(parameters, tmp_path, window=30)["liveness"]
    assert server["watched_seconds"] < 15, "a probe that is answered ends the watch"
    assert (server["verdict"], server["healthy"], server["probe"]) == ("idle", True, "answered")
    assert (server["requests_running"], server["generation_tokens_per_second"], server["kv_cache_usage"]) == (0, 0, 0)
    assert (server["status"], server["restart_policy"], server["restarts"]) == ("running", "unless-stopped", 0)
    assert server["log"] == [] and server["uptime_seconds"] > 0
    assert look(parameters, tmp_path, probe=False)["liveness"]["probe"] == "unused"


def test_a_busy_server_is_not_probed(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    begin(vllm_container, parameters, latency_seconds=5.0)
    with asking(parameters["port"], clients=3):
        server = look(parameters, tmp_path)["liveness"]
    assert (server["verdict"], server["probe"], server["requests_running"]) == ("busy", "unused", 3)
    assert server["generation_tokens_per_second"] > 0 and 0 < server["kv_cache_usage"] < 1
    assert server["watched_seconds"] < 3


def test_a_long_prefill_is_not_dead(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    """Longer than nothing may stand still: but the KV cache fills."""
    wanted = {**parameters, "timeout": 20}
    begin(vllm_container, wanted, prefill_seconds=6.0)
    with asking(parameters["port"]):
        server = look(parameters, tmp_path, window=4, stall_seconds=1)["liveness"]
    assert (server["verdict"], server["requests_running"], server["probe"]) == ("prefilling", 1, "unused")
    assert server["generation_tokens_per_second"] == 0


@pytest.mark.fault(
    kind="engine hangs",
    stage="status",
    fault="vLLM's engine is stopped with SIGSTOP under requests, and /health answers 200",
    sees="is stopped by a signal (T) … kill -CONT",
    kept="the server, untouched",
    next_run="tells the same until it goes on",
)
def test_an_engine_that_hangs_with_requests(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, engine: docker.APIClient, seen: Seen
) -> None:
    begin(vllm_container, parameters, latency_seconds=5.0)
    with asking(parameters["port"], clients=2):
        container = engine.inspect_container(parameters["name"])
        pid = signal_engine(container, signal.SIGSTOP)
        found = look(parameters, tmp_path)
        assert found["failed"] and "stuck" in found["msg"]
        server = found["liveness"]
        seen(found["msg"])
        assert (server["verdict"], server["requests_running"], server["healthy"]) == ("stuck", 2, False)
        assert "/health answers 200" in server["sentence"]
        assert f"(process {pid}) is stopped by a signal (T)" in server["sentence"]
        assert f"kill -CONT {pid}" in server["remedy"] and f"kill -CONT {pid}" in found["msg"]
        assert {"pid": pid, "name": "VLLM::EngineCor", "state": "T", "waits_in": None} in server["processes"]
        assert any("Application startup complete" in line for line in server["log"])
        signal_engine(container, signal.SIGCONT)
        assert look(parameters, tmp_path, window=6)["liveness"]["verdict"] == "busy"


def test_an_engine_that_hangs_without_requests(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    """Its counters say what an idle engine's say: only a probe finds out."""
    begin(vllm_container, parameters, faults=[{"kind": "stuck", "after_requests": 1}])
    time.sleep(0.2)
    assert look(parameters, tmp_path, probe=False)["liveness"]["verdict"] == "idle"
    server = look(parameters, tmp_path)["liveness"]
    assert (server["verdict"], server["requests_running"], server["probe"]) == ("stuck", 0, "waiting")
    assert server["watched_seconds"] >= 3
    assert not look(parameters, tmp_path, fail_on=[]).get("failed")


@pytest.mark.fault(
    kind="container paused",
    stage="status",
    fault="the container of a serving server is paused",
    sees="stuck, paused: … docker unpause",
    kept="the server, untouched",
    next_run="tells the same until it goes on",
)
def test_a_paused_container(
    parameters: Parameters, vllm_container: Run, tmp_path: Path, engine: docker.APIClient, seen: Seen
) -> None:
    begin(vllm_container, parameters)
    engine.pause(parameters["name"])
    server = look(parameters, tmp_path)["liveness"]
    engine.unpause(parameters["name"])
    assert (server["verdict"], server["status"]) == ("stuck", "paused")
    assert "docker unpause" in server["remedy"]
    seen(f"{server['verdict']}, {server['status']}: {server['remedy']}")
