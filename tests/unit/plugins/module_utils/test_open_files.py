from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils._open_files import open_files


def test_files_are_told_by_what_they_are_and_not_by_their_names(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("one")
    for process, name, target in (("12", "python3", "one"), ("34", "", "three")):
        (tmp_path / "proc" / process / "fd").mkdir(parents=True)
        (tmp_path / "proc" / process / "fd/3").symlink_to(tmp_path / target)
        (tmp_path / "proc" / process / "fd/4").symlink_to("socket:[1]")
        if name:
            (tmp_path / "proc" / process / "comm").write_text(f"{name}\n")
    (tmp_path / "proc/56").mkdir()
    found = open_files([tmp_path / name for name in ("one", "two", "three", "link", "none")], tmp_path / "proc")
    python = ["process 12 (python3)"]
    assert found.holders == {
        tmp_path / "one": python,
        tmp_path / "link": python,
        tmp_path / "three": ["process 34"],
    }
    assert found.complete


def test_this_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (tmp_path / "file").open():
        (holder,) = open_files([tmp_path / "file"]).holders[tmp_path / "file"]
        assert holder.startswith(f"process {os.getpid()} (")
    assert open_files([tmp_path / "file"]).holders == {}
