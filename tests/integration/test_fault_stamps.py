# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small files that a host keeps are spoiled in every way: nothing is taken for true that they do not say."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest
from conftest import Parameters, Result, Run, Seen, simulated
from image_harness import Images
from liveness import look

# What a crash, a full disk, a bad disk, and somebody's hand leave.
SPOILED = [b"", b"{", b"\xff\xfe\x00\x01", b"null", b"[1]", b'"text"', b'{"a": 1}', b'[{"sha256": 1}]']


@pytest.mark.fault(
    kind="corrupted stamp",
    stage="serve",
    fault="the descriptions that proved good are torn, emptied, or overwritten with something else",
    sees="accepted … found none",
    kept="the server, which goes on serving",
    next_run="keeps the next description that proves good, and goes back to that",
)
def test_descriptions_that_proved_good(
    started: Result, parameters: Parameters, vllm_container: Run, engine: docker.APIClient, seen: Seen
) -> None:
    assert vllm_container({**parameters, "state": "accepted"})["changed"]
    path = Path(parameters["state_path"]) / parameters["name"] / "accepted.json"
    before = engine.inspect_container(parameters["name"])["Id"]
    for content in SPOILED:
        path.write_bytes(content)
        assert vllm_container(parameters)["changed"] is False, content
        failed = vllm_container({**parameters, "rollback": True})
        assert failed.get("failed"), content
        assert "Traceback" not in json.dumps(failed), content
    seen(failed["msg"])
    assert engine.inspect_container(parameters["name"])["Id"] == before
    assert vllm_container({**parameters, "state": "accepted"})["changed"]
    other = {**parameters, "environment": simulated(seed=7)}
    assert vllm_container(other)["changed"]
    assert vllm_container({**other, "rollback": True})["changed"]


@pytest.mark.fault(
    kind="corrupted stamp",
    stage="status",
    fault="what is remembered of a server's restarts, or of its start, is torn or overwritten",
    sees="idle, 0 restarts",
    kept="the server, which goes on serving",
    next_run="remembers anew",
)
def test_what_is_remembered_of_a_server(
    started: Result, parameters: Parameters, vllm_container: Run, seen: Seen
) -> None:
    state = Path(parameters["state_path"])
    assert look(parameters, state)["liveness"]["verdict"] == "idle"
    for file in ("liveness.json", "start.json"):
        for content in SPOILED:
            (state / parameters["name"] / file).write_bytes(content)
            found = look(parameters, state)
            assert not found.get("failed"), (file, content)
            again = vllm_container(parameters)
            assert (again.get("failed"), again["changed"]) == (None, False), (file, content, again)
    seen(f"{found['liveness']['verdict']}, {found['liveness']['restarts']} restarts")


@pytest.mark.slow
@pytest.mark.fault(
    kind="corrupted stamp",
    stage="images",
    fault="what is known of images, such as their vLLM's version, is torn or overwritten",
    sees="vLLM 0.32.0+simulator",
    kept="the image",
    next_run="nothing: this run read it in the image again",
)
def test_what_is_known_of_an_image(engine: docker.APIClient, simulator_image: str, tmp_path: Path, seen: Seen) -> None:
    images = Images(engine, tmp_path / "state")
    wanted = {"image": simulator_image, "pull": "never", "version": "read"}
    image_id = images.image(**wanted)["image_id"]
    spoiled = [*SPOILED, json.dumps({image_id: 7}).encode(), json.dumps({image_id: {"vllm_version": 7}}).encode()]
    for content in spoiled:
        (images.state / "images.json").write_bytes(content)
        result = images.image(**wanted)
        assert result.get("vllm_version") == "0.32.0+simulator", (content, result)
    seen(f"vLLM {result['vllm_version']}")
    assert json.loads((images.state / "images.json").read_text())[image_id]["vllm_version"] == "0.32.0+simulator"
