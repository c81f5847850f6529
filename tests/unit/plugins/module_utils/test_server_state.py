from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _server_state as state

CONTAINER = {"Id": "c1", "State": {"StartedAt": "t1"}}


def test_what_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    folder = state.open_folder(str(tmp_path / "servers"), "s")
    state.write(folder, "x.json", {"token": 1})
    assert state.read(str(tmp_path / "servers"), "s", "x.json") == {"token": 1}
    assert (folder / "x.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["x.json"]


def test_what_is_not_there_or_torn_is_nothing(tmp_path: Path) -> None:
    assert state.read(str(tmp_path), "s", "x.json") is None
    assert state.read(None, "s", "x.json") is None
    (state.open_folder(str(tmp_path), "s") / "x.json").write_text('{"torn": ')
    assert state.read(str(tmp_path), "s", "x.json") is None


@pytest.mark.parametrize(
    ("container_id", "started_at", "same"), [("c1", "t1", True), ("c1", "t2", False), ("c2", "t1", False)]
)
def test_a_start_is_that_of_its_container(tmp_path: Path, container_id: str, started_at: str, same: bool) -> None:
    folder = state.open_folder(str(tmp_path), "s")
    kept = {"container_id": container_id, "started_at": started_at, "stage_seconds": {}}
    state.write(folder, "start.json", kept)
    assert state.start_of(str(tmp_path), "s", CONTAINER) == (kept if same else {})


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        state.StateError, match="expected to keep the server's state in .*file/s, could not: .*state_path"
    ):
        state.open_folder(str(tmp_path / "file"), "s")
    with pytest.raises(state.StateError, match="no state_path"):
        state.open_folder(None, "s")
