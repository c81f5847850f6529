from __future__ import annotations

import socket
import time
from typing import Any

import docker.errors
import pytest
import requests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import (
    Engine,
    EngineError,
    Watch,
    connect,
    describe,
    image_digest,
)

CONTAINER: dict[str, Any] = {
    "Id": "c1",
    "Name": "/gpt-oss-20b",
    "Image": "sha256:1111",
    "Config": {
        "Image": "vllm/vllm-openai:gptoss",
        "Cmd": ["--model", "m", "--api-key", "k-1"],
        "Labels": {"gpt_oss.fleet.revision": "6cee5e81"},
        "Env": ["PATH=/usr/bin", "HF_TOKEN=hf_1", "VLLM_USE_TRTLLM_ATTENTION=1"],
    },
    "State": {"StartedAt": "2026-11-22T15:24:43Z", "Running": True},
    "HostConfig": {},
}
IMAGE = {"Id": "sha256:1111", "RepoDigests": ["vllm/vllm-openai@sha256:2222"], "Config": {"Env": ["PATH=/usr/bin"]}}


def refusal(status: int) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("refused", response=response, explanation="no such thing")


class FakeClient:
    def __init__(self, **replies: Any) -> None:
        self.replies = replies
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append((name, arguments, options))
            reply = self.replies.get(name)
            if isinstance(reply, Exception):
                raise reply
            return reply

        return call


def engine(**replies: Any) -> Engine:
    return Engine(FakeClient(**replies), "unix:///x")


def test_describe_leaves_secrets_and_the_images_own_out() -> None:
    assert describe(engine(inspect_container=CONTAINER, inspect_image=IMAGE), "gpt-oss-20b") == {
        "id": "c1",
        "image": "vllm/vllm-openai:gptoss",
        "image_digest": "vllm/vllm-openai@sha256:2222",
        "arguments": ["--model", "m", "--api-key", "********"],
        "environment": {"VLLM_USE_TRTLLM_ATTENTION": "1"},
        "started_at": "2026-11-22T15:24:43Z",
        "running": True,
        "revision": "6cee5e81",
    }


def test_describe_when_the_image_is_gone_or_the_container_is() -> None:
    found = describe(engine(inspect_container=CONTAINER, inspect_image=refusal(404)), "c1")
    assert found is not None and found["image_digest"] == "sha256:1111"
    assert describe(engine(inspect_container=refusal(404)), "x") is None


def test_a_name_is_no_prefix_of_an_id() -> None:
    assert engine(inspect_container=CONTAINER).inspect("c") is None


def test_image_digest() -> None:
    assert image_digest({"Id": "sha256:1", "RepoDigests": []}) == "sha256:1"
    assert image_digest({}) == ""


def test_refusals_keep_status_and_words() -> None:
    with pytest.raises(EngineError, match="no such thing") as caught:
        engine(start=refusal(409)).start("c1")
    assert caught.value.status == 409


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("gone"), OSError("gone"), docker.errors.DockerException("gone")]
)
def test_an_engine_that_goes_away(error: Exception) -> None:
    with pytest.raises(EngineError, match="expected a Docker Engine at unix:///x") as caught:
        engine(containers=error).containers()
    assert caught.value.status is None


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "nonsense://x"])
def test_connect_names_host_and_remedy(host: str) -> None:
    with pytest.raises(EngineError, match="start the engine") as caught:
        connect(host)
    assert host in str(caught.value)


def test_an_error_in_the_middle_of_a_pull() -> None:
    lines = [{"status": "Pulling"}, {"error": "manifest unknown"}]
    with pytest.raises(EngineError, match="manifest unknown"):
        engine(pull=iter(lines)).pull("x:1")
    engine(pull=iter(lines[:1])).pull("x:1")


def test_log_lines_whatever_the_chunks() -> None:
    found = list(engine(logs=iter([b"1 a\n2 ", b"b\n", b"3 c"])).log_lines("c1"))
    assert found == ["1 a", "2 b", "3 c"]


def test_the_restart_policy_goes_in_the_engines_shape() -> None:
    client = FakeClient()
    Engine(client, "x").set_restart_policy("c1", "always")
    expected = {"restart_policy": {"Name": "always", "MaximumRetryCount": 0}}
    assert client.calls == [("update_container", ("c1",), expected)]


def test_watch_ends_with_the_stream() -> None:
    ours, theirs = socket.socketpair()
    watch = Watch(ours)
    assert not watch.ended(0.01)
    theirs.send(b"output")
    begin = time.monotonic()
    assert not watch.ended(0.2)
    assert time.monotonic() - begin >= 0.2, "output must not cut the pause short"
    theirs.close()
    assert watch.ended(1.0)
    watch.close()
