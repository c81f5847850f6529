"""Who can read a cache: what is made under a strict umask, what root's containers leave, and how that is mended."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cache_harness import LARGE, SMALL, commit_of, download, everything, hf_cache_run, hub_with_models
from hub_harness import Hub, hf_model_run
from huggingface_hub import snapshot_download

FOLDER = "models--openai--gpt-oss-20b"
USER, OTHER = 2000, 3000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of several users are made by root")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that all users can come to: pytest's own are closed to others, and closed again by each run."""
    with tempfile.TemporaryDirectory(prefix="gpt-oss-cache-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where a cache will be."""
    return tmp_path / "hub"


def as_user(uid: int, work: Callable[[], Any], gid: int | None = None) -> Any:
    """Do some work as another user; return what it returns, or its exception's text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(*[uid if gid is None else gid] * 3)
        os.setresuid(uid, uid, uid)
        try:
            answer = work()
        except Exception as exc:
            answer = f"{type(exc).__name__}: {exc}"
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return json.loads(pipe.read())


def readable(cache: Path) -> int:
    """Return how many bytes of contents a user can read by way of the snapshots."""
    snapshots = [Path(root) for root, _folders, _files in os.walk(cache) if Path(root).parent.name == "snapshots"]
    return sum(len(path.read_bytes()) for root in snapshots for path in root.rglob("*") if path.is_file())


def test_made_under_a_strict_umask(cache: Path) -> None:
    with hub_with_models() as hub:
        code = (
            "import os; os.umask(0o077)\n"
            "from hub_harness import hf_model_run\nfrom pathlib import Path\n"
            f"print(hf_model_run(Path({str(cache)!r}), endpoint={hub.endpoint!r})['changed'])"
        )
        environment = {**os.environ, "PYTHONPATH": f".ansible/collections:{Path(__file__).parent}"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
    assert done.stdout == "True\n", done.stderr
    assert as_user(USER, lambda: readable(cache)) == 300_006
    assert hf_cache_run(cache)["cache"]["access"]["unreadable"]["count"] == 0
    assert not hf_cache_run(cache, state="accessible")["changed"]


def test_what_huggingface_hub_made_under_a_strict_umask_is_mended(cache: Path) -> None:
    mask = os.umask(0o077)
    try:
        with hub_with_models() as hub:
            download(cache, hub, (SMALL, "main"), (LARGE, "main"))
    finally:
        os.umask(mask)
    cache.chmod(0o755)
    assert as_user(USER, lambda: readable(cache)) == 0
    told = hf_cache_run(cache)["cache"]["access"]
    assert told["unreadable"]["count"] > 20 and len(told["unreadable"]["paths"]) == 10
    before = modes(cache)
    foreseen = hf_cache_run(cache, check_mode=True, state="accessible")
    assert modes(cache) == before
    mended = hf_cache_run(cache, state="accessible")
    assert mended["changed"] and mended["mended"] == foreseen["mended"] and mended["diff"] == foreseen["diff"]
    assert as_user(USER, lambda: readable(cache)) == 600_006 + 100_002
    assert mended["cache"]["access"]["unreadable"] == {"count": 0, "paths": []}
    again = hf_cache_run(cache, state="accessible")
    assert (again["changed"], again["mended"]) == (False, [])
    # Its lists of all files stay its owner's: who cannot read them is not refused a filtered snapshot.
    (tree,) = (cache / FOLDER / "trees").iterdir()
    assert stat.S_IMODE(tree.stat().st_mode) == 0o600
    # huggingface_hub goes on with what is mended.
    with hub_with_models() as hub:
        download(cache, hub, (SMALL, "next"))


def modes(cache: Path) -> dict[str, tuple[int, int, int]]:
    """Return owner, group and mode of all that lies in a cache."""
    found = {path: path.lstat() for path in cache.rglob("*")}
    return {str(path): (status.st_uid, status.st_gid, status.st_mode) for path, status in found.items()}


def test_what_containers_of_root_leave_in_the_cache_of_another(hub: Hub, cache: Path) -> None:
    path = Path(hf_model_run(cache, endpoint=hub.endpoint)["path"])
    first = hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))
    os.chown(cache, USER, USER)
    assert {entry[:2] for entry in modes(cache).values()} == {(USER, USER)}
    assert len(first["mended"]) == len(modes(cache)) - 1, "its own lock is not told"
    assert not hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))["changed"]

    # As seen of vLLM as root: a list that only root can read, and a lock.
    tree = cache / FOLDER / "trees" / f"{path.name}.json"
    lock = cache / ".locks" / FOLDER / "1.lock"
    for left in (tree, lock):
        left.parent.mkdir(parents=True)
        left.touch(mode=0o600)
    told = hf_cache_run(cache)["cache"]["access"]
    expected = sorted(map(str, (tree, tree.parent, lock, lock.parent, lock.parent.parent)))
    assert told["foreign"] == {"count": 5, "paths": expected}
    assert {"owner": "root", "count": 5} in told["owners"] and told["owner"] == str(USER)
    assert told["unreadable"]["paths"] == [str(lock)]
    mended = hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))
    assert {row["path"] for row in mended["mended"]} == set(expected)
    assert {"path": str(tree), "before": "root:root 0600", "after": f"{USER}:{USER} 0600"} in mended["mended"]
    assert as_user(USER, lambda: lock.open("r+").read()) == ""
    # What the next run leaves of itself is no difference, and does not keep the cache's owner from running it.
    os.chown(cache / FOLDER / ".gpt_oss/lock", 0, 0)
    told = hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))
    assert not told["changed"] and told["cache"]["access"]["foreign"]["count"] == 0
    assert as_user(USER, lambda: (cache / FOLDER / ".gpt_oss/lock").open("w").write("")) == 0
    assert not hf_cache_run(cache, state="accessible", owner=str(USER))["changed"]


def test_who_downloads_beside_root_fails_until_it_is_mended(cache: Path) -> None:
    """The real huggingface_hub as root, as in a container, and then as the cache's owner."""
    cache.mkdir()
    os.chown(cache, USER, USER)
    with hub_with_models(xet=False) as hub:

        def bring(revision: str) -> str:
            # No token is looked for, as this process's own home is closed to others.
            common = {"cache_dir": cache, "endpoint": hub.endpoint, "token": False, "max_workers": 1}
            return str(snapshot_download(SMALL, revision=revision, **common))

        bring("main")
        failed = as_user(USER, lambda: bring("next"))
        assert failed.startswith("PermissionError") and FOLDER in failed, failed
        assert hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))["changed"]
        assert as_user(USER, lambda: bring("next")) == str(cache / FOLDER / "snapshots" / commit_of(hub, SMALL, "next"))


def test_a_cache_for_a_group_alone(hub: Hub, cache: Path) -> None:
    cache.mkdir(mode=0o750)
    os.chown(cache, 0, USER)
    hf_model_run(cache, endpoint=hub.endpoint)
    mask = os.umask(0o077)
    (cache / FOLDER / "blobs/closed").write_bytes(b"1")
    os.umask(mask)
    assert not hf_cache_run(cache, state="accessible", group=str(USER), check_mode=True).get("failed")
    hf_cache_run(cache, state="accessible", group=str(USER))
    assert as_user(OTHER, partial(readable, cache), gid=USER) == 100_002
    assert as_user(OTHER, (cache / FOLDER / "blobs/closed").read_text, gid=USER) == "1"
    assert as_user(OTHER, lambda: readable(cache)) == 0, "others cannot enter"
    assert stat.S_IMODE((cache / FOLDER / "blobs/closed").stat().st_mode) == 0o640


def test_files_of_others_are_left_alone(hub: Hub, cache: Path, tmp_path: Path) -> None:
    """What is linked into the cache has another name elsewhere, and what a link leads to is not in the cache."""
    path = Path(hf_model_run(cache, endpoint=hub.endpoint)["path"])
    (tmp_path / "source").write_bytes(b"s")
    (tmp_path / "source").chmod(0o600)
    os.link(tmp_path / "source", cache / FOLDER / "blobs/source")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "elsewhere/secret").touch(mode=0o600)
    (path / "linked").symlink_to(tmp_path / "elsewhere")
    (path / "secret").symlink_to(tmp_path / "elsewhere/secret")
    hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))
    for name in ("source", "elsewhere", "elsewhere/secret"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o077) == (0, 0, 0), name
    assert (path / "linked").lstat().st_uid == USER
    assert not hf_cache_run(cache, state="accessible", owner=str(USER), group=str(USER))["changed"]


def test_a_model_on_another_disk(hub: Hub, cache: Path, tmp_path: Path) -> None:
    hf_model_run(cache, endpoint=hub.endpoint)
    (cache / FOLDER).rename(tmp_path / "moved")
    (cache / FOLDER).symlink_to(tmp_path / "moved")
    (tmp_path / "moved/blobs").chmod(0o700)
    result = hf_cache_run(cache, state="accessible", owner=str(USER))
    assert {entry[0] for entry in modes(tmp_path / "moved").values()} == {USER}
    assert as_user(OTHER, lambda: readable(tmp_path / "moved")) == 100_002
    assert result["cache"]["bytes"] > 100_002


def test_who_may_not_change_it_is_told_so(hub: Hub, cache: Path) -> None:
    hf_model_run(cache, endpoint=hub.endpoint)
    (cache / FOLDER / "blobs").chmod(0o700)
    result = as_user(USER, lambda: hf_cache_run(cache, state="accessible", owner=str(USER)))
    assert "run as root (ansible_become)" in result["msg"], result
    result = hf_cache_run(cache, state="accessible", owner="nobody-of-that-name")
    assert result["failed"] and "expected an owner and a group that the host knows" in result["msg"]


def test_what_cannot_be_looked_into_is_told_and_nothing_goes(cache: Path) -> None:
    with hub_with_models() as hub:
        download(cache, hub, (SMALL, "main"), (LARGE, "main"))
    os.chown(cache, USER, USER)
    for path in cache.rglob("*"):
        os.chown(path, USER, USER, follow_symlinks=False)
    os.chown(cache / FOLDER, 0, 0)
    (cache / FOLDER).chmod(0o700)
    before = everything(cache)

    def run(**options: Any) -> Any:
        return as_user(USER, lambda: hf_cache_run(cache, **options))

    told = run()["cache"]
    assert told["access"]["unseen"] == {"count": 1, "paths": [str(cache / FOLDER)]}
    assert [row["repo_id"] for row in told["revisions"]] == [LARGE] and told["leftovers"] == []
    for options in ({"leftovers": True}, {"revisions": True}):
        result = run(state="pruned", **options)
        assert result["failed"] and "could not look into" in result["msg"], result
    assert everything(cache) == before
