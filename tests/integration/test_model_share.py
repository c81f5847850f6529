"""The module hf_model_share: a verified model is shared, and nothing else; another cache gets it from there."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_share
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import repo_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import read_stamp
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_swarm import receive, swarm_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_share import SwarmError
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_model_share
from conftest import forget_warnings
from hub_harness import COMMIT, REPO, hf_model_run
from swarm_harness import make

SIZES = {"config.json": 10, "model-1.safetensors": 3_000_000, "model-2.safetensors": 2_000_001}
Result = dict[str, Any]


def share(cache: Path, check_mode: bool = False, **parameters: Any) -> Result:
    """Run the module in this process; returns its result, failed or not."""
    forget_warnings()
    output = io.StringIO()
    arguments = {"repo_id": REPO, "revision": "main", "cache_dir": str(cache), **parameters}
    told = {"_ansible_check_mode": check_mode, "_ansible_diff": True}
    with patch_module_args({**arguments, **told}), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        hf_model_share.main()
    return dict(json.loads(output.getvalue()))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    """A cache with a verified model; what is shared of it is so no longer in the end."""
    brought = hf_model_run(tmp_path / "hub", source=str(make(tmp_path / "source" / COMMIT, SIZES)), revision="main")
    assert brought["commit"], brought
    yield tmp_path / "hub"
    share(tmp_path / "hub", state="stopped")


def commit_of(cache: Path) -> str:
    return (repo_folder(str(cache), REPO) / "refs/main").read_text().strip()


def blobs(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (repo_folder(str(cache), REPO) / "blobs").iterdir()}


def test_started_and_stopped(cache: Path) -> None:
    told = share(cache, check_mode=True)
    assert (told["changed"], told["share"]["port"], told["share"]["info_hash"]) == (True, None, None), told
    result = share(cache)
    started = result["share"]
    assert result["changed"] and result["diff"] == {"before": {"shared": False}, "after": {"shared": True}}, result
    assert started["size"] > sum(SIZES.values()) and started["port"] and len(started["manifest_sha256"]) == 64
    again = share(cache)
    assert (again["changed"], again["share"]) == (False, started)
    assert share(cache, check_mode=True)["changed"] is False
    other = share(cache, upload_rate="5M")
    assert other["changed"] and other["share"]["info_hash"] == started["info_hash"]

    model = repo_folder(str(cache), REPO)
    folder = swarm_folder(model, commit_of(cache))
    for blob in (model / "blobs").iterdir():
        assert (folder / "content/blobs" / blob.name).samefile(blob)
    foreseen = share(cache, check_mode=True, state="stopped")
    stopped = share(cache, state="stopped")
    assert foreseen["changed"] and stopped["changed"] and stopped["share"]["port"] is None
    assert not folder.exists() and share(cache, state="stopped")["changed"] is False
    assert set(blobs(cache)) and not hf_model_run(cache, source=None, revision=commit_of(cache))["changed"]


def peers_of(started: dict[str, Any], **options: Any) -> dict[str, Any]:
    about = {name: started[name] for name in ("commit", "info_hash", "manifest_sha256", "size", "files")}
    return {**about, "addresses": [f"127.0.0.1:{started['port']}"], "bind_address": "127.0.0.1", **options}


def test_what_is_here_and_right_does_not_move(cache: Path, tmp_path: Path) -> None:
    started = share(cache)["share"]
    commit, other = started["commit"], tmp_path / "other" / "model"
    (other / "blobs").mkdir(parents=True)
    # The largest is here; the next one was linked by an earlier run and found damaged since: the cache's own file is
    # not written to.
    largest, damaged = sorted(blobs(cache), key=lambda name: -len(blobs(cache)[name]))[:2]
    (other / "blobs" / largest).write_bytes(blobs(cache)[largest])
    (other / "blobs" / damaged).write_bytes(bytes(len(blobs(cache)[damaged])))
    content = swarm_folder(other, commit) / "content"
    (content / "blobs").mkdir(parents=True)
    (content / "blobs" / damaged).hardlink_to(other / "blobs" / damaged)
    here = {largest: other / "blobs" / largest}
    told: list[dict[str, Any]] = []
    try:
        got = receive(other, REPO, commit, peers_of(started), here, told.append)
        status = _swarm_share.running(content.parent) or {}
        assert got == content and {path.name: path.read_bytes() for path in (got / "blobs").iterdir()} == blobs(cache)
        assert status["received_bytes"] < sum(SIZES.values()) - len(blobs(cache)[largest]) + 200_000, status
        assert told[-1]["bytes_done"] == told[-1]["bytes_total"] == started["size"], told
        assert (other / "blobs" / damaged).read_bytes() == bytes(len(blobs(cache)[damaged]))
        with pytest.raises(SwarmError, match="expected a manifest"):
            receive(other, REPO, commit, peers_of(started, manifest_sha256="0" * 64), here, told.append)
    finally:
        _swarm_share.stop(content.parent)


def test_the_module_takes_it_over_and_shares_it(cache: Path, tmp_path: Path) -> None:
    started = share(cache)["share"]
    first, second = tmp_path / "first", tmp_path / "second"
    try:
        result = hf_model_run(first, revision="main", peers=peers_of(started), offline=True)
        assert result["changed"] and result["verified"] and result["commit"] == started["commit"], result
        assert blobs(first) == blobs(cache) and result["origins"] == {"peers": sum(SIZES.values())}
        assert (Path(result["path"]) / "config.json").read_bytes() == (
            tmp_path / "source" / COMMIT / "config.json"
        ).read_bytes()
        assert not hf_model_run(first, revision=started["commit"], peers=peers_of(started), offline=True)["changed"]
        # Who took it gives it to the next, without the one that had it, though the next one's port is taken.
        share(cache, state="stopped")
        running = share(first)["share"]
        assert running["info_hash"] == started["info_hash"]
        taken = peers_of(running, port=running["port"])
        again = hf_model_run(second, revision="main", peers=taken, offline=True)
        assert blobs(second) == blobs(cache) and not again.get("warnings"), again
    finally:
        for other in (first, second):
            share(other, state="stopped", revision=started["commit"])
    assert not list(tmp_path.glob("*/*/.gpt_oss/swarm-*"))


def test_only_what_was_verified(cache: Path, tmp_path: Path) -> None:
    absent = share(tmp_path / "nothing")
    assert absent["failed"] and "expected a verified snapshot" in absent["msg"], absent
    model, commit = repo_folder(str(cache), REPO), commit_of(cache)
    stamp = read_stamp(model, commit)
    assert stamp
    blob = model / "blobs" / stamp.files["model-1.safetensors"].blob
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes())
    changed = share(cache)
    assert changed["failed"] and "found others: model-1.safetensors" in changed["msg"], changed
    unreadable = share(cache, upload_rate="fast")
    assert unreadable["failed"] and "upload_rate as 500M" in unreadable["msg"]
