# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look-alike of the Hub is one to the real huggingface_hub and to the real hf_xet."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hub_harness import COMMIT, FILES, REPO, Hub
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from lookalike_hub import Generated, HubProcess

pytestmark = pytest.mark.slow

MIB = 1 << 20
LARGE = "model.safetensors"


def fetch(hub: Hub, cache: Path, **options: Any) -> Path:
    """Return the folder of a snapshot, fetched without the token of this machine's user."""
    given = {"token": False, "endpoint": hub.endpoint, **options}
    return Path(snapshot_download(REPO, cache_dir=cache, **given))


def fetch_one(hub: Hub, cache: Path, file: str = LARGE, **options: Any) -> Path:
    given = {"token": False, "endpoint": hub.endpoint, **options}
    return Path(hf_hub_download(REPO, file, cache_dir=cache, **given))


def api(hub: Hub, token: str | bool = False) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=token)


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hf(hub_url: str, *command: str, **environment: str) -> subprocess.Popen[str]:
    """Start Python, or a tool beside it, as a user would whose Hub this is."""
    # Nothing of this user's settings and caches has a say.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    return subprocess.Popen(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        env={**clean, **quiet, "HF_ENDPOINT": hub_url, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def download_code(cache: Path, repo: str = REPO) -> list[str]:
    code = f"from huggingface_hub import snapshot_download as s; print(s({repo!r}, cache_dir={str(cache)!r}))"
    return ["python", "-c", code]


def test_a_snapshot_takes_each_byte_once(hub: Hub, tmp_path: Path) -> None:
    folder = fetch(hub, tmp_path)
    assert folder.name == COMMIT
    assert files_below(folder) == FILES
    assert hub.books.content() == {path: len(data) for path, data in FILES.items()}
    assert hub.books.repeated() == {}
    assert {record.origin for record in hub.books.requests(phase="content")} == {"hub", "cdn"}
    # Blobs have the names git and LFS give them.
    git = hashlib.sha1(b"blob 2\0{}").hexdigest()
    assert (folder / "config.json").resolve().name == git
    assert (folder / LARGE).resolve().name == hashlib.sha256(FILES[LARGE]).hexdigest()

    hub.books.clear()
    fetch(hub, tmp_path, revision=COMMIT)
    assert hub.books.requests() == []


def test_without_the_redirect_of_small_files(hub: Hub, tmp_path: Path) -> None:
    hub.set(resolve_cache=False, redirect_status=307)
    assert files_below(fetch(hub, tmp_path)) == FILES
    assert hub.books.requests(path="/api/resolve-cache/*") == []


def test_a_filtered_snapshot(hub: Hub, tmp_path: Path) -> None:
    folder = fetch(hub, tmp_path, ignore_patterns=["original/*"])
    assert sorted(files_below(folder)) == ["config.json", LARGE]
    assert sorted(hub.books.downloads()) == ["config.json", LARGE]


def test_a_dry_run_moves_nothing(hub: Hub, tmp_path: Path) -> None:
    foreseen = snapshot_download(REPO, cache_dir=tmp_path, endpoint=hub.endpoint, token=False, dry_run=True)
    assert {one.filename: one.file_size for one in foreseen} == {path: len(data) for path, data in FILES.items()}
    assert all(one.will_download for one in foreseen)
    assert hub.books.downloads() == []


def test_a_tree_in_pages(hub: Hub) -> None:
    hub.set(page_size=2)
    tree = {entry.path: entry for entry in api(hub).list_repo_tree(REPO, recursive=True, expand=True)}
    assert sorted(tree) == ["config.json", LARGE, "original", "original/model.bin"]
    assert len(hub.books.requests(path="/api/models/*/tree/*")) == 2
    assert tree[LARGE].lfs.sha256 == hashlib.sha256(FILES[LARGE]).hexdigest()
    assert tree[LARGE].last_commit.oid == COMMIT
    assert tree["config.json"].lfs is None
    # Of a file in LFS, git holds a pointer.
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{tree[LARGE].lfs.sha256}\nsize 100000\n".encode()
    assert tree[LARGE].lfs.pointer_size == len(pointer)
    assert tree[LARGE].blob_id == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
    (found,) = api(hub).get_paths_info(REPO, ["config.json", "none"])
    assert (found.path, found.size) == ("config.json", 2)


def test_a_tree_folder_by_folder(hub: Hub) -> None:
    hub.repository(REPO).commit({"a/b/c.txt": "c", "a/d.txt": "d", "e.txt": "e"})

    def listed(*below: str, recursive: bool = False) -> list[str]:
        return [entry.path for entry in api(hub).list_repo_tree(REPO, *below, recursive=recursive)]

    assert listed() == ["a", "e.txt"]
    assert listed("a") == ["a/b", "a/d.txt"]
    assert listed("a", recursive=True) == ["a/b", "a/b/c.txt", "a/d.txt"]
    with pytest.raises(RemoteEntryNotFoundError):
        listed("none")


def test_what_the_repository_says_of_itself(hub: Hub) -> None:
    hub.repository(REPO).commit({"config.json": b"[]"}, branch="next", tag="v2")
    refs = api(hub).list_repo_refs(REPO, include_pull_requests=True)
    assert [ref.name for ref in refs.branches] == ["main", "next"]
    assert [ref.ref for ref in refs.tags] == ["refs/tags/v2"]
    info = api(hub).model_info(REPO, files_metadata=True)
    assert info.sha == COMMIT
    assert {one.rfilename: one.size for one in info.siblings} == {path: len(data) for path, data in FILES.items()}
    assert api(hub).model_info(REPO, revision="v2").sha == refs.tags[0].target_commit


def test_branches_tags_and_a_branch_that_moves(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository(REPO)
    other = repository.commit({"config.json": b"[1]"}, branch="refs/pr/1", tag="v1")
    for revision, expected in (("v1", b"[1]"), ("refs/pr/1", b"[1]"), (other, b"[1]"), ("main", b"{}")):
        assert fetch_one(hub, tmp_path, "config.json", revision=revision).read_bytes() == expected
    hub.fault("moved", path="/api/models/*/revision/*", commit=other, skip=1)
    assert [api(hub).repo_info(REPO, revision="main").sha for _turn in range(2)] == [COMMIT, other]
    assert fetch(hub, tmp_path).name == other


def test_no_token_leaves_for_the_cdn(hub: Hub, tmp_path: Path) -> None:
    fetch_one(hub, tmp_path, token="hf_secret")
    tokens = {record.origin: record.token for record in hub.books.requests()}
    assert tokens == {"hub": True, "cdn": False}


def test_a_cut_connection_is_resumed(hub: Hub, tmp_path: Path) -> None:
    content = Generated(30 * MIB)
    hub.repository(REPO).commit({LARGE: content})
    hub.fault("short", path="*.safetensors", after=25 * MIB, first=1)
    path = fetch_one(hub, tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == content.hashes()[0]
    first, second = hub.books.requests(phase="content")
    assert (first.status, first.sent, first.faults) == (200, 25 * MIB, ["short"])
    # The client counts what it has in pieces of 10 MiB.
    assert (second.status, second.range, second.start) == (206, f"bytes={20 * MIB}-", 20 * MIB)
    assert hub.books.repeated() == {LARGE: 5 * MIB}


def test_a_reset_connection_is_not(hub: Hub, tmp_path: Path) -> None:
    # Seen with huggingface_hub 2.4.0: http_get does not catch ReadError. The next call starts the file anew.
    hub.fault("reset", path="*.safetensors", after=50_000, first=1)
    with pytest.raises(httpx2.ReadError):
        fetch_one(hub, tmp_path)
    assert fetch_one(hub, tmp_path).read_bytes() == FILES[LARGE]
    assert hub.books.repeated() == {LARGE: 50_000}


def test_compressed_text(hub: Hub, tmp_path: Path) -> None:
    text = b'{"a": 1}' * 10_000
    hub.repository(REPO).commit({"vocab.json": text})
    hub.set(gzip=True)
    assert fetch_one(hub, tmp_path, "vocab.json").read_bytes() == text
    (record,) = hub.books.requests(phase="content")
    assert 0 < record.sent < len(text)


@pytest.mark.parametrize("kind", ["status", "rate_limit"])
def test_the_client_waits_as_it_is_told(hub: Hub, kind: str) -> None:
    hub.fault(kind, status=503, retry_after=1, seconds=1, first=1)
    begin = time.monotonic()
    assert len(list(api(hub).list_repo_tree(REPO, recursive=True))) == 4
    # It adds a second to what it is told.
    assert 2 <= time.monotonic() - begin < 10


def test_a_private_repository(hub: Hub, tmp_path: Path) -> None:
    hub.repository(REPO).private = True
    hub.set(tokens=["hf_good"])
    with pytest.raises(RepositoryNotFoundError):
        fetch(hub, tmp_path)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        fetch(hub, tmp_path, token="hf_bad")
    assert files_below(fetch(hub, tmp_path, token="hf_good")) == FILES


def test_a_gated_repository(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository(REPO)
    repository.gated, repository.readers = True, {"hf_reader"}
    for token in (False, "hf_other"):
        with pytest.raises(GatedRepoError):
            fetch_one(hub, tmp_path, token=token)
    assert fetch_one(hub, tmp_path, token="hf_reader").read_bytes() == FILES[LARGE]


def test_what_is_not_there(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api(hub).model_info("openai/none")
    with pytest.raises(RepositoryNotFoundError):
        api(hub, "hf_any").model_info("openai/none")
    with pytest.raises(RevisionNotFoundError):
        fetch(hub, tmp_path, revision="none")
    with pytest.raises(RevisionNotFoundError):
        fetch(hub, tmp_path, revision="0" * 40)
    with pytest.raises(RemoteEntryNotFoundError):
        fetch_one(hub, tmp_path, "none.json")
    assert not api(hub).file_exists(REPO, "none.json")
    assert api(hub).file_exists(REPO, "config.json")


def test_a_renamed_repository_and_a_data_set(hub: Hub, tmp_path: Path) -> None:
    hub.renamed["openai/old-name"] = REPO
    found = hf_hub_download("openai/old-name", "config.json", cache_dir=tmp_path, endpoint=hub.endpoint, token=False)
    assert Path(found).read_bytes() == b"{}"
    hub.add("openai/questions", "datasets").commit({"test.csv": b"a,b"})
    kind = {"repo_type": "dataset", "endpoint": hub.endpoint, "token": False}
    folder = snapshot_download("openai/questions", cache_dir=tmp_path, **kind)
    assert files_below(Path(folder)) == {"test.csv": b"a,b"}


def test_offline_after_the_download(hub: Hub, tmp_path: Path) -> None:
    folder = fetch(hub, tmp_path)
    hub.stop()
    assert fetch(hub, tmp_path) == folder
    assert fetch(hub, tmp_path, local_files_only=True) == folder
    hub.start()
    assert fetch_one(hub, tmp_path / "other").read_bytes() == FILES[LARGE]


def test_hf_cache_verify(hub: Hub, tmp_path: Path) -> None:
    folder = fetch(hub, tmp_path)
    verify = ["hf", "cache", "verify", REPO, "--cache-dir", str(tmp_path)]
    good = hf(hub.endpoint, *verify)
    assert (good.wait(60), good.communicate()[0].lower().count("error")) == (0, 0)
    (folder / "config.json").resolve().write_text("[]")
    bad = hf(hub.endpoint, *verify)
    assert bad.wait(60) != 0
    assert "config.json" in bad.communicate()[0]


def test_hf_xet_reconstructs_files(hub: Hub, tmp_path: Path) -> None:
    files = {"config.json": b"{}", LARGE: Generated(70 * MIB + 5, 1), "small.bin": b"b" * 1000}
    hub.add("openai/xet", xet=True).commit(files)
    fetched = hf(hub.endpoint, *download_code(tmp_path, "openai/xet"), HF_XET_CACHE=str(tmp_path / "xet"))
    output = fetched.communicate(timeout=120)[0]
    assert fetched.returncode == 0, output
    folder = Path(output.split()[-1])
    assert hashlib.sha256((folder / LARGE).read_bytes()).hexdigest() == files[LARGE].hashes()[0]
    assert (folder / "small.bin").read_bytes() == files["small.bin"]
    assert hub.books.content() == {"config.json": 2, LARGE: 70 * MIB + 5, "small.bin": 1000}
    assert hub.books.requests(origin="cdn") == []


def test_hf_xet_waits_for_a_store_that_never_answers(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository(REPO)
    repository.xet = True
    repository.commit(FILES, commit=COMMIT)
    hub.fault("hang", phase="cas")
    stalled = hf(hub.endpoint, *download_code(tmp_path), HF_XET_CACHE=str(tmp_path / "xet"))
    hub.books.wait(origin="cas")
    with pytest.raises(subprocess.TimeoutExpired):
        stalled.wait(3)
    stalled.kill()
    stalled.communicate()
    plain = hf(hub.endpoint, *download_code(tmp_path), HF_HUB_DISABLE_XET="1")
    assert plain.wait(60) == 0, plain.communicate()[0]
    plain.communicate()
    assert hub.books.repeated() == {}


def test_eight_clients_of_eight_threads(tmp_path: Path) -> None:
    size = 2 * MIB
    with HubProcess("--generated", f"bench/model=15x{size}") as process:
        clients = [
            hf(process.endpoint, *download_code(tmp_path / str(number), "bench/model"), HF_HUB_DISABLE_XET="1")
            for number in range(8)
        ]
        for client in clients:
            output = client.communicate(timeout=120)[0]
            assert client.returncode == 0, output
        content = process.books()["content"]
    assert {count for file, count in content.items() if file.endswith(".safetensors")} == {8 * size}
    folders = [next((tmp_path / str(number)).glob("*/snapshots/*")) for number in range(8)]
    assert all(files_below(folder) == files_below(folders[0]) for folder in folders[1:])
    assert sum(path.name.endswith(".safetensors") for path in folders[0].iterdir()) == 15


def test_a_folder_as_a_process(tmp_path: Path) -> None:
    (tmp_path / "model/original").mkdir(parents=True)
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "model/original/model.bin").write_bytes(b"o" * 1000)
    with HubProcess("--model", f"{REPO}={tmp_path}/model@{COMMIT}", "--token", "hf_good", "--address", "") as process:
        url = process.endpoint.replace("127.0.0.1", "localhost")
        large = get_hf_file_metadata(f"{url}/{REPO}/resolve/main/original/model.bin", token="hf_good")
        # The CDN has the name by which the client knows the Hub.
        assert large.location.startswith("http://localhost:")
        folder = snapshot_download(REPO, cache_dir=tmp_path / "hub", endpoint=url, token="hf_good")
        hosts = {request["origin"] for request in process.books()["requests"]}
    assert (Path(folder).name, hosts) == (COMMIT, {"hub", "cdn"})
    assert files_below(Path(folder)) == files_below(tmp_path / "model")
