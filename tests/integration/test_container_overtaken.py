"""Another controller works on the same server at the same time: it takes away, or holds, what this one needs next."""

from __future__ import annotations

from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _lifecycle
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine
from conftest import Parameters, Result, Run


def once_before(monkeypatch: pytest.MonkeyPatch, method: str, other: Any, times: int = 1) -> list[Any]:
    """Have something done before the first calls of a method of the engine; returns the arguments of those calls."""
    real, calls = getattr(Engine, method), []

    def call(self: Engine, *arguments: Any) -> Any:
        if len(calls) < times:
            calls.append(arguments)
            other(*arguments)
        return real(self, *arguments)

    monkeypatch.setattr(Engine, method, call)
    return calls


def names(engine: docker.APIClient, parameters: Parameters) -> list[str]:
    found = engine.containers(all=True, filters={"name": parameters["name"]})
    return [name for container in found for name in container["Names"]]


@pytest.mark.parametrize("method", ["rename", "start"])
def test_its_new_container_is_removed(
    method: str, parameters: Parameters, vllm_container: Run, engine: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = once_before(monkeypatch, method, lambda container, *_more: engine.remove_container(container, force=True))
    result = vllm_container(parameters)
    assert (len(calls), result.get("msg"), result["changed"]) == (1, None, True)
    assert names(engine, parameters) == [f"/{parameters['name']}"]
    assert vllm_container(parameters)["changed"] is False


def test_the_name_of_its_new_container_is_taken(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(
        monkeypatch, "create", lambda name, _config: engine.create_container(parameters["image"], ["--help"], name=name)
    )
    result = vllm_container(parameters)
    assert (result.get("msg"), result["changed"]) == (None, True)
    assert names(engine, parameters) == [f"/{parameters['name']}"]


def test_what_shall_be_absent_is_removed_by_another(
    parameters: Parameters,
    started: Result,
    vllm_container: Run,
    engine: docker.APIClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once_before(monkeypatch, "remove", lambda container: engine.remove_container(container, force=True))
    result = vllm_container({**parameters, "state": "absent"})
    assert (result.get("msg"), result["changed"], names(engine, parameters)) == (None, True, [])


def test_it_does_not_go_on_for_ever(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lifecycle, "_PAUSE", (0.0, 0.0))
    calls = once_before(monkeypatch, "start", lambda container: engine.remove_container(container, force=True), 100)
    result = vllm_container(parameters)
    assert len(calls) == 5 and result["failed"] and result["changed"]
    assert "No such container" in result["msg"]
