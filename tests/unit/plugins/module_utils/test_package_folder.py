from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _package_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import RepositoryError

FIELDS = "Package: a\nVersion: 1\nDescription: x\n long\n"


def fields(command: list[str]) -> tuple[int, str, str]:
    assert command[:2] == ["dpkg-deb", "--field"]
    return (0, FIELDS, "") if command[2].endswith("a.deb") else (2, "", "not a Debian format archive")


def test_the_index_names_files_from_the_root(tmp_path: Path) -> None:
    folder, index = tmp_path / "debs", str(tmp_path / "index")
    folder.mkdir()
    (folder / "a.deb").write_bytes(b"abc")
    assert not _package_folder.is_indexed(str(folder), index, "apt")
    _package_folder.make_index(str(folder), index, "apt", fields)
    assert Path(index, "Packages").read_text() == FIELDS + (
        f"Filename: {str(folder)[1:]}/a.deb\nSize: 3\n"
        "SHA256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    )
    assert f"Suite: {index[1:]}\n" in Path(index, "Release").read_text()
    assert _package_folder.is_indexed(str(folder), index, "apt")
    (folder / "b.deb").write_bytes(b"x")
    assert not _package_folder.is_indexed(str(folder), index, "apt")
    with pytest.raises(RepositoryError, match="expected a Debian package in .*/b.deb, found: not a Debian format"):
        _package_folder.make_index(str(folder), index, "apt", fields)


@pytest.mark.parametrize(("made", "expected"), [(False, "found no folder"), (True, "found none in it")])
def test_nothing_to_index(tmp_path: Path, made: bool, expected: str) -> None:
    if made:
        (tmp_path / "rpms").mkdir()
    with pytest.raises(RepositoryError, match=expected):
        _package_folder.contents(str(tmp_path / "rpms"), ".rpm")
