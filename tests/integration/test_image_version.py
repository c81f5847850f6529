"""The module vllm_image reads vLLM's version inside the image: once, and without leaving anything behind."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _image_version
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_version import LABEL
from image_harness import Images


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    """The test's images."""
    made = Images(engine, tmp_path / "state")
    yield made
    made.clear()


def containers(engine: docker.APIClient, image_id: str) -> list[dict[str, Any]]:
    return list(engine.containers(all=True, filters={"label": f"{LABEL}={image_id}"}))


def asked(engine: docker.APIClient, image_id: str, since: float) -> int:
    """Return how many containers were started to ask an image for its version."""
    filters = {"label": f"{LABEL}={image_id}", "event": "start"}
    return sum(1 for _event in engine.events(since=since, until=time.time(), decode=True, filters=filters))


WITHOUT_METADATA = """
import importlib.metadata, shutil
shutil.rmtree(importlib.metadata.distribution("vllm")._path)
"""


def derived(engine: docker.APIClient, base: str, name: str, files: dict[str, str]) -> None:
    """Make an image of the simulator's without its metadata, but with files of its own, which are executable."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as root:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o755
            root.addfile(entry, io.BytesIO(text.encode()))
    container = engine.create_container(base, entrypoint=["python3", "-c", WITHOUT_METADATA])
    try:
        engine.start(container)
        engine.wait(container)
        engine.put_archive(container, "/", archive.getvalue())
        repository, _unused, tag = name.rpartition(":")
        engine.commit(container, repository=repository, tag=tag)
    finally:
        engine.remove_container(container)


def test_read_once(images: Images, engine: docker.APIClient, simulator_image: str) -> None:
    wanted = {"image": simulator_image, "pull": "never", "version": "read"}
    told = images.image(**wanted, check_mode=True)
    assert (told["changed"], told["present"], told["vllm_version"]) == (False, True, ""), told
    assert not images.state.exists(), "check mode reads nothing and keeps nothing"
    begin = time.time()
    result = images.image(**wanted)
    assert (result["changed"], result["vllm_version"]) == (False, "0.32.0+simulator"), result
    assert result["entrypoint"] == ["vllm", "serve"]
    kept = json.loads((images.state / "images.json").read_text())
    assert kept == {result["image_id"]: {"vllm_version": "0.32.0+simulator"}}
    again = images.image(**wanted)
    assert again["vllm_version"] == "0.32.0+simulator"
    assert images.image(**wanted, check_mode=True)["vllm_version"] == "0.32.0+simulator"
    assert images.image(**wanted, state="reported")["vllm_version"] == "0.32.0+simulator"
    assert containers(engine, result["image_id"]) == []
    assert asked(engine, result["image_id"], begin) == 1


def test_an_image_with_nothing_in_it(images: Images, engine: docker.APIClient) -> None:
    images.make()
    result = images.image(version="read")
    assert (result.get("failed"), result["vllm_version"]) == (None, ""), result
    required = images.image(version="required")
    assert required["failed"] and "gpt_oss.fleet.vllm_version" in required["remedy"], required
    assert containers(engine, result["image_id"]) == []


def test_an_image_that_tells_by_its_label(images: Images) -> None:
    images.make(changes=["LABEL gpt_oss.fleet.vllm_version=0.33.0"])
    assert images.image(version="required")["vllm_version"] == "0.33.0"


@pytest.mark.parametrize(
    ("files", "version"),
    [
        # python3 is another one than vLLM's, whose command says where it lives.
        (
            {
                "usr/local/bin/vllm": "#!/opt/own/bin/python3\n",
                "opt/own/lib/python3.12/site-packages/vllm-0.31.1.dist-info/METADATA": "Name: vllm\nVersion: 0.31.1\n",
            },
            "0.31.1",
        ),
        # No metadata at all, but a command.
        ({"usr/local/bin/vllm": "#!/bin/sh\necho INFO 11-26 something; echo 0.30.2\n"}, "0.30.2"),
        ({"usr/local/bin/vllm": "#!/bin/sh\necho broken >&2; exit 1\n"}, ""),
    ],
)
def test_an_image_without_metadata_where_python_looks(
    images: Images,
    engine: docker.APIClient,
    simulator_image: str,
    files: dict[str, str],
    version: str,
) -> None:
    derived(engine, simulator_image, images.name, files)
    result = images.image(version="read")
    assert result["vllm_version"] == version, result
    assert f"in {images.name} could not be read" not in str(result.get("warnings"))
    assert containers(engine, result["image_id"]) == []


def test_what_hangs_is_ended_and_asked_again(
    images: Images, engine: docker.APIClient, simulator_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = (("python3", "-c", "import time; time.sleep(300)"), 1.0)
    monkeypatch.setattr(_image_version, "_COMMANDS", (hangs,))
    result = images.image(image=simulator_image, version="read")
    assert (result["vllm_version"], "did not end in 1 s" in str(result["warnings"])) == ("", True), result
    assert containers(engine, result["image_id"]) == []
    monkeypatch.undo()
    assert images.image(image=simulator_image, version="required")["vllm_version"] == "0.32.0+simulator"


def test_a_container_whose_module_was_killed_ends_and_goes_by_itself(
    engine: docker.APIClient, simulator_image: str, prefix: str
) -> None:
    image_id = engine.inspect_image(simulator_image)["Id"]
    python, option, script = _image_version._COMMANDS[0][0]
    hangs = [python, option, re.sub(r"alarm\(\d+\)", "alarm(1)\nimport time; time.sleep(300)", script)]
    assert "sleep" in hangs[-1]
    container = engine.create_container_from_config(_image_version.body(image_id, hangs), prefix)
    engine.start(container)
    deadline = time.monotonic() + 20
    while engine.containers(all=True, filters={"name": prefix}):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_cannot_be_kept_is_a_warning(images: Images, simulator_image: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = images.image(image=simulator_image, version="required", state_path=str(tmp_path / "file" / "x"))
    assert result["vllm_version"] == "0.32.0+simulator"
    assert "cannot be kept" in str(result["warnings"])
