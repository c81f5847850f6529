from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_run import RunError, own_body, place

IMAGE = {"Id": "sha256:1", "RepoDigests": ["r@sha256:2"], "Config": {"Entrypoint": ["vllm", "serve"], "Env": ["A=1"]}}
PARAMETERS: dict[str, Any] = {
    "name": "s",
    "source": "auto",
    "image": "r:1",
    "gpus": "0,1",
    "gpu_access": "device_requests",
    "devices": ["/dev/nvidia0"],
    "environment": {"A": "1", "HF_TOKEN": "hf_1", "VLLM_X": "1"},
    "volumes": [],
}


class Known:
    """An engine that knows one container and one image."""

    def __init__(self, container: dict[str, Any] | None, image: dict[str, Any] | None) -> None:
        self.container, self._image = container, image

    def inspect(self, name: str) -> dict[str, Any] | None:
        return self.container

    def image(self, reference: str) -> dict[str, Any] | None:
        return self._image


def container(memory: int = 0, **state: Any) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": "/s",
        "Image": "sha256:1",
        "Config": {"Image": "r:0", "Env": ["HF_TOKEN=hf_2"]},
        "HostConfig": {"Memory": memory},
        "State": {"Running": True, "Status": "running", **state},
    }


def engine(found: dict[str, Any] | None, image: dict[str, Any] | None) -> Engine:
    return cast(Engine, Known(found, image))


@pytest.mark.parametrize(
    ("found", "source", "expected"),
    [
        (container(), "auto", "server"),
        (container(), "server", "server"),
        (container(), "image", "image"),
        (container(memory=1), "auto", "image"),
        (container(memory=1), "server", "server"),
        (container(Running=False, Status="exited"), "auto", "image"),
        (container(Paused=True, Status="paused"), "auto", "image"),
        (container(Restarting=True), "auto", "image"),
        (None, "auto", "image"),
    ],
)
def test_where(found: dict[str, Any] | None, source: str, expected: str) -> None:
    where = place(engine(found, IMAGE), {**PARAMETERS, "source": source})
    assert where.source == expected
    assert where.image == ("r:0" if expected == "server" else "r:1")
    assert where.image_digest == "r@sha256:2"


@pytest.mark.parametrize(
    ("found", "image", "parameters", "words"),
    [
        (None, IMAGE, {"source": "server"}, "there is none of that name"),
        (container(Running=False, Status="exited"), IMAGE, {"source": "server"}, "it is exited"),
        (None, None, {}, "expected the image r:1 on this host, found none"),
        (None, IMAGE, {"image": None}, "set image"),
    ],
)
def test_refusals(
    found: dict[str, Any] | None, image: dict[str, Any] | None, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(RunError, match=words):
        place(engine(found, image), {**PARAMETERS, **parameters})


def test_a_container_of_its_own(tmp_path: Path) -> None:
    volumes = [f"{tmp_path}:/root/.cache/huggingface", f"{tmp_path}/none:/x:ro"]
    body = own_body({**PARAMETERS, "volumes": volumes}, IMAGE)
    assert (body["Entrypoint"], body["Cmd"]) == ([""], ["vllm", "collect-env"])
    assert body["Env"] == ["VLLM_X=1"], "no secrets, and nothing that the image has"
    host = body["HostConfig"]
    assert host["DeviceRequests"] == [{"Driver": "", "Count": 0, "DeviceIDs": ["0", "1"], "Capabilities": [["gpu"]]}]
    assert host["Devices"][0]["PathOnHost"] == "/dev/nvidia0"
    # The engine would make the folder that is not there.
    assert host["Mounts"] == [
        {"Type": "bind", "Source": str(tmp_path), "Target": "/root/.cache/huggingface", "ReadOnly": True}
    ]
    assert "Binds" not in host
    assert (host["NetworkMode"], host["PortBindings"], host["RestartPolicy"]["Name"]) == ("none", {}, "no")
    assert "ExposedPorts" not in body


def test_the_command_as_one_would_type_it() -> None:
    assert place(engine(container(), IMAGE), PARAMETERS).command == "docker exec s vllm collect-env"
    own = place(engine(None, IMAGE), {**PARAMETERS, "gpus": "none"}).command
    assert own == 'docker run --rm --network none --entrypoint "" r:1 vllm collect-env'
