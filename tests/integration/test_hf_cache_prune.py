"""hf_cache state=pruned: only what was asked for, nothing that anybody needs, and all of it at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from cache_harness import LARGE, SHARED, SMALL, commit_of, download, everything, hf_cache_run, hub_with_models
from conftest import DOCKER_HOST
from hub_harness import Hub, hf_model_run

FOLDER = "models--openai--gpt-oss-20b"
ABSENT = "0" * 40


@pytest.fixture(params=[True, False], ids=["shared store", "no store"])
def models(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A Hub with two models."""
    with hub_with_models(request.param) as hub:
        yield hub


@pytest.fixture
def cache(models: Hub, tmp_path: Path) -> Path:
    """A cache with both models, and two revisions of one of them."""
    download(tmp_path / "hub", models, (SMALL, "main"), (SMALL, "next"), (LARGE, "main"))
    return tmp_path / "hub"


def pruned(cache: Path, **options: Any) -> dict[str, Any]:
    """Prune, in check mode first, which must say the same, and once more, when there is nothing left to do."""
    before = everything(cache)
    foreseen = hf_cache_run(cache, check_mode=True, state="pruned", **options)
    assert not foreseen.get("failed"), foreseen["msg"]
    assert everything(cache) == before
    done = hf_cache_run(cache, state="pruned", **options)
    assert not done.get("failed"), done["msg"]
    for name in ("changed", "removed", "kept", "bytes", "diff"):
        assert done[name] == foreseen[name], name
    assert foreseen["cache"]["bytes"] - done["cache"]["bytes"] >= done["bytes"]
    again = hf_cache_run(cache, state="pruned", **options)
    assert (again["changed"], again["removed"], again["bytes"]) == (False, [], 0)
    return done


def left(result: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the revisions that are there still."""
    return {(row["repo_id"], ref) for row in result["cache"]["revisions"] for ref in row["refs"]}


def test_nothing_goes_that_was_not_asked_for(cache: Path) -> None:
    (cache / FOLDER / "blobs/x.incomplete").write_bytes(b"x")
    before = everything(cache)
    result = hf_cache_run(cache, state="pruned")
    assert (result["changed"], result["kept"], result["removed"]) == (False, [], [])
    assert everything(cache) == before
    assert [row["kind"] for row in result["cache"]["leftovers"]] == ["incomplete"]


@pytest.mark.parametrize(
    ("keep", "stays", "freed"),
    [
        ([], set(), 600_011),
        ([{"repo_id": SMALL}], {(SMALL, "main"), (SMALL, "next")}, 100_002),
        ([{"repo_id": SMALL, "revision": "next"}], {(SMALL, "next")}, 100_008),
        ([{"repo_id": LARGE, "revision": "commit"}], {(LARGE, "main")}, 200_009),
        # A name that the cache does not know may be any of its commits; a commit that it has not is none of them.
        ([{"repo_id": SMALL, "revision": "release"}], {(SMALL, "main"), (SMALL, "next")}, 100_002),
        ([{"repo_id": SMALL, "revision": ABSENT}, {"repo_id": LARGE, "revision": "main"}], {(LARGE, "main")}, 200_009),
    ],
)
def test_revisions_but_those_to_be_kept(
    cache: Path, models: Hub, keep: list[dict[str, str]], stays: set[tuple[str, str]], freed: int
) -> None:
    shared = (cache / "blobs").is_dir()
    keep = [{**one, "revision": commit_of(models, LARGE)} if one.get("revision") == "commit" else one for one in keep]
    result = pruned(cache, revisions=True, keep=keep)
    assert left(result) == stays
    # Without a store, each model has the large file, and it goes with the last revision of its own model.
    if not shared:
        gone = {SMALL, LARGE} - {repo_id for repo_id, _ref in stays}
        freed += len(SHARED) * (len(gone) - (0 if stays else 1))
    assert result["bytes"] == freed
    assert {(row["kind"], row["reason"]) for row in result["kept"]} == (
        {("revision", "to be kept")} if stays else set()
    )
    assert not list(cache.glob("models--*")) if not stays else list(cache.glob("models--*"))
    for repo_id, ref in stays:
        assert (download(cache, models, (repo_id, ref), local_files_only=True) / "config.json").is_file()
    assert all(row["path"] in result["diff"]["before"] for row in result["removed"])


def spoil(cache: Path, hub: Hub) -> dict[str, set[str]]:
    """Leave in a cache what is of no use to anybody; return the files of each kind."""
    small, large = cache / FOLDER, cache / "models--openai--gpt-oss-120b"
    own = small / ".gpt_oss"
    next_ = commit_of(hub, SMALL, "next")
    made = {
        "incomplete": {small / "blobs/abc.12345678.incomplete": 300, cache / "datasets--a--b/blobs/d.incomplete": 20},
        "staging": {own / f"incoming-here-{next_}/x.part": 4000, own / f"swarm-{next_}/y": 50_000},
        "blob": {large / "blobs" / ("e" * 40): 600_000},
        "ref": {large / "refs/pr/7": 0},
        "model": {cache / "models--gone--gone/refs/main": 40, cache / "models--gone--gone/blobs/1": 7},
    }
    for kind, files in made.items():
        for path, size in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(ABSENT if kind == "ref" else "x" * size)
    lost = small / "snapshots" / next_ / "config.json"
    lost.resolve().unlink()
    names = {kind: {str(path.relative_to(cache)) for path in files} for kind, files in made.items()}
    names["link"] = {str(lost.relative_to(cache))}
    if (cache / "blobs").is_dir():
        payload = cache / "blobs/ab" / ("ab" * 32)
        payload.parent.mkdir()
        payload.write_bytes(b"p" * 5_000_000)
        payload.with_name(payload.name + ".refs").write_text(f"{FOLDER}/blobs/nothing\n")
        unlisted = cache / "blobs/cd" / ("cd" * 32)
        unlisted.parent.mkdir()
        unlisted.write_bytes(b"u" * 10)
        names["shared_blob"] = {str(path.relative_to(cache)) for path in (payload, unlisted)}
    return names


def test_leftovers_of_each_kind(cache: Path, models: Hub) -> None:
    whole = everything(cache)
    names = spoil(cache, models)
    told = hf_cache_run(cache)["cache"]["leftovers"]
    before = everything(cache)
    result = pruned(cache, leftovers=True)
    assert result["removed"] == told
    kinds = {row["kind"] for row in told}
    assert kinds == set(names)
    sizes = {kind: sum(row["bytes"] for row in told if row["kind"] == kind) for kind in kinds}
    expected = {"incomplete": 320, "staging": 54_000, "blob": 600_000, "ref": 0, "model": 47, "link": 0}
    assert sizes == {**expected, **({"shared_blob": 5_000_010} if "shared_blob" in names else {})}
    assert result["bytes"] == sum(sizes.values())
    gone = {name for files in names.values() for name in files}
    locks = {name for name in everything(cache) if name.endswith(".lock") or name.endswith(".gpt_oss/lock")}
    assert everything(cache) - locks == {
        name for name in before - gone - locks if not name.endswith("ab.refs") and "models--gone" not in name
    }
    assert whole - everything(cache) == {next(iter(names["link"])), *lost_blob(whole, models)}
    assert not (cache / "models--openai--gpt-oss-120b/refs/pr").exists()


def lost_blob(whole: set[str], models: Hub) -> set[str]:
    """Return the blob that was lost before."""
    commit = models.repositories["models", SMALL].resolve("next")
    assert commit
    blob = f"{FOLDER}/blobs/{commit.files['config.json'].etag}"
    assert blob in whole
    return {blob}


def test_leftovers_and_revisions_together(cache: Path, models: Hub) -> None:
    spoil(cache, models)
    result = pruned(cache, leftovers=True, revisions=True, keep=[{"repo_id": LARGE}])
    assert left(result) == {(LARGE, "main")}
    assert result["cache"]["leftovers"] == []
    everywhere = pruned(cache, leftovers=True, revisions=True)
    assert left(everywhere) == set()
    assert not [name for name in everything(cache) if name.startswith("models--")]
    assert not list(cache.glob("blobs/*/" + "[0-9a-f]" * 64))


def test_a_removal_that_was_killed(hub: Hub, tmp_path: Path) -> None:
    """It is a leftover, and what was brought anew since is not part of it."""
    cache = tmp_path / "hub"
    path = Path(hf_model_run(cache, endpoint=hub.endpoint)["path"])
    hub.repositories["models", SMALL].commit({"config.json": b"{2}"}, branch="next")
    hf_model_run(cache, endpoint=hub.endpoint, revision="next")
    own = cache / FOLDER / ".gpt_oss"
    stamp = own / f"{path.name}.json"

    def begin() -> None:
        stamp.replace(own / f"{path.name}.part.json")
        path.replace(own / f"removed-{path.name}")

    begin()
    told = hf_cache_run(cache)["cache"]
    assert [(row["kind"], row["bytes"]) for row in told["leftovers"]] == [("removal", 100_002)]
    assert [row["refs"] for row in told["revisions"]] == [["next"]]
    hf_model_run(cache, endpoint=hub.endpoint)
    assert path.is_dir() and hf_cache_run(cache)["cache"]["leftovers"] == []
    begin()
    # huggingface_hub knows nothing of a removal, and brings the revision anew beside what is left of it.
    download(cache, hub, (SMALL, "main"))
    result = pruned(cache, leftovers=True)
    assert [(row["kind"], row["bytes"]) for row in result["removed"]] == [("staging", 0)]
    assert left(result) == {(SMALL, "main"), (SMALL, "next")} and (path / "model.safetensors").is_file()
    hf_model_run(cache, endpoint=hub.endpoint)
    begin()
    result = pruned(cache, leftovers=True)
    assert result["bytes"] == 200_002, "with what huggingface_hub brought beside"
    assert left(result) == {(SMALL, "next")}


def test_what_is_young_stays(cache: Path, models: Hub) -> None:
    spoil(cache, models)
    result = hf_cache_run(cache, state="pruned", leftovers=True, leftover_age=600)
    assert {row["kind"] for row in result["removed"]} == {"link", "ref"}, "these nobody can be writing"


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    """The real huggingface_hub, stalled in the middle of a file, and then killed."""
    cache = tmp_path / "hub"
    with hub_with_models(xet=False) as hub:
        hub.fault("stall", path="model.safetensors", after=100_000)
        arguments = f"'{SMALL}', cache_dir={str(cache)!r}, endpoint={hub.endpoint!r}"
        code = f"import huggingface_hub; huggingface_hub.snapshot_download({arguments})"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        loading = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not list(cache.glob("*/blobs/*.incomplete")):
                assert loading.poll() is None
            (row,) = hf_cache_run(cache)["cache"]["revisions"]
            assert row["brought_by"] == "a download by huggingface_hub"
            for options in ({"leftovers": True}, {"revisions": True}):
                result = hf_cache_run(cache, state="pruned", **options)
                assert not result["changed"], result["removed"]
            assert result["kept"][0]["reason"] == "changed by a download by huggingface_hub"
        finally:
            loading.send_signal(signal.SIGKILL)
            loading.wait()
    result = pruned(cache, leftovers=True)
    assert [row["kind"] for row in result["removed"]] == ["incomplete"]
    # Held without a lock, by this process.
    (cache / FOLDER / "blobs/a.incomplete").write_bytes(b"a")
    blob = next(path for path in (cache / FOLDER / "blobs").iterdir() if path.suffix != ".incomplete")
    with (cache / FOLDER / "blobs/a.incomplete").open(), blob.open():
        result = hf_cache_run(cache, state="pruned", leftovers=True, revisions=True)
        assert not result["changed"]
        assert f"used by process {os.getpid()} (" in result["kept"][0]["reason"]
    assert pruned(cache, leftovers=True, revisions=True)["bytes"] > 0


@pytest.fixture
def container(engine: docker.APIClient, prefix: str, simulator_image: str) -> Callable[..., str]:
    """A maker of containers that see a cache, and need not run for that."""

    def make(cache: Path, *command: str, labels: dict[str, str] | None = None, source: Path | None = None) -> str:
        name = f"{prefix}-{len(engine.containers(all=True, filters={'name': f'^/{prefix}'}))}"
        binds = [f"{source or cache.parent}:/root/.cache/huggingface"]
        engine.create_container(
            simulator_image, list(command), name=name, labels=labels, host_config=engine.create_host_config(binds=binds)
        )
        return name

    return make


def test_what_servers_need_stays(
    cache: Path, models: Hub, container: Callable[..., str], engine: docker.APIClient
) -> None:
    main, next_ = commit_of(models, SMALL), commit_of(models, SMALL, "next")
    asked = {"revisions": True, "docker_host": DOCKER_HOST}

    def kept(**options: Any) -> dict[tuple[str, str], str]:
        result = hf_cache_run(cache, check_mode=True, state="pruned", **{**asked, **options})
        assert not result.get("failed"), result["msg"]
        return {(row["repo_id"], row["commit"]): row["reason"] for row in result["kept"]}

    labels = {"gpt_oss.fleet.revision": next_}
    pinned = container(cache, SMALL, "--revision", next_, labels=labels)
    assert kept() == {(SMALL, next_): f"used by {pinned}"}
    assert hf_cache_run(cache, docker_host=DOCKER_HOST)["cache"]["users_problem"] == ""
    # It was started with what main was then, and will start with what main is now.
    unpinned = container(cache, SMALL, labels=labels)
    assert kept() == {(SMALL, next_): f"used by {pinned}, {unpinned}", (SMALL, main): f"used by {unpinned}"}
    # The original command, by hand: no label, so all revisions.
    by_hand = container(cache, "--model", LARGE)
    assert kept()[LARGE, commit_of(models, LARGE)] == f"used by {by_hand}"
    for name in (pinned, unpinned, by_hand):
        engine.remove_container(name)
    elsewhere = container(cache, "--model", LARGE, source=cache.parent.parent)
    assert set(kept()) == {(LARGE, commit_of(models, LARGE))}, "it sees the cache from far above, but names a model"
    engine.remove_container(elsewhere)
    container(cache, "--port", "8000", source=cache.parent.parent)
    assert kept() == {}, "it names none, as what watches disks"
    untold = container(cache, "--config", "/etc/vllm.yaml")
    assert len(kept()) == 3 and set(kept().values()) == {f"used by {untold}"}
    engine.remove_container(untold)

    state = cache.parent / "servers/gpt-oss-20b"
    state.mkdir(parents=True)
    descriptions = [
        {"accepted": "today", "parameters": {"model": SMALL, "arguments": ["--revision", next_], "labels": labels}},
        {"accepted": "once", "parameters": {"model": LARGE, "arguments": [], "labels": {}}},
        {"accepted": "long ago", "parameters": {"model": SMALL, "arguments": ["--revision", main], "labels": {}}},
    ]
    (state / "accepted.json").write_text(json.dumps(descriptions))
    assert kept() == {
        (SMALL, next_): "used by gpt-oss-20b (accepted today)",
        (LARGE, commit_of(models, LARGE)): "used by gpt-oss-20b (accepted once)",
    }
    result = pruned(cache, **asked)
    assert [(row["repo_id"], row["commit"]) for row in result["removed"]] == [(SMALL, main)]


@pytest.mark.parametrize("broken", ["engine", "descriptions"])
def test_nothing_goes_when_it_cannot_be_told_what_servers_need(cache: Path, broken: str) -> None:
    (cache / FOLDER / "blobs/x.incomplete").write_bytes(b"x")
    options: dict[str, Any] = {"docker_host": f"unix://{cache}/none.sock"}
    expected = "there is no Docker Engine at unix://"
    if broken == "descriptions":
        (cache.parent / "servers/gpt-oss").mkdir(parents=True)
        (cache.parent / "servers/gpt-oss/accepted.json").write_text("[{}]")
        options, expected = {}, "expected the descriptions that gpt-oss can go back to"
    before = everything(cache)
    for check_mode in (True, False):
        result = hf_cache_run(cache, check_mode, state="pruned", revisions=True, leftovers=True, **options)
        assert result["failed"] and expected in result["msg"] and "nothing was removed" in result["msg"], result["msg"]
        assert everything(cache) == before
    told = hf_cache_run(cache, **options)["cache"]
    assert expected in told["users_problem"] and {row["used_by"] for row in told["revisions"]} == {None}
    # What was never finished is not what a server uses: a full disk can take the engine down.
    assert pruned(cache, leftovers=True, **options)["bytes"] == 1
