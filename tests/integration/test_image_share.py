"""The modules vllm_image_share and vllm_image: an image goes from host to host, whole or not at all."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _image_peer, _image_share
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_server import ImageServer, Shared
from conftest import Seen
from image_harness import Images, another_engine, serving

SIZE = 5_000_000
TOKEN = "token-of-the-tests-own-peer"


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    """The test's images; a share that is left is ended."""
    made = Images(engine, tmp_path / "state")
    yield made
    made.share(state="stopped")
    made.clear()


def peer(share: dict[str, Any]) -> dict[str, Any]:
    return {"source": "peer", "peer": f"http://127.0.0.1:{share['port']}", "peer_token": share["token"]}


def log_of(share: dict[str, Any]) -> str:
    return Path(share["log"]).read_text()


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def saved(engine: docker.APIClient, image_id: str) -> list[bytes]:
    return list(engine.get_image(image_id, chunk_size=1 << 18))


@contextlib.contextmanager
def offering(chunks: Callable[[], Iterator[bytes]], image_id: str, **options: Any) -> Iterator[tuple[str, ImageServer]]:
    """A peer of the test's own, which sends what the test says; the token is TOKEN."""
    server = ImageServer(("127.0.0.1", 0), Shared(image_id, (), SIZE, chunks, **options), TOKEN)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", server
    server.shutdown()
    server.server_close()


def test_shared_and_fetched(images: Images) -> None:
    image_id = images.make(size=SIZE)
    told = images.share(check_mode=True)
    assert (told["changed"], told["share"]["port"], told["share"]["token"]) == (True, None, None), told
    result = images.share()
    share = result["share"]
    assert result["changed"] and share["image_id"] == image_id, result
    token_file = Path(share["token_file"])
    assert token_file.read_text().strip() == share["token"]
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(token_file.parent.stat().st_mode) == 0o700
    again = images.share()
    assert (again["changed"], again["share"]) == (False, share)

    target = f"{images.prefix}/fetched:1"
    fetched = images.image(image=target, **peer(share), digest=image_id)
    assert (fetched["changed"], fetched["source"], fetched["image_id"]) == (True, "peer", image_id), fetched
    assert fetched["bytes_moved"] > SIZE
    assert images.image(image=target, **peer(share), digest=image_id)["changed"] is False
    assert share["token"] not in log_of(share)

    stopped = images.share(state="stopped")
    assert (stopped["changed"], stopped["share"]["token"]) == (True, None)
    assert images.share(state="stopped")["changed"] is False
    assert not token_file.parent.exists()
    refused = images.image(image=f"{images.prefix}/late:1", **peer(share))
    assert refused["failed"] and "could not talk to it" in refused["msg"], refused


def test_the_image_itself_goes_and_comes(images: Images, engine: docker.APIClient) -> None:
    """With one engine only, what the share sends is kept, and sent again when the image is gone."""
    image_id = images.make(size=SIZE)
    chunks = saved(engine, image_id)
    images.remove()
    assert images.id(image_id) == ""
    with offering(lambda: iter(chunks), image_id) as (url, server):
        result = images.image(source="peer", peer=url, peer_token=TOKEN, digest=image_id)
    assert (result["changed"], result["image_id"], images.id()) == (True, image_id, image_id), result
    assert (server.counters.finished, server.counters.broken) == (1, 0)


def test_from_engine_to_engine(images: Images, simulator_image: str, tmp_path: Path) -> None:
    """The whole way, with a real image: another engine loads it, has the same id, and runs it."""
    with another_engine() as address:
        share = images.share(image=simulator_image)["share"]
        wanted = {
            "image": simulator_image,
            "docker_host": address,
            "state_path": str(tmp_path / "other"),
            "version": "required",
            **peer(share),
            "digest": share["image_id"],
        }
        told = images.image(**wanted, check_mode=True)
        assert (told["changed"], told["present"]) == (True, False), told
        result = images.image(**wanted)
        assert (result["changed"], result["image_id"]) == (True, share["image_id"]), result
        assert result["vllm_version"] == "0.32.0+simulator"
        assert images.image(**wanted)["changed"] is False
        images.share(image=simulator_image, state="stopped")


def test_a_wrong_token(images: Images) -> None:
    images.make()
    share = images.share()["share"]
    target = f"{images.prefix}/fetched:1"
    result = images.image(image=target, **{**peer(share), "peer_token": "wrong"})
    assert result["failed"] and "refuses with status 403" in result["msg"] and images.id(target) == "", result
    for path, headers, status in (
        ("/image", {}, 403),
        ("/image", {"Authorization": share["token"]}, 403),
        ("/etc/passwd", {"Authorization": f"Bearer {share['token']}"}, 404),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", share["port"], timeout=10)
        connection.request("GET", path, headers=headers)
        assert connection.getresponse().status == status
        connection.close()


@pytest.mark.parametrize("sent", [1, 10, 19])
@pytest.mark.fault(
    kind="reset network",
    stage="images",
    fault="an image's transfer from another host breaks off",
    sees="broke off after",
    kept="the engine's images as they were",
    next_run="transfers it anew, or pulls it where peer_fallback allows",
)
def test_a_broken_transfer_leaves_nothing(images: Images, engine: docker.APIClient, sent: int, seen: Seen) -> None:
    image_id = images.make(size=SIZE)
    chunks = saved(engine, image_id)
    images.remove()
    before = {image["Id"] for image in engine.images(all=True)}

    def torn() -> Iterator[bytes]:
        yield from chunks[:sent]
        raise OSError("the cable was pulled")

    assert len(chunks) > sent
    with offering(torn, image_id) as (url, server):
        wanted = {"source": "peer", "peer": url, "peer_token": TOKEN}
        result = images.image(**wanted)
        assert result["failed"] and "broke off after" in result["msg"], result
        assert images.id() == images.id(image_id) == "" and server.counters.broken == 1
        seen(result["msg"])
        assert not {image["Id"] for image in engine.images(all=True)} - before
        pulled = images.image(**wanted, peer_fallback=True)
        assert pulled["failed"] and "expected to pull the image" in pulled["msg"], pulled


def test_another_image_than_announced(images: Images, engine: docker.APIClient) -> None:
    other = f"{images.prefix}/other:1"
    other_id = images.make(other)
    chunks = saved(engine, other_id)
    images.remove(other)
    before = images.make()
    announced = "sha256:" + "1" * 64
    with offering(lambda: iter(chunks), announced) as (url, server):
        wanted = {"source": "peer", "peer": url, "peer_token": TOKEN, "pull": "always"}
        result = images.image(**wanted)
        assert result["failed"] and announced in result["msg"] and other_id in result["msg"], result
        assert (images.id(), images.id(other_id)) == (before, "")
        refused = images.image(**wanted, digest=before[:-4] + "0000")
        assert refused["failed"] and "Nothing was transferred" in refused["msg"], refused


def test_pulled_where_the_peer_fails(images: Images, tmp_path: Path) -> None:
    with serving(tmp_path / "registry") as registry:
        path, image_id = images.name, images.make()
        registry.put(path, path)
        images.remove()
        images.name = f"{registry.address}/{path}"
        wanted = {"source": "peer", "peer": "http://127.0.0.1:1", "peer_token": TOKEN}
        assert images.image(**wanted)["failed"]
        result = images.image(**wanted, peer_fallback=True, digest=image_id)
        assert (result["changed"], result["source"], result["image_id"]) == (True, "registry", image_id), result
        assert "did not come from its peer" in str(result["warnings"])


def test_others_wait_for_their_turn(images: Images, engine: docker.APIClient) -> None:
    image_id = images.make()
    chunks = saved(engine, image_id)
    images.remove()
    go_on = threading.Event()

    def slow() -> Iterator[bytes]:
        yield chunks[0]
        go_on.wait(20)
        yield from chunks[1:]

    with offering(slow, image_id, most_transfers=1) as (url, server):
        connection = http.client.HTTPConnection(url.partition("//")[2], timeout=20)
        connection.request("GET", "/image", headers={"Authorization": f"Bearer {TOKEN}"})
        assert connection.getresponse().status == 200
        wanted = {"source": "peer", "peer": url, "peer_token": TOKEN}
        late = images.image(**wanted, peer_timeout=0)
        assert late["failed"] and "status 503" in late["msg"] and "peer_timeout" in late["msg"], late
        threading.Timer(0.5, go_on.set).start()
        assert images.image(**wanted, peer_timeout=20)["image_id"] == image_id
        connection.close()


def test_ends_when_nobody_asks(images: Images) -> None:
    images.make()
    result = images.share(idle_timeout=0.5)
    folder = Path(result["share"]["token_file"]).parent
    until(lambda: _image_share.running(folder) is None)
    assert not (folder / "token").exists()
    again = images.share()
    assert again["changed"] and again["share"]["token"] != result["share"]["token"]


def test_shared_anew_when_it_is_another_image_or_way(images: Images) -> None:
    images.make()
    first = images.share()["share"]
    fresh = images.make()
    second = images.share()
    assert (second["changed"], second["share"]["image_id"]) == (True, fresh)
    assert second["share"]["token"] != first["token"]
    assert images.share(rate_limit="1M")["changed"] and images.share(rate_limit="1M")["changed"] is False
    folder = Path(first["token_file"]).parent
    os.kill(int(_image_share.running(folder)["pid"]), signal.SIGKILL)  # type: ignore[index]
    until(lambda: _image_share.running(folder) is None)
    assert images.share(rate_limit="1M")["changed"], "a share that was killed is found to be gone"


def test_what_cannot_be_shared(images: Images) -> None:
    missing = images.share()
    assert missing["failed"] and "bring it first" in missing["msg"], missing
    assert images.share(check_mode=True)["changed"], "in check mode the image may be about to come"
    images.make()
    taken = images.share()["share"]["port"]
    other = f"{images.prefix}/other:1"
    images.make(other)
    for wrong, words in (
        ({"port": taken}, "free port"),
        ({"bind_address": "192.0.2.1"}, "an address of this host"),
        ({"rate_limit": "fast"}, "500M"),
    ):
        result = images.share(image=other, **wrong)
        assert result["failed"] and words in result["msg"], result


def test_a_stopped_share_breaks_its_transfers_off(images: Images) -> None:
    images.make(size=SIZE)
    share = images.share(rate_limit="1M")["share"]
    with _image_peer.offer(f"http://127.0.0.1:{share['port']}", share["token"], 0) as offered:
        assert next(offered.chunks)
        images.share(state="stopped")
        with pytest.raises(_image_peer.PeerError, match="broke off"):
            list(offered.chunks)
