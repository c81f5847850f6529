# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model and a cache in which something is wrong: it is found, named, and mended, while others read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Seen
from hub_harness import COMMIT, FILES, FOLDER, REPO, Hub, bring, refused, stamps, whole

BIG = "model.safetensors"
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def cache(hub: Hub, tmp_path: Path) -> Path:
    """A cache with the model, and a Hub that has forgotten how it came there."""
    whole(bring(hub, tmp_path / "hub"))
    hub.books.clear()
    return tmp_path / "hub"


def file_of(cache: Path, name: str = BIG) -> Path:
    return cache / FOLDER / "snapshots" / COMMIT / name


def flip(path: Path, at: int = 1000) -> None:
    """Change one byte as a bad disk does: neither size nor time tell."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def lose(path: Path) -> None:
    path.resolve().unlink()


def lose_link(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, 100)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def mislead(path: Path) -> None:
    path.unlink()
    path.symlink_to("../../blobs/nothing")


def replace_by_copy(path: Path) -> None:
    content = path.resolve()
    path.unlink()
    shutil.copyfile(content, path)
    rewrite(path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "100 bytes instead of 100,000"),
        (empty, "0 bytes instead of 100,000"),
        (lengthen, "100,001 bytes instead of 100,000"),
        (rewrite, "sha256 "),
        (replace_by_copy, "sha256 "),
        (lose, None),
    ],
)
@pytest.mark.fault(
    kind="corrupted model",
    stage="models",
    fault="a file of the cache is cut, emptied, lengthened, overwritten or lost",
    sees="lacks model.safetensors in … and offline forbids to fetch it",
    kept="the other files; the stamp that said whole is gone",
    next_run="fetches that file alone",
)
def test_what_is_damaged_is_named_and_fetched_again(
    hub: Hub, cache: Path, damage: Callable[[Path], None], said: str | None, seen: Seen
) -> None:
    damage(file_of(cache))
    offline = bring(hub, cache, offline=True)
    assert offline.get("failed"), offline
    assert f"lacks {BIG} in {cache}, and offline forbids to fetch it" in offline["msg"]
    seen(offline["msg"])
    assert said is None or f"Damaged in the cache: {BIG}: {said}" in offline["msg"]
    assert hub.books.requests() == [] and stamps(cache) == [], "nobody may take it for whole"
    result = bring(hub, cache, revision=COMMIT)
    whole(result)
    assert result["changed"] and result["files"] == [BIG] and hub.books.downloads() == [BIG]
    assert (said is None and result["damaged"] == {}) or result["damaged"][BIG].startswith(said or "?")
    assert not bring(hub, cache, revision=COMMIT)["changed"]


@pytest.mark.parametrize("damage", [lose_link, mislead])
def test_a_lost_link_moves_no_byte(hub: Hub, cache: Path, damage: Callable[[Path], None]) -> None:
    damage(file_of(cache))
    foreseen = bring(hub, cache, check_mode=True, offline=True)
    assert (foreseen["changed"], foreseen["bytes"], foreseen["verified"]) == (True, 0, False)
    result = bring(hub, cache, offline=True)
    whole(result)
    assert (result["changed"], result["bytes"]) == (True, 0)


def test_a_byte_that_a_disk_changed_is_found_by_verified_alone(hub: Hub, cache: Path) -> None:
    flip(file_of(cache))
    assert not bring(hub, cache, offline=True, deceived=True).get("failed"), "present looks at sizes and times"
    named = bring(hub, cache, offline=True, state="verified")
    assert named["failed"] and f"Damaged in the cache: {BIG}: sha256 " in named["msg"]
    assert stamps(cache) == []
    mended = bring(hub, cache, revision=COMMIT, state="verified")
    whole(mended)
    assert mended["changed"] and mended["files"] == [BIG] and list(mended["damaged"]) == [BIG]
    again = bring(hub, cache, offline=True, state="verified")
    whole(again)
    assert not again["changed"] and again["damaged"] == {}
    assert hub.books.downloads() == [BIG]


def test_a_check_of_state_verified_reads_nothing_and_says_so(hub: Hub, cache: Path) -> None:
    flip(file_of(cache))
    result = bring(hub, cache, offline=True, state="verified", check_mode=True)
    assert (result["changed"], result["files"]) == (False, [])


def test_a_touched_file_is_read_again_and_found_right(hub: Hub, cache: Path) -> None:
    os.utime(file_of(cache))
    result = bring(hub, cache, offline=True)
    whole(result)
    assert result["bytes"] == 0 and result["damaged"] == {}
    assert not bring(hub, cache, offline=True)["changed"]


def test_damage_that_cannot_be_mended_leaves_no_stamp(hub: Hub, cache: Path) -> None:
    rewrite(file_of(cache))
    hub.fault("wrong_bytes", path=BIG)
    refused(bring(hub, cache, revision=COMMIT), cache, f"{BIG} arrived wrong", f"Damaged in the cache: {BIG}: sha256 ")


def test_a_server_goes_on_with_the_file_that_is_mended(hub: Hub, cache: Path) -> None:
    """It has the old file in its memory: no byte of that changes, and reading it ends in no SIGBUS."""
    flip(file_of(cache))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(file_of(cache))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin and reader.stdout
    assert reader.stdout.readline() == "mapped\n"
    whole(bring(hub, cache, revision=COMMIT, state="verified"))
    reader.stdin.write("\n")
    reader.stdin.close()
    old = json.loads(reader.stdout.readline())
    assert reader.wait(30) == 0, "a reader that was killed, as by SIGBUS"
    assert old == {"size": 100_000, "wrong": 1}
    assert file_of(cache).read_bytes() == FILES[BIG]


READER = f"""
import json, mmap, sys
file = open(sys.argv[1], "rb")
memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print("mapped", flush=True)
sys.stdin.readline()
data = memory[:]
print(json.dumps({{"size": len(data), "wrong": sum(byte != {ord("w")} for byte in data)}}), flush=True)
"""


def test_a_snapshot_is_whole_at_each_moment_of_a_move_to_the_next(hub: Hub, cache: Path) -> None:
    """A reader of the branch finds the old commit or the new one, and each file of it."""
    later = {**FILES, BIG: b"n" * 100_000, "tokenizer.json": b"[]"}
    commit = hub.repository(REPO).commit(later)
    code = WATCHER.format(folder=str(cache / FOLDER))
    watcher = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert watcher.stdin and watcher.stdout
    assert watcher.stdout.readline() == "ready\n"
    whole_result = bring(hub, cache)
    watcher.stdin.close()
    seen = json.loads(watcher.stdout.readline())
    assert watcher.wait(30) == 0
    assert whole_result["commit"] == commit and seen["problems"] == []
    assert seen["commits"] == [COMMIT, commit]


WATCHER = """
import json, pathlib, select, sys
folder = pathlib.Path({folder!r})
commits, problems = [], []
print("ready", flush=True)
while True:
    last = bool(select.select([sys.stdin], [], [], 0)[0])
    commit = (folder / "refs/main").read_text()
    if commit not in commits:
        commits.append(commit)
    for name in ("config.json", "model.safetensors", *(["tokenizer.json"] if len(commits) > 1 else [])):
        try:
            if not (folder / "snapshots" / commit / name).read_bytes():
                problems.append([commit, name, "empty"])
        except OSError as exc:
            problems.append([commit, name, str(exc)])
    if last:
        break
print(json.dumps(dict(commits=commits, problems=problems)), flush=True)
"""


# --- patterns


def test_patterns_that_become_wider_move_the_rest(hub: Hub, cache: Path) -> None:
    wider = {"ignore_patterns": [], "revision": COMMIT}
    foreseen = bring(hub, cache, check_mode=True, **wider)
    assert (foreseen["files"], foreseen["bytes"]) == (["original/model.bin"], 100_000)
    hub.fault("status", path="original/*", status=500)
    failed = bring(hub, cache, retries=0, **wider)
    assert failed["failed"] and stamps(cache) == []
    assert not bring(hub, cache, revision=COMMIT).get("failed"), "what was whole before is so again, without the Hub"
    hub.faults.clear()
    result = bring(hub, cache, **wider)
    assert (result["files"], result["verified"]) == (["original/model.bin"], True)
    assert set(hub.books.downloads()) == {"original/model.bin"}
    assert hub.books.requests(phase="api") == [], "the list was kept"


def test_patterns_that_become_narrower_change_nothing(hub: Hub, cache: Path) -> None:
    result = bring(hub, cache, revision=COMMIT, allow_patterns=["*.json"])
    assert (result["changed"], result["total_bytes"], hub.books.requests()) == (False, 2, [])


def test_patterns_that_leave_nothing(hub: Hub, tmp_path: Path) -> None:
    result = bring(hub, tmp_path, allow_patterns=["*.gguf"])
    refused(result, tmp_path, "no file of openai/gpt-oss-20b matches the patterns", "correct allow_patterns")


# --- offline


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_offline_without_the_model(tmp_path: Path, revision: str) -> None:
    with Hub() as hub:
        result = bring(hub, tmp_path, offline=True, revision=revision)
        refused(result, tmp_path, f"{REPO} at revision {revision} is not in {tmp_path}", "run once with offline: false")
        assert hub.books.requests() == []


@pytest.mark.fault(
    kind="corrupted stamp",
    stage="models",
    fault="the stamp that says that a model is whole is cut in the middle",
    sees="verified: True",
    kept="the model: its contents are read again",
    next_run="nothing: the same run wrote the stamp anew",
)
def test_offline_with_a_stamp_that_is_broken(hub: Hub, cache: Path, seen: Seen) -> None:
    """The names of the blobs tell what they hold."""
    stamp = cache / FOLDER / ".gpt_oss" / f"{COMMIT}.json"
    stamp.write_text(stamp.read_text()[:-200])
    result = bring(hub, cache, offline=True)
    whole(result)
    seen(f"verified: {result['verified']}")
    assert hub.books.requests() == []


def test_what_was_only_guessed_offline_is_asked_for_once_online(hub: Hub, cache: Path) -> None:
    shutil.rmtree(cache / FOLDER / ".gpt_oss")
    (cache / FOLDER / "snapshots" / COMMIT / BIG).unlink()
    guessed = bring(hub, cache, offline=True)
    assert guessed["verified"] and guessed["total_bytes"] == 2, "nothing tells that there is more"
    result = bring(hub, cache, revision=COMMIT)
    whole(result)
    assert hub.books.downloads() == []
    hub.books.clear()
    assert not bring(hub, cache, revision=COMMIT)["changed"] and hub.books.requests() == []


def test_nothing_to_do_asks_nobody(hub: Hub, cache: Path) -> None:
    hub.down()
    for options in ({"revision": COMMIT}, {"offline": True}, {"revision": COMMIT, "check_mode": True}):
        result: dict[str, Any] = bring(hub, cache, retries=0, **options)
        whole(result)
        assert (result["changed"], result["bytes"], result["files"]) == (False, 0, [])
