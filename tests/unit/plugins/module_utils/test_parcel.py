from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _parcel_files, _sums
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel, ParcelError, open_parcel, sums_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sum_memory import SumMemory

FILES = {"models/m/config.json": b"{}", "models/m/original/x": b"x", "data/q.csv": b"question"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def folder_of(root: Path, sums: bool = True) -> Path:
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    if sums:
        (root / "SHA256SUMS").write_text(_sums.render({name: sha256(data) for name, data in FILES.items()}))
    return root


@pytest.fixture(params=["folder", "tar", "tar with a folder", "tar with dots"])
def parcel(request: pytest.FixtureRequest, tmp_path: Path) -> Parcel:
    folder = folder_of(tmp_path / "bundle")
    how = {
        "tar": ["-C", str(folder), "SHA256SUMS", "models", "data"],
        "tar with a folder": ["-C", str(tmp_path), "bundle"],
        "tar with dots": ["-C", str(folder), "."],
    }
    if request.param == "folder":
        return open_parcel(str(folder))
    subprocess.run(["tar", "-cf", tmp_path / "bundle.tar", *how[request.param]], check=True)
    return open_parcel(str(tmp_path / "bundle.tar"))


def test_what_is_in_it(parcel: Parcel) -> None:
    assert parcel.names() == sorted([*FILES, "SHA256SUMS"])
    assert [parcel.state(name)[0] for name in FILES] == [len(data) for data in FILES.values()]
    for name, data in FILES.items():
        with parcel.open(name) as file:
            assert file.read() == data
    assert sums_of(parcel) == {name: sha256(data) for name, data in FILES.items()}


def test_one_file_under_two_names(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a").write_bytes(b"same")
    (tmp_path / "f" / "b").hardlink_to(tmp_path / "f" / "a")
    (tmp_path / "f" / "c").symlink_to("a")
    subprocess.run(["tar", "-cf", tmp_path / "f.tar", "-C", tmp_path / "f", "a", "b"], check=True)
    for parcel in (open_parcel(str(tmp_path / "f")), open_parcel(str(tmp_path / "f.tar"))):
        assert [parcel.state(name)[0] for name in ("a", "b")] == [4, 4]
        with parcel.open("b") as file:
            assert file.read() == b"same"
    assert "c" in open_parcel(str(tmp_path / "f")).names()


def test_what_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ParcelError, match="wanted a folder or a tar archive at .*/nowhere, found none"):
        open_parcel(str(tmp_path / "nowhere"))
    folder_of(tmp_path / "bundle")
    subprocess.run(["tar", "-czf", tmp_path / "b.tar.gz", "-C", tmp_path, "bundle"], check=True)
    with pytest.raises(ParcelError, match="not compressed"):
        open_parcel(str(tmp_path / "b.tar.gz"))
    subprocess.run(["tar", "-cf", tmp_path / "b.tar", "-C", tmp_path, "bundle"], check=True)
    (tmp_path / "cut.tar").write_bytes((tmp_path / "b.tar").read_bytes()[:2600])
    with pytest.raises(ParcelError, match="whole and not compressed at .*cut.tar"):
        open_parcel(str(tmp_path / "cut.tar"))


def wish(**options: Any) -> dict[str, Any]:
    return {"prefix": "", "files": None, "allow_patterns": None, "ignore_patterns": None, **options}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["data/q.csv", "models/m/config.json", "models/m/original/x"]),
        ({"prefix": "models/m"}, ["config.json", "original/x"]),
        ({"prefix": "/models/m/", "ignore_patterns": ["original/*"]}, ["config.json"]),
        ({"prefix": "data", "files": ["q.csv"]}, ["q.csv"]),
        ({"allow_patterns": ["*.csv"]}, ["data/q.csv"]),
    ],
)
def test_select(parcel: Parcel, options: dict[str, Any], expected: list[str]) -> None:
    selection = _parcel_files.select(parcel, wish(**options))
    assert [file.name for file in selection.files] == expected
    for file in selection.files:
        data = FILES[selection.prefix + file.name]
        assert (file.size, file.sha256) == (len(data), sha256(data))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"prefix": "wheels"}, "wanted files below wheels/ in .*, found none"),
        ({"prefix": "data", "files": ["q.csv", "p.csv", "o.csv"]}, "wanted data/p.csv and 1 more in .*no such file"),
        ({"files": ["SHA256SUMS"]}, "wanted SHA256SUMS in .*no such line"),
    ],
)
def test_select_refuses(parcel: Parcel, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ParcelError, match=expected):
        _parcel_files.select(parcel, wish(**options))


def test_a_file_that_is_listed_and_missing_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "data/q.csv").unlink()
    with pytest.raises(ParcelError, match="wanted data/q.csv in .*copy it there again"):
        _parcel_files.select(open_parcel(str(folder)), wish())
    assert _parcel_files.select(open_parcel(str(folder)), wish(prefix="models")).files


def test_checksums_are_read_once_where_none_are_brought_along(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f", sums=False)
    memory = SumMemory(str(tmp_path / "sums.json"))
    told: list[str] = []

    def read(parcel: Parcel, names: Any) -> dict[str, str]:
        return memory.sums(parcel, names, told.append)

    for _run in range(2):
        selection = _parcel_files.select(open_parcel(str(folder)), wish(), read)
        assert {file.name: file.sha256 for file in selection.files} == {n: sha256(d) for n, d in FILES.items()}
    assert sorted(told) == sorted(FILES)
    (folder / "data/q.csv").write_bytes(b"another")
    assert _parcel_files.select(open_parcel(str(folder)), wish(prefix="data"), read).files[0].sha256 == sha256(
        b"another"
    )
    with pytest.raises(ParcelError, match="sha256sum"):
        _parcel_files.select(open_parcel(str(folder)), wish())


def archive_of(path: Path, *members: tuple[str, bytes, str]) -> Parcel:
    """Make an archive of members with a name, a kind (see tarfile) and where they lead, each but links with a byte."""
    with tarfile.open(path, "w") as archive:
        for name, kind, target in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, target, 0 if target else 1
            archive.addfile(entry, None if target else io.BytesIO(b"x"))
    return open_parcel(str(path))


def test_an_archive_gives_files_alone_and_no_link_out_of_it(tmp_path: Path) -> None:
    parcel = archive_of(
        tmp_path / "a.tar", ("file", tarfile.REGTYPE, ""), ("soft", tarfile.SYMTYPE, "/etc/passwd"),
        ("hard", tarfile.LNKTYPE, "/etc/passwd"), ("up", tarfile.LNKTYPE, "../file"), ("same", tarfile.LNKTYPE, "file"),
        ("device", tarfile.CHRTYPE, "device"), ("pipe", tarfile.FIFOTYPE, "pipe"),
    )  # fmt: skip
    assert parcel.names() == ["file", "same"]
    with parcel.open("same") as file:
        assert file.read() == b"x"


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../evil", "a//b", "a\nb"])
def test_a_name_that_leads_out_of_a_parcel_is_refused(name: str, tmp_path: Path) -> None:
    parcel = archive_of(tmp_path / "a.tar", (name, tarfile.REGTYPE, ""), ("good", tarfile.REGTYPE, ""))
    everything = {"prefix": "", "files": None, "allow_patterns": None, "ignore_patterns": None}
    for params in (everything, {**everything, "files": [name.lstrip("/")]}, {**everything, "files": [name]}):
        with pytest.raises(ParcelError, match="that stay within it|no such file"):
            _parcel_files.select(parcel, params, lambda _parcel, names: dict.fromkeys(names, "0" * 64))
