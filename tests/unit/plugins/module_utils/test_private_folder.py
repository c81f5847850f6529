from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder, _server_state
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job_status import RunLock
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import EMPTY, JournalError, JournalWriter


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield int(request.param)
    os.umask(before)


def test_it_is_its_owners_alone_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "servers" / "one"
    _private_folder.make(folder)
    assert mode(folder) == 0o700
    assert [mode(place) & 0o022 for place in (folder.parent, folder.parents[1])] == [0, 0]
    _server_state.write(folder, "accepted.json", [])
    assert mode(folder / "accepted.json") & 0o077 == 0


def test_one_that_others_may_enter_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir(mode=0o755)
    _private_folder.make(folder)
    assert mode(folder) == 0o755
    _private_folder.close(folder)
    assert mode(folder) == 0o700


def test_no_umask_lets_others_write(umask: int, tmp_path: Path) -> None:
    _private_folder.keep_others_from_writing()
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert (mode(tmp_path / "file") | mode(tmp_path / "folder")) & 0o022 == 0
    assert (mode(tmp_path / "file") & 0o044 == 0) is (umask == 0o077)


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    """The victim is neither made, nor written to, nor closed to others."""
    victim, state = tmp_path / "victim", tmp_path / "state"
    victim.write_text("whole")
    state.mkdir()
    for name in ("lock", ".accepted.json.new", "gpqa.jsonl", "job.log"):
        (state / name).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        RunLock.acquire(state)
    with pytest.raises(_server_state.StateError, match="symbolic links"):
        _server_state.write(state, "accepted.json", [])
    with pytest.raises(JournalError, match="symbolic links"):
        JournalWriter(str(state / "gpqa.jsonl")).open(EMPTY, {})
    with pytest.raises(OSError, match="symbolic links"):
        _private_folder.open_file(state / "job.log", os.O_WRONLY)
    assert victim.read_text() == "whole"


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "one").symlink_to(tmp_path / "elsewhere")
    for work in (_private_folder.make, _private_folder.close):
        with pytest.raises(OSError, match="found a link"):
            work(tmp_path / "one")
    with pytest.raises(_server_state.StateError, match="found a link"):
        _server_state.open_folder(str(tmp_path), "one")
    assert mode(tmp_path / "elsewhere") == 0o755
