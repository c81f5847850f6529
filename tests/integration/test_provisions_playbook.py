"""What the role puts on a host for its servers, by the playbooks: guard, caches, another user, the vocabulary."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api
from playbook_host import Host, counts, one_host, said

pytestmark = pytest.mark.slow

KEY = "key-that-nobody-sees-4711"
# Only root can give a folder to somebody else.
USER = (2000, 5) if os.geteuid() == 0 else (os.getuid(), os.getgid())
WORDS = b"made up, as the real one is megabytes"


@pytest.fixture
def host(tmp_path: Path, prefix: str, free_port: Callable[[], int], simulator_image: str, environment: Path) -> Host:
    key = tmp_path / "api_key"
    key.write_text(f"{KEY}\n")
    key.chmod(0o600)
    server = {"name": f"{prefix}-server", "image": simulator_image, "port": free_port()}
    return one_host(tmp_path, environment, server)


def guarded(host: Host, **changes: Any) -> dict[str, Any]:
    """The server, on loopback, guarded as if it were reachable."""
    return {**host.server, "api_key_file": str(host.root / "api_key"), "guard": True, **changes}


def test_a_guarded_server_of_another_user(host: Host, engine: docker.APIClient) -> None:
    servers = [guarded(host, user=":".join(map(str, USER)))]
    state = host.root / "state" / "servers"
    told = host.play("deploy", "--check", vllm_servers=servers)
    assert told.returncode == 0 and not state.exists(), said(told)
    first = host.play("deploy", vllm_servers=servers)
    assert first.returncode == 0, said(first)
    second = host.play("deploy", vllm_servers=servers)
    assert (second.returncode, counts(second)["changed"]) == (0, 0), said(second)
    assert host.play("deploy", "--check", vllm_servers=servers).returncode == 0

    container = host.container(engine)
    assert container["Config"]["User"] == "{}:{}".format(*USER)
    assert KEY not in json.dumps(container)
    (home, key) = (state / "cache/{}-{}".format(*USER), state / "keys" / host.server["name"])
    for path, mode in ((home, 0o40700), (key, 0o100400)):
        status = path.stat()
        assert (status.st_uid, status.st_gid, status.st_mode) == (*USER, mode), path

    url = f"http://127.0.0.1:{host.server['port']}/v1"
    closed = [Api(url).at_root(path).status for path in ("metrics", "version", "v1/models", "/invocations")]
    assert closed == [401] * 4
    assert [Api(url).at_root(path).status for path in ("health", "ping")] == [200, 200]
    assert [Api(url, KEY).at_root(path).status for path in ("metrics", "version")] == [200, 200]

    removed = host.play("teardown")
    assert removed.returncode == 0, said(removed)
    assert not key.exists() and home.exists()


def test_roots_caches_and_the_paths_that_are_open(host: Host, engine: docker.APIClient) -> None:
    run = host.play("deploy", vllm_servers=[guarded(host)], vllm_open_paths=["/health", "/metrics"])
    assert run.returncode == 0, said(run)
    url = f"http://127.0.0.1:{host.server['port']}/v1"
    assert [Api(url).at_root(path).status for path in ("health", "metrics", "ping")] == [200, 200, 401]
    cache = host.root / "state/servers/cache/root"
    binds = host.container(engine)["HostConfig"]["Binds"]
    assert f"{cache}/vllm:/root/.cache/vllm" in binds and f"{cache}/triton:/root/.triton" in binds
    assert {path.name for path in cache.iterdir()} == {"vllm", "flashinfer", "triton"}
    off = host.play("deploy", vllm_servers=[host.server], vllm_cache_path="")
    assert off.returncode == 0, said(off)
    assert len(host.container(engine)["HostConfig"]["Binds"]) == 1
    assert Api(url).at_root("metrics").status == 200


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def vocabulary(text: bytes = WORDS) -> dict[str, Any]:
    file = {"name": "o200k_base.tiktoken", "sha256": hashlib.sha256(text).hexdigest()}
    # The version is read from the image, so that it is the limit that is moved.
    return {"vllm_vocabulary": {"before": "0.33.0", "files": [file]}, "vllm_vocabulary_wanted": True}


def test_the_vocabulary_of_older_versions(host: Host, tmp_path: Path, engine: docker.APIClient) -> None:
    source, file = tmp_path / "words", tmp_path / "state/servers/vocabulary/o200k_base.tiktoken"
    source.mkdir()
    older: dict[str, Any] = {"vllm_servers": [host.server], **vocabulary()}

    missing = host.play("deploy", vllm_vocabulary_source=str(source), **older)
    assert missing.returncode == 2 and f"Expected {source}/o200k_base.tiktoken on the controller" in said(missing)
    (source / "o200k_base.tiktoken").write_bytes(b"another")
    wrong = host.play("deploy", vllm_vocabulary_source=str(source), **older)
    assert wrong.returncode == 2 and f"found the sha256 {hashlib.sha256(b'another').hexdigest()}" in said(wrong)
    with served(source) as address:
        fetched = host.play("deploy", vllm_vocabulary_source=address, **older)
        assert (
            fetched.returncode == 2
            and "The checksum for" in said(fetched)
            and "vllm_vocabulary_source" in said(fetched)
        )
    assert not file.exists() and not engine.containers(all=True, filters={"name": host.server["name"]})

    (source / "o200k_base.tiktoken").write_bytes(WORDS)
    copied = host.play("deploy", vllm_vocabulary_source=str(source), **older)
    assert copied.returncode == 0, said(copied)
    assert file.read_bytes() == WORDS
    container = host.container(engine)
    assert f"{file.parent}:/srv/gpt_oss/vocabulary:ro" in container["HostConfig"]["Binds"]
    assert "TIKTOKEN_ENCODINGS_BASE=/srv/gpt_oss/vocabulary" in container["Config"]["Env"]

    # What is there and right is not asked for again, wherever it came from.
    again = host.play("deploy", vllm_vocabulary_source="http://127.0.0.1:9", **older)
    assert (again.returncode, counts(again)["changed"]) == (0, 0), said(again)
    os.truncate(file, 3)
    with served(source) as address:
        told = host.play("deploy", "--check", vllm_vocabulary_source=address, **older)
        assert told.returncode == 0 and file.stat().st_size == 3, said(told)
        mended = host.play("deploy", vllm_vocabulary_source=f"{address}/", **older)
        assert mended.returncode == 0, said(mended)
    assert file.read_bytes() == WORDS
