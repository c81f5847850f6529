from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job_status import RunLock
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import (
    Interrupted,
    Limits,
    WatchTimeout,
    duration,
    image_line,
    look_command,
    model_line,
    ready_line,
    start_line,
    watch,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(read: Any, **limits: Any) -> tuple[dict[str, Any], list[float], float]:
    """Return the last status, the seconds at which a line was shown, and how long the watch took."""
    clock = Clock()
    shown: list[float] = []

    def look(seconds: float) -> str:
        clock.sleep(seconds)
        return f"1\n{read(clock.now - 1000.0)}"

    status = watch(
        look,
        lambda _status: shown.append(clock.now - 1000.0),
        Limits(**{"interval": 5.0, **limits}),
        clock,
        clock.sleep,
    )
    return status, shown, clock.now - 1000.0


def job(seconds: float, end: str = "finished") -> Any:
    def read(now: float) -> str:
        return json.dumps({"state": "running" if now < seconds else end, "updated": int(now)})

    return read


@pytest.mark.parametrize("end", ["finished", "failed", "stopped"])
def test_a_job_is_followed_to_its_end(end: str) -> None:
    status, shown, took = run(job(60, end))
    assert status["state"] == end
    assert 60 <= took <= 65
    assert len(shown) == pytest.approx(11, abs=2)


def test_a_short_job_is_noticed_soon_and_without_lines() -> None:
    _unused, shown, took = run(job(1))
    assert took < 1.6
    assert shown == []


def test_a_connection_that_comes_back_is_forgiven() -> None:
    def read(now: float) -> str:
        if 10 < now < 110:
            raise Interrupted("no route")
        return job(200)(now)

    assert run(read)[0]["state"] == "finished"


def test_a_connection_that_stays_away_is_told() -> None:
    def read(now: float) -> str:
        if now > 10:
            raise Interrupted("no route")
        return job(900)(now)

    with pytest.raises(Interrupted, match="no route"):
        run(read, patience=60.0)


@pytest.mark.parametrize("text", ["", "[]", "cat: no such file"])
def test_what_is_no_status_is_an_interruption(text: str) -> None:
    with pytest.raises(Interrupted, match="does not hold a status"):
        run(lambda _now: text)


def test_a_silent_job_is_given_back() -> None:
    status, _unused, took = run(lambda now: json.dumps({"state": "running", "updated": min(int(now), 20)}))
    assert status["state"] == "running"
    assert 50 <= took <= 60


def test_a_watch_may_be_limited() -> None:
    with pytest.raises(WatchTimeout, match="after 30 s"):
        run(job(900), timeout=30.0)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3661, "1:01:01")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_job_that_was_killed_is_given_back_at_once() -> None:
    """Nobody holds the lock, and the status still says running."""
    status = watch(lambda _seconds: '0\n{"state": "running", "updated": 1}', lambda _status: None, Limits(5.0))
    assert status["state"] == "running"


LOADING = {
    "server": "s",
    "stage": "weights",
    "done": 7,
    "total": 15,
    "unit": "shards",
    "stage_seconds": 38,
    "seconds": 72,
}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (LOADING, "[h] s: weights 7/15 shards (46 %), 0:38 in it, 1:12 in all"),
        (
            {
                "server": "s",
                "stage": "first_completion",
                "stage_seconds": 3.4,
                "seconds": 61.0,
                "expected_seconds": 60.5,
            },
            "[h] s: first completion, 0:03 in it, 1:01 in all (about 99 % of the last start's time)",
        ),
        ({"server": "s"}, "[h] s: created, 0:00 in it, 0:00 in all"),
    ],
)
def test_lines_of_a_start(status: dict[str, Any], line: str) -> None:
    assert start_line("h", status) == line


GIB = 1024**3
PULLING = {"image": "i:1", "phase": "download", "layers_done": 3, "layers_total": 12, "bytes_total": 24 * GIB}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({"image": "i:1"}, "[h] i:1: ask"),
        (
            {**PULLING, "bytes_done": 6 * GIB, "percentage": 25.0},
            "[h] i:1: download, 3/12 layers, 6.0 of 24.0 GiB (25 %)",
        ),
        ({**PULLING, "bytes_total": 0, "percentage": None}, "[h] i:1: download, 3/12 layers"),
    ],
)
def test_lines_of_an_image(status: dict[str, Any], line: str) -> None:
    assert image_line("h", status) == line


MODEL = {"repo_id": "openai/gpt-oss-20b"}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({}, "begins"),
        ({"phase": "ask"}, "asks what there is"),
        ({"phase": "ask", "trouble": "busy (again in 5 s)"}, "asks what there is, retrying: busy (again in 5 s)"),
        ({"phase": "wait"}, "waits for another run"),
        ({"phase": "read", "bytes_done": 3 << 30}, "reads the folder, 3.0 GiB"),
        ({"phase": "verify", "bytes_done": 1 << 30, "bytes_total": 4 << 30}, "verifies, 1.0 of 4.0 GiB (25 %)"),
        ({"phase": "verify", "bytes_done": 0, "bytes_total": 4 << 20}, "verifies, 0.0 of 4.0 MiB (0 %)"),
        ({"phase": "copy", "bytes_done": None, "bytes_total": 1 << 30}, "copies, 0.0 of 1.0 GiB (0 %)"),
        ({"phase": "peers"}, "fetches from other hosts"),
        ({"phase": "later"}, "later"),
        (
            {
                "phase": "fetch",
                "bytes_done": 6 << 30,
                "bytes_total": 12 << 30,
                "files_done": 3,
                "files_total": 15,
                "rate": 250_000_000,
                "eta_s": 26,
                "trouble": "",
            },
            "fetches, 6.0 of 12.0 GiB (50 %), 3/15 files, 250.0 MB/s, 0:26 left",
        ),
        (
            {"phase": "fetch", "bytes_done": 1, "bytes_total": 100, "rate": 0, "eta_s": None, "trouble": "x" * 300},
            f"fetches, 0.0 of 0.0 MiB (1 %), retrying: {'x' * 160}",
        ),
    ],
)
def test_lines_of_a_model(status: dict[str, Any], line: str) -> None:
    assert model_line("h", {**MODEL, **status}) == f"[h] openai/gpt-oss-20b: {line}"


def test_lines_of_a_server_that_is_ready() -> None:
    stages = {"created": 9.0, "api_process": 0.01, "first_completion": 1.44}
    assert ready_line("h", "s", stages) == "[h] s: ready after 10.4 s (created 9.0, first completion 1.4)"
    assert ready_line("h", "s", {}) == "[h] s: ready after 0.0 s"


def look_in_shell(path: Path, seconds: float = 30.0, **environment: str) -> str:
    command = ["/bin/sh", "-c", look_command(str(path), seconds)]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60, env=environment or None
    ).stdout


def test_a_look_at_a_job_that_has_ended_returns_at_once(tmp_path: Path) -> None:
    (tmp_path / "it's.json").write_text('{"state": "finished"}\n')
    begin = time.monotonic()
    assert look_in_shell(tmp_path / "it's.json") == '0\n{"state": "finished"}\n'
    assert time.monotonic() - begin < 20, "it must not wait for what is over"


def test_a_look_ends_with_the_job(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("old")
    lock = RunLock.acquire(tmp_path)
    assert lock is not None
    looking = subprocess.Popen(
        ["/bin/sh", "-c", look_command(str(tmp_path / "status.json"), 30.0)], stdout=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        looking.wait(0.3)
    (tmp_path / "status.json").write_text("new")
    lock.release()
    assert looking.communicate(timeout=20)[0] == "0\nnew"


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/nowhere"], ids=["flock", "no flock"])
def test_a_look_at_a_running_job_takes_its_time(tmp_path: Path, path: str) -> None:
    (tmp_path / "status.json").write_text("{}")
    (tmp_path / "bin").mkdir()
    for tool in ("cat", "sleep"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    lock = RunLock.acquire(tmp_path)
    assert lock is not None
    begin = time.monotonic()
    assert look_in_shell(tmp_path / "status.json", 0.2, PATH=f"{tmp_path}/bin:{path}") == "1\n{}"
    assert time.monotonic() - begin >= 0.2
    lock.release()
