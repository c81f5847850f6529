"""vllm_smoke against a simulated server in a real container."""

from __future__ import annotations

import contextlib
import io
import json
import time
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_smoke
from conftest import MODEL, Parameters, Result, Run, simulated


def smoke(endpoint: str, **options: Any) -> Result:
    """Run the module in this process; returns its result, failed or not."""
    output = io.StringIO()
    arguments = {"base_url": endpoint, "model": MODEL, "timeout": 10, **options}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        vllm_smoke.main()
    return dict(json.loads(output.getvalue()))


def test_a_good_server(started: Result) -> None:
    result = smoke(started["server"]["endpoint"])
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is False
    assert result["simulated"] is True
    assert [check["ok"] for check in result["checks"]] == [True] * 10
    assert "Paris" in result["checks"][1]["detail"]
    assert result["usage"]["completion_tokens"] > 0


def test_another_model_is_served(started: Result) -> None:
    result = smoke(started["server"]["endpoint"], model="openai/gpt-oss-120b")
    assert result["failed"]
    assert f"the server lists {MODEL}" in result["msg"]


def test_an_answer_without_sense(started: Result) -> None:
    result = smoke(started["server"]["endpoint"], expect="Atlantis", reasoning_efforts=["low"])
    assert "3 of 4 checks" in result["msg"]
    assert result["msg"].count("expected 'Atlantis' in the answer") == 3


@pytest.mark.parametrize("kind", ["empty", "gibberish", "status"])
def test_faults_are_seen(parameters: Parameters, vllm_container: Run, kind: str) -> None:
    fault = {"kind": kind, "status": 503} if kind == "status" else {"kind": kind}
    # Such a server never gets ready, so it is not waited for.
    parameters["environment"] = simulated(faults=[fault])
    started = vllm_container({**parameters, "wait": False})
    assert not started.get("failed"), started["msg"]
    endpoint = f"http://127.0.0.1:{parameters['port']}/v1"
    _wait_until_listed(endpoint)
    result = smoke(endpoint, reasoning_efforts=["low"])
    assert result["failed"]
    assert [check["ok"] for check in result["checks"]] == [True, False, False, False]


def _wait_until_listed(endpoint: str) -> None:
    for _attempt in range(100):
        try:
            Api(endpoint, timeout=0.2).models()
            return
        except ApiError:
            time.sleep(0.1)
    raise AssertionError("the server never listed its model")


def test_no_server(free_port: Any) -> None:
    result = smoke(f"http://127.0.0.1:{free_port()}/v1")
    assert result["failed"]
    assert "could not start" in result["msg"]
    assert "start the server, or correct base_url" in result["msg"]
