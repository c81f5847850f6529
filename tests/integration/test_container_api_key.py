from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from conftest import Parameters, Run, simulated

KEY = "key-that-nobody-sees-4711"


@pytest.fixture
def guarded(parameters: Parameters, tmp_path: Path) -> Parameters:
    file = tmp_path / "api_key"
    file.write_text(f"{KEY}\n")
    return {**parameters, "api_key_file": str(file)}


def test_the_key_guards_and_does_not_show(guarded: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    result = vllm_container(guarded)
    assert not result.get("failed"), result["msg"]
    assert KEY not in json.dumps(result)
    assert KEY not in json.dumps(engine.inspect_container(guarded["name"]))
    assert not vllm_container(guarded)["changed"]
    with pytest.raises(ApiError) as refused:
        Api(result["server"]["endpoint"]).models()
    assert refused.value.status == 401
    assert Api(result["server"]["endpoint"], KEY).models()


def test_the_key_does_not_show_in_a_failure(guarded: Parameters, vllm_container: Run) -> None:
    environment = simulated(faults=[{"kind": "die", "stage": "load", "text": f"FrobError: bad key {KEY}"}])
    result = vllm_container({**guarded, "environment": environment})
    assert result["failed"] and "FrobError: bad key ********" in result["cause"]
    log = json.dumps(result["log"]).replace(json.dumps(environment), "")
    assert KEY not in log and KEY not in result["msg"]


def test_a_changed_key_asks_for_a_restart(guarded: Parameters, vllm_container: Run) -> None:
    assert not vllm_container(guarded).get("failed")
    Path(guarded["api_key_file"]).write_text("another-key\n")
    result = vllm_container(guarded)
    assert result["failed"] and "state: restarted" in result["msg"]
    assert not vllm_container({**guarded, "state": "restarted"}).get("failed")


def test_a_stopped_server_starts_with_the_new_key(
    guarded: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    """As docs/runbook.md says; the file is another one then, as Ansible's copy moves it into place."""
    assert not vllm_container(guarded).get("failed")
    new = Path(guarded["api_key_file"]).with_name("new")
    new.write_text("another-key\n")
    new.replace(guarded["api_key_file"])
    refused = vllm_container(guarded)
    assert (refused["diagnosis"], refused["docs"]) == ("refused", "docs/failures/refused.md"), refused["msg"]
    engine.stop(guarded["name"])
    result = vllm_container(guarded)
    assert not result.get("failed"), result["msg"]
    assert Api(result["server"]["endpoint"], "another-key").models()
    with pytest.raises(ApiError):
        Api(result["server"]["endpoint"], KEY).models()


def test_a_missing_key_file(guarded: Parameters, vllm_container: Run) -> None:
    Path(guarded["api_key_file"]).unlink()
    assert vllm_container(guarded, check_mode=True)["changed"]
    result = vllm_container(guarded)
    assert result["failed"] and guarded["api_key_file"] in result["msg"] and "create it" in result["msg"]
