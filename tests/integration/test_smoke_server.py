"""vllm_smoke against a simulated server in a real container."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODEL, Parameters, Result, Run, Seen, simulated
from smoke_client import CHECKS, failed, smoke, wait_until_listed

Start = Callable[..., str]


@pytest.fixture
def start(parameters: Parameters, vllm_container: Run) -> Start:
    """Start a server with these faults and settings, wait until it lists its model, and return its endpoint."""

    def run(*faults: dict[str, Any], **configuration: Any) -> str:
        parameters["environment"] = simulated(faults=list(faults), **configuration)
        # Such a server may never get ready, so it is not waited for.
        started = vllm_container({**parameters, "wait": False})
        assert not started.get("failed"), started["msg"]
        endpoint = f"http://127.0.0.1:{parameters['port']}/v1"
        wait_until_listed(endpoint)
        return endpoint

    return run


def test_a_good_server(started: Result) -> None:
    result = smoke(started["server"]["endpoint"])
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is False
    assert (result["simulated"], result["vllm_version"]) == (True, "0.32.0+simulator")
    assert [check["name"] for check in result["checks"]] == CHECKS
    assert all(check["ok"] and not check["skipped"] for check in result["checks"])
    assert "Paris" in result["checks"][1]["detail"]
    assert result["usage"]["completion_tokens"] > 0
    assert 0 < result["reasoning_tokens"]["low"] < result["reasoning_tokens"]["high"]


@pytest.mark.parametrize("version", ["0.10.1+gptoss", "0.10.2", "0.11.2", "0.16.0", "0.22.1"])
def test_good_servers_of_other_versions(start: Start, version: str) -> None:
    result = smoke(start(version=version))
    assert failed(result) == {}
    assert result["vllm_version"] == f"{version}+simulator"


def test_another_model_is_served(started: Result) -> None:
    result = smoke(started["server"]["endpoint"], model="openai/gpt-oss-120b")
    assert result["failed"]
    assert f"the server lists {MODEL}" in result["msg"]
    assert list(failed(result)) == ["models"]


def test_an_answer_without_sense(started: Result) -> None:
    result = smoke(started["server"]["endpoint"], expect="Atlantis", reasoning_efforts=["low"])
    assert "4 of 11 checks" in result["msg"]
    assert result["msg"].count("expected 'Atlantis' in the answer") == 4


@pytest.mark.parametrize("kind", ["empty", "gibberish", "status"])
def test_faults_are_seen(start: Start, kind: str) -> None:
    fault = {"kind": kind, "status": 503} if kind == "status" else {"kind": kind}
    result = smoke(start(fault), reasoning_efforts=["low"])
    assert result["failed"]
    assert [check["ok"] for check in result["checks"][:5]] == [True, False, False, False, False]


def test_faults_of_all_replies(start: Start) -> None:
    result = smoke(start({"kind": "error_as_200"}))
    wanted = [name for name in CHECKS if name not in ("models", "chat prompt tokens", "responses prompt tokens")]
    assert list(failed(result)) == wanted


@pytest.mark.fault(
    kind="server fault",
    stage="smoke",
    fault="the server takes requests and never ends its replies",
    sees="no whole reply … timeout 2 s",
    kept="the server, untouched",
    next_run="tests it again",
)
def test_a_hung_server_takes_one_timeout(start: Start, seen: Seen) -> None:
    begun = time.monotonic()
    result = smoke(start({"kind": "stall"}), timeout=2, concurrency=4)
    assert time.monotonic() - begun < 20
    assert len(failed(result)) == 4
    assert sum(check["skipped"] for check in result["checks"]) > 10
    seen(result["msg"])
    assert "no whole reply" in result["msg"] and "timeout 2 s" in result["msg"]


def test_a_key_is_wanted(parameters: Parameters, vllm_container: Run, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("the-key-of-this-test\n")
    started = vllm_container({**parameters, "api_key_file": str(key_file)})
    assert not started.get("failed"), started["msg"]
    endpoint = started["server"]["endpoint"]
    result = smoke(endpoint, api_key_file=str(key_file), reasoning_efforts=["low"])
    assert failed(result) == {}
    assert [check["detail"] for check in result["checks"] if check["name"] == "key required"] == ["Unauthorized"]
    assert "the-key-of-this-test" not in json.dumps(result)
    assert "status 401" in smoke(endpoint)["msg"]


def test_an_open_server_that_should_want_a_key(started: Result, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("the-key-of-this-test\n")
    result = smoke(started["server"]["endpoint"], api_key_file=str(key_file), reasoning_efforts=["low"])
    assert list(failed(result)) == ["key required"]
    assert "expected status 401 for a request without a key, found 200" in result["msg"]


def test_no_server(free_port: Any) -> None:
    result = smoke(f"http://127.0.0.1:{free_port()}/v1")
    assert result["failed"]
    assert (result["checks"], result["vllm_version"]) == ([], None)
    assert "could not start" in result["msg"]
    assert "start the server, or correct base_url" in result["msg"]
