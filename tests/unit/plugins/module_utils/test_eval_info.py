# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_info import InfoError, evals, is_held


def test_a_host_without_evals(tmp_path: Path) -> None:
    assert evals(str(tmp_path / "nothing")) == []
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert evals(str(tmp_path)) == []


def test_what_runs_and_what_ended(tmp_path: Path) -> None:
    for name, state in (("two", "running"), ("one", "finished"), ("killed", "running")):
        folder = tmp_path / name
        folder.mkdir()
        _job_status.write_status(folder, {"state": state, "updated": 990.0, "server": name})
        (folder / "lock").write_text("")
    lock = _job_status.RunLock.acquire(tmp_path / "two")
    assert lock is not None
    try:
        found = {entry["server"]: entry for entry in evals(str(tmp_path), now=1000.0)}
        assert list(found) == ["killed", "one", "two"]
        assert {name: entry["running"] for name, entry in found.items()} == {"killed": False, "one": False, "two": True}
        assert found["two"]["silent_seconds"] == 10.0
        assert Path(found["two"]["status_path"]).samefile(tmp_path / "two" / "status.json")
        # A look leaves the lock as it was, and two looks do not see each other.
        assert _job_status.is_running(tmp_path / "two")
    finally:
        lock.release()
    assert not _job_status.is_running(tmp_path / "one")


def test_the_runs_of_the_reference_are_seen_too(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "reference"
    folder.mkdir(parents=True)
    _job_status.write_status(folder, {"state": "running", "updated": 990.0, "limit_seconds": 60.0})
    lock = _job_status.RunLock.acquire(folder)
    assert lock is not None
    try:
        (found,) = evals(str(tmp_path), now=1000.0)
    finally:
        lock.release()
    assert (found["server"], found["engine"], found["running"]) == ("one", "reference", True)


def test_who_looks_is_no_job(tmp_path: Path) -> None:
    """Another look, or a watch that waits for the end, holds the lock too, but shares it."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert is_held(tmp_path / "lock") is False
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_held(tmp_path / "lock") is True


def test_a_lock_that_is_not_there_is_not_held(tmp_path: Path) -> None:
    assert is_held(tmp_path / "lock") is False


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfoError, match="run this as the user who runs the evals"):
        evals(str(tmp_path / "file"))
