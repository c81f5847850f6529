# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_watch import looks_command, parse_all, watch_all
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import Interrupted, Limits, WatchTimeout

Read = Callable[[str, float], "tuple[bool, dict[str, Any]]"]


def run(read: Read, *paths: str, **limits: Any) -> tuple[list[tuple[str, float]], float]:
    """Return which job was shown when, and how long the watch took."""
    now = 0.0
    shown = []

    def look(asked: Sequence[str], seconds: float) -> dict[str, tuple[bool, dict[str, Any]]]:
        sleep(seconds)
        return {path: read(path, now) for path in asked}

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    watch_all(
        look,
        lambda status: shown.append((status["server"], now)),
        paths,
        Limits(**{"interval": 5.0, **limits}),
        lambda: now,
        sleep,
    )
    return shown, now


def jobs(**ends: float) -> Read:
    def read(path: str, now: float) -> tuple[bool, dict[str, Any]]:
        running = now < ends[path]
        return not running, {"server": path, "state": "running" if running else "finished", "updated": now}

    return read


def test_all_jobs_are_shown_each_interval_until_they_end() -> None:
    shown, took = run(jobs(a=12, b=22), "a", "b")
    assert shown == [("a", 0), ("b", 0), ("a", 5), ("b", 5), ("a", 10), ("b", 10), ("b", 15), ("b", 20)]
    assert took == 25


def test_nothing_is_shown_where_nothing_runs() -> None:
    assert run(jobs(a=0), "a") == ([], 0.0)
    assert run(jobs()) == ([], 0.0)


def test_a_silent_job_is_left() -> None:
    shown, took = run(lambda _path, now: (False, {"server": "a", "state": "running", "updated": min(now, 10)}), "a")
    assert 40 <= took <= 50
    assert shown


def test_a_line_that_comes_back_is_forgiven_and_one_that_stays_away_is_told() -> None:
    def away(until: float) -> Read:
        def read(path: str, now: float) -> tuple[bool, dict[str, Any]]:
            if 10 < now < until:
                raise Interrupted("no route")
            return jobs(a=300)(path, now)

        return read

    assert run(away(100), "a")[1] == pytest.approx(300, abs=6)
    with pytest.raises(Interrupted, match="no route"):
        run(away(900), "a")
    with pytest.raises(WatchTimeout, match="after 30 s"):
        run(jobs(a=900), "a", timeout=30.0)


@pytest.mark.skipif(shutil.which("flock") is None, reason="needs flock(1)")
def test_the_command_tells_all_jobs_in_one_look(tmp_path: Path) -> None:
    paths = []
    for name in ("a job", "b", "c"):
        folder = tmp_path / name
        folder.mkdir()
        _job_status.write_status(folder, {"state": "running", "server": name})
        paths.append(str(folder / "status.json"))
    locks = [_job_status.RunLock.acquire(tmp_path / name) for name in ("a job", "c")]
    try:
        output = subprocess.run(["sh", "-c", looks_command(paths, 0.05)], capture_output=True, text=True, check=True)
    finally:
        for lock in locks:
            assert lock is not None
            lock.release()
    found = parse_all(output.stdout, paths)
    assert [ended for ended, _status in found.values()] == [False, True, False]
    assert [status["server"] for _ended, status in found.values()] == ["a job", "b", "c"]


@pytest.mark.parametrize("text", ["", "1\n{}\n0", "1\nnot json\n0\n{}"])
def test_what_is_no_status_is_an_interruption(text: str) -> None:
    with pytest.raises(Interrupted):
        parse_all(text, ["/a/status.json", "/b/status.json"])


def test_two_statuses() -> None:
    text = f"1\n{json.dumps({'n': 1})}\n0\n{json.dumps({'n': 2})}\n"
    assert parse_all(text, ["/a", "/b"]) == {"/a": (False, {"n": 1}), "/b": (True, {"n": 2})}
