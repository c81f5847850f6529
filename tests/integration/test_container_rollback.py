"""A description that proved good is kept, and a later one can be taken back by one option."""

from __future__ import annotations

import docker
from conftest import Parameters, Run, simulated


def arguments(engine: docker.APIClient, name: str) -> list[str]:
    return list(engine.inspect_container(name)["Config"]["Cmd"])


def test_back_to_what_was_accepted_and_no_further(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    good = parameters
    bad = {**parameters, "arguments": [*parameters["arguments"], "--max-model-len", "4096"], "labels": {"new": "yes"}}
    assert not vllm_container(good).get("failed")
    assert vllm_container({**good, "state": "accepted"})["actions"] == ["accept"]
    assert not vllm_container({**good, "state": "accepted"})["changed"]
    assert vllm_container(bad)["drift"] == ["arguments", "labels"]

    told = vllm_container({**bad, "rollback": True}, check_mode=True)
    assert told["changed"] and arguments(engine, parameters["name"]) == bad["arguments"]
    back = vllm_container({**bad, "rollback": True})
    assert back["drift"] == ["arguments", "labels"] and back["rolled_back_to"] == told["rolled_back_to"]
    assert arguments(engine, parameters["name"]) == good["arguments"]
    assert not vllm_container({**bad, "rollback": True})["changed"], "asked for again, it stays where it is"


def test_a_bad_description_that_was_accepted_is_taken_back_as_well(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient
) -> None:
    bad = {**parameters, "environment": simulated(start_seconds=0.1)}
    for wanted in (parameters, bad):
        assert not vllm_container(wanted).get("failed")
        assert not vllm_container({**wanted, "state": "accepted"}).get("failed")
    assert vllm_container({**bad, "rollback": True})["drift"] == ["environment"]
    assert not vllm_container({**bad, "rollback": True})["changed"]
    assert not vllm_container(parameters)["changed"], "it is the first description again"


def test_a_moved_tag_does_not_hinder(
    parameters: Parameters, vllm_container: Run, engine: docker.APIClient, prefix: str
) -> None:
    tag = f"{prefix}-image:moving"
    scratch = engine.create_container(parameters["image"], name=f"{prefix}-scratch")
    try:
        engine.tag(parameters["image"], *tag.split(":"))
        wanted = {**parameters, "image": tag}
        first = vllm_container(wanted)
        assert not vllm_container({**wanted, "state": "accepted"}).get("failed")
        engine.commit(scratch, *tag.split(":"), changes="LABEL moved=yes")
        assert "image_id" in vllm_container(wanted)["drift"]
        back = vllm_container({**wanted, "labels": {"new": "yes"}, "rollback": True})
        assert back["server"]["image_digest"] == first["server"]["image_digest"]
        assert "image_id" in back["drift"]
    finally:
        vllm_container({**parameters, "state": "absent"})
        engine.remove_image(tag, force=True)


def test_nothing_to_go_back_to(parameters: Parameters, vllm_container: Run, engine: docker.APIClient) -> None:
    result = vllm_container({**parameters, "rollback": True})
    assert result["failed"] and "found none; nothing was changed" in result["msg"]
    assert not engine.containers(all=True, filters={"name": parameters["name"]})
    vllm_container(parameters)
    vllm_container({**parameters, "state": "accepted"})
    result = vllm_container({**parameters, "rollback": True})
    assert result["failed"] and "found only the wanted one" in result["msg"]


def test_only_what_runs_as_described_is_accepted(parameters: Parameters, vllm_container: Run) -> None:
    result = vllm_container({**parameters, "state": "accepted"})
    assert result["failed"] and "but it is absent; deploy it" in result["msg"]
    vllm_container(parameters)
    result = vllm_container({**parameters, "labels": {"a": "b"}, "state": "accepted"})
    assert result["failed"] and "but it differs in labels; deploy it" in result["msg"]
    vllm_container({**parameters, "state": "stopped"})
    result = vllm_container({**parameters, "state": "accepted"})
    assert result["failed"] and "but it is exited" in result["msg"]
