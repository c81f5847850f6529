"""The module vllm_image and a registry: pulled, found again, refused when it is another one, through a mirror."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from image_harness import Images, Registry, serving

OTHER = "sha256:" + "0" * 64


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    """The test's images."""
    made = Images(engine, tmp_path / "state")
    yield made
    made.clear()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry."""
    with serving(tmp_path / "registry") as found:
        yield found


@pytest.fixture
def pushed(images: Images, registry: Registry) -> tuple[str, str]:
    """An image that is in the registry and no longer here: its id and its digest. `images.name` is its name there."""
    image_id = images.make()
    path = images.name
    digest = registry.put(path, path)
    images.remove()
    images.name = f"{registry.address}/{path}"
    return image_id, digest


def test_pulled_once(images: Images, pushed: tuple[str, str]) -> None:
    image_id, digest = pushed
    told = images.image(check_mode=True)
    assert (told["changed"], told["present"], told["image_id"]) == (True, False, None), told
    assert images.id() == ""
    result = images.image()
    assert result.keys() == told.keys()
    assert (result["changed"], result["pulled"], result["source"]) == (True, True, "registry"), result
    assert (result["image_id"], result["reference"]) == (image_id, images.name)
    assert result["digest"].endswith(f"@{digest}")
    assert (result["layers"], result["diff"]["before"]) == (1, {"state": "absent"})
    again = images.image()
    assert (again["changed"], again["source"], again["image_id"]) == (False, "", image_id)
    assert images.image(check_mode=True)["changed"] is False


@pytest.mark.parametrize("which", [0, 1])
def test_the_expected_one_by_id_or_digest(images: Images, pushed: tuple[str, str], which: int) -> None:
    result = images.image(digest=pushed[which])
    assert result["changed"] and result["image_id"] == pushed[0] == images.id(), result
    assert images.image(digest=pushed[which])["changed"] is False


def test_another_one_than_expected(images: Images, engine: docker.APIClient, pushed: tuple[str, str]) -> None:
    before = images.make()
    begin = time.time()
    result = images.image(digest=OTHER)
    assert result["failed"] and OTHER in result["msg"] and pushed[1] in result["msg"], result
    assert "as they were before" in result["msg"] and images.id() == before
    assert images.id(pushed[0]) == "", "what was refused is gone"
    events = engine.events(since=begin, until=time.time(), decode=True, filters={"event": ["pull", "tag"]})
    touched = [event["Actor"]["ID"] for event in events if images.prefix in event["Actor"]["ID"]]
    assert touched == [f"{images.name.rpartition(':')[0]}@{pushed[1]}"], "it never bore the name"
    assert images.image(digest=OTHER, pull="never")["failed"] and images.id() == before


def test_the_tag_has_moved(images: Images, registry: Registry, pushed: tuple[str, str]) -> None:
    assert images.image()["image_id"] == pushed[0]
    path = images.name.partition("/")[2]
    fresh = images.make(path)
    digest = registry.put(path, path)
    images.remove(path)
    assert images.image()["changed"] is False
    assert images.image(pull="always", check_mode=True)["changed"] is True and images.id() == pushed[0]
    refused = images.image(digest=pushed[1], pull="always")
    assert refused["failed"] and "Nothing was pulled" in refused["msg"] and digest in refused["msg"], refused
    result = images.image(pull="always")
    assert (result["changed"], result["image_id"]) == (True, fresh) and result["digest"].endswith(digest)
    assert result["diff"]["before"]["image_id"] == pushed[0]
    assert images.image(pull="always")["changed"] is False
    assert images.image(pull="always", check_mode=True)["changed"] is False


def test_by_digest(images: Images, pushed: tuple[str, str]) -> None:
    name = images.name.rpartition(":")[0]
    for wanted in (f"{name}@{pushed[1]}", f"{images.name}@{pushed[1]}"):
        result = images.image(image=wanted)
        assert (result["reference"], result["image_id"]) == (wanted, pushed[0]), result
        assert images.image(image=wanted)["changed"] is False
    assert images.id() == "", "the tag was not asked for"


def test_through_a_mirror(images: Images, registry: Registry, pushed: tuple[str, str]) -> None:
    images.name = images.name.partition("/")[2]
    result = images.image(mirror=registry.address, digest=pushed[1])
    assert (result["changed"], images.id(), result["reference"]) == (True, pushed[0], images.name), result
    assert result["digest"] == f"{registry.address}/{images.name.rpartition(':')[0]}@{pushed[1]}"
    assert images.image(mirror=registry.address, digest=pushed[1])["changed"] is False
    images.remove(pushed[0])
    assert images.image(mirror=registry.address)["image_id"] == pushed[0], "without an expectation too"


@pytest.mark.parametrize("tag", ["", ":1"])
def test_by_digest_through_a_mirror(images: Images, registry: Registry, pushed: tuple[str, str], tag: str) -> None:
    wanted = images.name.partition("/")[2].rpartition(":")[0] + f"{tag}@{pushed[1]}"
    result = images.image(image=wanted, mirror=registry.address)
    assert result["changed"] and images.id(result["reference"]) == pushed[0], result
    again = images.image(image=wanted, mirror=registry.address)
    assert (again["changed"], again["reference"]) == (False, result["reference"])


def test_what_a_registry_does_not_give(images: Images, pushed: tuple[str, str], registry: Registry) -> None:
    missing = images.image(image=images.name.rpartition(":")[0] + ":2")
    assert missing["failed"] and "check the image's name and tag" in missing["remedy"], missing
    away = images.image(image="127.0.0.1:1/x/y:1")
    assert away["failed"] and "cannot be reached" in away["cause"], away
    never = images.image(pull="never")
    assert never["failed"] and "pull is never" in never["msg"], never
    for wrong in ({"image": "Upper/Case:1"}, {"digest": "sha256:1"}, {"mirror": "http://x"}):
        assert images.image(**wrong)["failed"]


def test_reported_and_absent(images: Images, engine: docker.APIClient, prefix: str) -> None:
    assert images.image(state="reported")["present"] is False
    image_id = images.make(changes=['CMD ["x"]', "USER someone"])
    told = images.image(state="reported")
    assert (told["changed"], told["present"], told["image_id"]) == (False, True, image_id)
    assert (told["cmd"], told["user"], told["digest"], told["size"]) == (["x"], "someone", "", 1000)
    container = engine.create_container(images.name, name=prefix)
    used = images.image(state="absent")
    assert used["failed"] and prefix in used["msg"] and images.id() == image_id
    engine.remove_container(container)
    assert images.image(state="absent", check_mode=True)["changed"] and images.id() == image_id
    assert images.image(state="absent")["changed"] and images.id() == ""
    assert images.image(state="absent")["changed"] is False
