# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model and processes that are killed at any moment: nothing finished is lost, nothing half is taken for whole."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Seen
from hub_harness import COMMIT, FOLDER, REPO, Hub, bring, digest, ended, honest, module_process, stamps, until
from lookalike_hub import Generated

pytestmark = pytest.mark.slow

SHARD = 3 << 20
NAMES = [f"model-0000{number}-of-00006.safetensors" for number in range(1, 7)]
CONTENTS = {name: Generated(SHARD, number) for number, name in enumerate(NAMES)}
SMALL = {"config.json": b"{}", "tokenizer.json": b"t" * 200_000}
TOTAL = sum(content.size for content in CONTENTS.values())
KILLS = 10
# A download takes about three seconds; what is under way to a process that dies is lost.
RATE = 6 << 20
UNDER_WAY = 512 << 10


@pytest.fixture(params=[pytest.param(False, id="http"), pytest.param(True, id="xet", marks=pytest.mark.slow)])
def hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A Hub with a model in six parts, and a line of limited speed."""
    with Hub(rate=RATE) as hub:
        hub.add(REPO, xet=request.param).commit({**SMALL, **CONTENTS}, commit=COMMIT)
        hub.repository(REPO).hash_all()
        yield hub


@pytest.fixture
def moments(record_property: Any) -> random.Random:
    """Random moments; what they were is printed, and GPT_OSS_FLEET_SEED brings them again."""
    seed = int(os.environ.get("GPT_OSS_FLEET_SEED", random.randrange(1 << 32)))
    print(f"GPT_OSS_FLEET_SEED={seed}")
    record_property("seed", seed)
    return random.Random(seed)


def start(hub: Hub, cache: Path) -> Path:
    """Have a process of its own bring the model; returns the folder of its status."""
    result = ended(
        module_process(cache, endpoint=hub.endpoint, background=True, stall_timeout=15, retries=5, workers=3)
    )
    assert not result.get("failed"), result["msg"]
    return Path(result["status_path"]).parent


def status_of(job: Path) -> dict[str, Any]:
    return dict(json.loads((job / "status.json").read_text()))


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def lives(pid: int) -> bool:
    """Tell whether a process is there, and no zombie that waits to be fetched."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def finished(cache: Path) -> set[str]:
    """Return the files whose contents the cache has."""
    found = {path.name for path in (cache / FOLDER / "blobs").glob("*")}
    blobs = {name: content.hashes()[0] for name, content in CONTENTS.items()}
    blobs.update({name: digest(data, "git_sha1") for name, data in SMALL.items()})
    return {name for name, blob in blobs.items() if blob in found}


def kill(job: Path) -> None:
    """End a job as the system does for want of memory; those that it started must end with it."""
    pid = status_of(job)["pid"]
    started = children(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not any(lives(process) for process in [pid, *started]))


def is_right(cache: Path) -> None:
    for name, content in CONTENTS.items():
        data = (cache / FOLDER / "snapshots" / COMMIT / name).read_bytes()
        assert digest(data) == content.hashes()[0], name


def asked_for(hub: Hub, since: int) -> set[str]:
    """Return the files of which bytes were asked for after a request."""
    return {record.file or "" for record in hub.books.requests() if record.is_content and record.number > since}


@pytest.mark.fault(
    kind="job killed",
    stage="models",
    fault="the process that downloads is killed ten times, at random moments",
    sees="verified: True, finished files fetched again: 0",
    kept="each finished file; nothing half passes for whole",
    next_run="moves what is missing",
)
def test_a_job_that_is_killed_at_random_moments(hub: Hub, tmp_path: Path, moments: random.Random, seen: Seen) -> None:
    finished_at: dict[str, int] = {}
    kills = 0
    for share in sorted(moments.random() for _unused in range(KILLS)):
        job = start(hub, tmp_path)
        until(lambda wanted=share * TOTAL: sum(hub.books.content().values()) >= wanted or stamps(tmp_path), 30)
        time.sleep(moments.uniform(0.0, 0.2))
        if stamps(tmp_path):
            break
        kill(job)
        kills += 1
        honest(tmp_path)
        now = finished(tmp_path)
        assert set(finished_at) <= now, "a finished file was lost"
        last = max((record.number for record in hub.books.requests()), default=0)
        finished_at.update(dict.fromkeys(now - set(finished_at), last))
        print(f"kill {kills}: {len(now)} files are finished, {sum(hub.books.content().values()):,} bytes were sent")
    result = bring(hub, tmp_path, workers=3)
    assert result.get("verified"), result
    assert set(result["files"]) == {*SMALL, *NAMES} - set(finished_at), "the last run moves what is missing"
    again = {name for name, number in finished_at.items() if name in asked_for(hub, number)}
    assert again == set(), "a finished file was fetched again"
    if not hub.repository(REPO).xet:
        assert sum(hub.books.repeated().values()) <= kills * 3 * UNDER_WAY, hub.books.repeated()
    is_right(tmp_path)
    seen(f"verified: {result['verified']}, finished files fetched again: {len(again)}")


def test_a_job_that_is_killed_while_it_mends_leaves_no_stamp(hub: Hub, tmp_path: Path) -> None:
    """What was called whole must not be so any more, from the moment on that damage was found."""
    hub.set(rate=None)
    assert bring(hub, tmp_path)["verified"]
    file = tmp_path / FOLDER / "snapshots" / COMMIT / NAMES[0]
    file.write_bytes(b"x" * SHARD)
    hub.set(rate=200_000)
    before = hub.books.content()[NAMES[0]]
    job = start(hub, tmp_path)
    until(lambda: hub.books.content()[NAMES[0]] > before, 30)
    kill(job)
    assert stamps(tmp_path) == []
    hub.set(rate=None)
    result = bring(hub, tmp_path, revision=COMMIT)
    assert (result["files"], list(result["damaged"])) == ([NAMES[0]], [NAMES[0]])
    is_right(tmp_path)


def test_children_that_are_killed_at_random_moments(hub: Hub, tmp_path: Path, moments: random.Random) -> None:
    job = start(hub, tmp_path)
    pid, kills, sent = status_of(job)["pid"], 0, 0

    def gained() -> bool:
        """A child that dies is no failure as long as there is progress."""
        return sum(hub.books.content().values()) >= sent + (256 << 10) or status_of(job)["state"] != "running"

    while kills < KILLS and status_of(job)["state"] == "running":
        until(gained, 30)
        sent = sum(hub.books.content().values())
        time.sleep(moments.uniform(0.0, 0.2))
        if some := children(pid):
            os.kill(moments.choice(some), signal.SIGKILL)
            kills += 1
    until(lambda: status_of(job)["state"] != "running", 120)
    status = status_of(job)
    assert status["state"] == "finished", status
    print(f"{kills} kills")
    assert kills and status["result"]["verified"]
    honest(tmp_path)
    is_right(tmp_path)
