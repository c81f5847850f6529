"""hf_model state=absent in caches that the real huggingface_hub made, in ones of its own, and when it is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_lock import alone
from cache_harness import LARGE, SMALL, commit_of, download, everything, hub_with_models
from hub_harness import Hub, hf_model_run
from huggingface_hub import scan_cache_dir, snapshot_download
from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

FOLDER = "models--openai--gpt-oss-20b"


@pytest.fixture(params=[True, False], ids=["shared store", "no store"])
def models(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A Hub with two models; of Xet files huggingface_hub keeps one copy for both."""
    with hub_with_models(xet=request.param) as hub:
        yield hub


@pytest.fixture
def cache(models: Hub, tmp_path: Path) -> Path:
    """A cache with both models, and two revisions of one of them."""
    folder = tmp_path / "hub"
    download(folder, models, (SMALL, "main"), (SMALL, "next"), (LARGE, "main"))
    assert (folder / "blobs").is_dir() == models.repositories["models", SMALL].xet
    return folder


def found_offline(cache: Path, revision: str) -> Path:
    """Return the snapshot that huggingface_hub finds without a network."""
    return Path(snapshot_download(SMALL, revision=revision, cache_dir=cache, local_files_only=True))


def removed(cache: Path, repo_id: str = SMALL, revision: str = "main") -> int:
    """Remove a revision, in check mode first, which must say the same; return the bytes that became free."""
    before = everything(cache)
    options = {"repo_id": repo_id, "revision": revision, "state": "absent"}
    foreseen = hf_model_run(cache, check_mode=True, **options)
    assert everything(cache) == before
    done = hf_model_run(cache, **options)
    assert not done.get("failed"), done["msg"]
    told = ("changed", "commit", "path", "files", "bytes", "verified", "diff")
    assert [done[name] for name in told] == [foreseen[name] for name in told] and done["changed"]
    again = hf_model_run(cache, **options)
    assert (again["changed"], again["bytes"], again["diff"]) == (False, 0, {"before": "", "after": ""})
    return int(done["bytes"])


@pytest.mark.parametrize(
    ("order", "freed"),
    [
        # main and next have the large file in common, and so does the other model, where there is a store.
        ([(SMALL, "main"), (SMALL, "next"), (LARGE, "main")], [(6, 6), (200_003, 500_003), (400_002, 400_002)]),
        ([(LARGE, "main"), (SMALL, "next"), (SMALL, "main")], [(100_002, 400_002), (200_003, 200_003), (300_006,) * 2]),
    ],
)
def test_as_huggingface_hub_itself_removes(
    cache: Path, models: Hub, tmp_path: Path, order: list[tuple[str, str]], freed: list[tuple[int, int]]
) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(cache, twin, symlinks=True)
    for (repo_id, branch), sizes in zip(order, freed):
        commit = commit_of(models, repo_id, branch)
        strategy = scan_cache_dir(twin).delete_revisions(commit)
        n_bytes = removed(cache, repo_id, branch)
        assert n_bytes == strategy.expected_freed_size == sizes[0 if (cache / "blobs").is_dir() else 1]
        strategy.execute()
        # What lists files is left by it, and so are its locks.
        left = {name for name in everything(twin) if "/trees/" not in name and not name.startswith(".locks/")}
        mine = {name for name in everything(cache) if not name.startswith(".locks/") and "/.gpt_oss/" not in name}
        assert {name for name in mine if "/trees/" not in name} == left
        assert not any(commit in name for name in mine)
        assert scan_cache_dir(cache).warnings == []
    assert not [name for name in mine if not name.startswith("blobs/") and name != "CACHEDIR.TAG"]
    assert not list(cache.glob("blobs/*/" + "[0-9a-f]" * 64)), "the last link went, and the content with it"


def test_snapshots_of_copies(hub: Hub, tmp_path: Path) -> None:
    """A filesystem without links: huggingface_hub moves and copies files into the snapshot."""
    path = Path(hf_model_run(tmp_path, endpoint=hub.endpoint)["path"])
    for link in [path / "config.json", path / "model.safetensors"]:
        blob = link.resolve()
        link.unlink()
        blob.replace(link)
    assert removed(tmp_path) == 100_002
    assert not (tmp_path / FOLDER).exists()


def test_what_a_link_leads_to_elsewhere_is_not_touched(hub: Hub, tmp_path: Path) -> None:
    path = Path(hf_model_run(tmp_path / "hub", endpoint=hub.endpoint)["path"])
    precious = tmp_path / "precious"
    precious.write_bytes(b"p" * 1000)
    (path / "config.json").unlink()
    (path / "config.json").symlink_to(precious)
    (path / "linked").symlink_to(tmp_path)
    removed(tmp_path / "hub")
    assert precious.read_bytes() == b"p" * 1000


def test_a_model_on_another_disk(hub: Hub, tmp_path: Path) -> None:
    hf_model_run(tmp_path / "hub", endpoint=hub.endpoint)
    (tmp_path / "hub" / FOLDER).rename(tmp_path / "elsewhere")
    (tmp_path / "hub" / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert removed(tmp_path / "hub") == 100_002
    assert not (tmp_path / "elsewhere").exists() and not (tmp_path / "hub" / FOLDER).is_symlink()


def test_a_download_that_never_was_finished(hub: Hub, tmp_path: Path) -> None:
    hub.fault("reset", path="model.safetensors", after=60_000)
    failed = hf_model_run(tmp_path, endpoint=hub.endpoint, retries=0)
    assert failed["failed"]
    hub.faults.clear()
    (staging,) = (tmp_path / FOLDER / ".gpt_oss").glob("incoming-*")
    (part,) = staging.glob("*.part")
    part.write_bytes(b"p" * 60_000)
    assert not (tmp_path / FOLDER / "refs").exists(), "no name leads to it"
    commit = staging.name[-40:]
    assert hf_model_run(tmp_path, revision="main", state="absent")["changed"] is False
    # The small file came, or did not, before the other failed.
    assert removed(tmp_path, revision=commit) in (60_000, 60_002)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("lost", ["snapshots", "blobs"])
def test_what_is_left_of_a_lost_snapshot(hub: Hub, tmp_path: Path, lost: str) -> None:
    hf_model_run(tmp_path, endpoint=hub.endpoint)
    shutil.rmtree(tmp_path / FOLDER / lost)
    assert removed(tmp_path) == (100_002 if lost == "snapshots" else 0)
    assert not (tmp_path / FOLDER).exists()


def test_everything_of_a_revision_goes_and_nothing_of_others(hub: Hub, tmp_path: Path) -> None:
    main = hf_model_run(tmp_path, endpoint=hub.endpoint)["commit"]
    other = hub.repositories["models", SMALL].commit({"config.json": b"{}", "a/b.safetensors": b"b"}, branch="pr/1")
    hf_model_run(tmp_path, endpoint=hub.endpoint, revision="pr/1")
    own = tmp_path / FOLDER / ".gpt_oss"
    for commit in (main, other):
        for path in (
            own / f"incoming-elsewhere-{commit}/a",
            own / f"swarm-{commit}/piece",
            tmp_path / FOLDER / ".no_exist" / commit / "adapter_config.json",
            tmp_path / FOLDER / "trees" / f"{commit}.json",
            tmp_path / FOLDER / "refs" / "tags" / commit[:7],
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(commit if "refs" in path.parts else "123456789")
    assert removed(tmp_path, revision="pr/1") == 1 + 3 * 9
    left = everything(tmp_path)
    assert not [name for name in left if other in name or "pr" in name or other[:7] in name], left
    again = hf_model_run(tmp_path, endpoint=hub.endpoint, revision=main)
    assert again["verified"] and again["files"] == []
    assert [name for name in left if "incoming" in name] == [f"{FOLDER}/.gpt_oss/incoming-elsewhere-{main}/a"]
    assert removed(tmp_path) == 100_002 + 3 * 9, "the list of all files went when the model was brought without some"
    assert not (tmp_path / FOLDER).exists()


def test_refused_while_it_is_brought(hub: Hub, tmp_path: Path) -> None:
    hf_model_run(tmp_path, endpoint=hub.endpoint)

    def refused(what: str) -> None:
        for check_mode in (True, False):
            result = hf_model_run(tmp_path, check_mode, state="absent")
            assert result["failed"] and f"found {what}; wait for its end" in result["msg"], result

    before = everything(tmp_path)
    with alone(tmp_path / FOLDER, lambda: None):
        refused("a run that brings it")
    job = tmp_path / FOLDER / ".gpt_oss/jobs/1/lock"
    lock = tmp_path / ".locks" / FOLDER / "abc.lock"
    for path, what in ((job, "a job that brings it"), (lock, "a download by huggingface_hub")):
        path.parent.mkdir(parents=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            refused(what)
            path.unlink()
    assert everything(tmp_path) == before
    removed(tmp_path)


# Ends the process just before the n-th change of the cache.
_KILLED = """
import os, pathlib, shutil, signal, sys
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _model_removal
left = int(sys.argv[3])
def dying(change):
    def changed(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*arguments, **options)
    return changed
for name in ("unlink", "rmdir", "replace", "rename", "mkdir"):
    setattr(os, name, dying(getattr(os, name)))
_model_removal.remove(sys.argv[1], "openai/gpt-oss-20b", sys.argv[2])
"""


@pytest.mark.parametrize("last", [True, False], ids=["last revision", "one of two"])
def test_killed_before_each_change(tmp_path: Path, last: bool) -> None:
    with hub_with_models() as hub:
        download(tmp_path / "whole", hub, (SMALL, "main"), *([] if last else [(SMALL, "next")]))
        commit = commit_of(hub, SMALL)
        assert hf_model_run(tmp_path / "whole", endpoint=hub.endpoint, ignore_patterns=[])["verified"]
        expected: set[str] = set()
        for changes in range(100):
            cache = tmp_path / str(changes)
            shutil.copytree(tmp_path / "whole", cache, symlinks=True)
            killed = subprocess.run(
                [sys.executable, "-c", _KILLED, str(cache), "main", str(changes)],
                env={**os.environ, "PYTHONPATH": ".ansible/collections"},
                check=False,
            )
            if killed.returncode == 0:
                break
            assert killed.returncode == -signal.SIGKILL
            _nothing_passes_for_whole(cache, commit)
            result = hf_model_run(cache, state="absent", revision="main")
            assert not result.get("failed"), result
            expected = expected or everything(cache)
            assert everything(cache) == expected, f"killed before change {changes}"
            if not last:
                assert (found_offline(cache, "next") / "more.safetensors").read_bytes() == b"n" * 200_000
        assert changes > 12
        assert not [name for name in expected if commit in name]
        assert last == (not [name for name in expected if name.startswith(FOLDER)])


def _nothing_passes_for_whole(cache: Path, commit: str) -> None:
    """A snapshot that is found is complete, and what lacks a file is not stamped."""
    for revision in ("main", commit):
        try:
            found = found_offline(cache, revision)
        except (LocalEntryNotFoundError, IncompleteSnapshotError):
            continue
        files = {path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()}
        assert files == {"config.json", "model.safetensors", "sub/tokenizer.json"}, found
    stamp = cache / FOLDER / ".gpt_oss" / f"{commit}.json"
    if stamp.exists():
        assert hf_model_run(cache, revision=commit, offline=True, ignore_patterns=[])["changed"] is False


def test_two_removals_and_a_run_that_brings_it_anew(hub: Hub, tmp_path: Path) -> None:
    """Who waits for a lock that went with its folder takes the new one."""
    hf_model_run(tmp_path, endpoint=hub.endpoint)
    code = (
        "import sys\nfrom ansible_collections.gpt_oss.fleet.plugins.module_utils._model_lock import alone\n"
        "from pathlib import Path\n"
        "tell = lambda word: print(word, flush=True)\n"
        f"with alone(Path({str(tmp_path / FOLDER)!r}), lambda: tell('waits')): tell('has it')\n"
        "sys.stdin.read()"
    )
    with alone(tmp_path / FOLDER, lambda: None):
        waiting = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": ".ansible/collections"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout and waiting.stdout.readline() == "waits\n"
        shutil.rmtree(tmp_path / FOLDER)
    deadline = time.monotonic() + 10
    while waiting.stdout.readline() != "has it\n":
        assert time.monotonic() < deadline
    assert (tmp_path / FOLDER / ".gpt_oss/lock").exists(), "what it has is what others will ask for"
    waiting.communicate("")
