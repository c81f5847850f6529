from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files


def test_only_what_differs(tmp_path: Path) -> None:
    same, other, gone, new = (str(tmp_path / name) for name in ("same", "other", "gone", "new/file"))
    for path in (same, other, gone):
        Path(path).write_text("old\n")
    wanted = {same: "old\n", other: "new\n", gone: None, new: "new\n", str(tmp_path / "never"): None}
    differing = _text_files.differing(wanted)
    assert list(differing) == [other, gone, new]
    assert [(entry["before"], entry["after"]) for entry in _text_files.diff(wanted)] == [
        ("old\n", "new\n"),
        ("old\n", ""),
        ("", "new\n"),
    ]
    _text_files.write(differing)
    assert _text_files.differing(wanted) == {}
    assert stat.S_IMODE(Path(new).stat().st_mode) == 0o644
    assert not Path(gone).exists()


def test_all_or_nothing(tmp_path: Path) -> None:
    first, too_long = tmp_path / "first", tmp_path / ("x" * 250)
    first.write_text("old\n")
    inode = first.stat().st_ino
    with pytest.raises(OSError, match="too long"):
        _text_files.write({str(first): "new\n", str(tmp_path / "second"): "new\n", str(too_long): "text\n"})
    assert (first.read_text(), first.stat().st_ino) == ("old\n", inode), "it was not even touched"
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_a_key_is_not_shown_in_full() -> None:
    text = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n"
    assert _text_files.diff({"/nowhere/key": text})[0]["after"] == "(an OpenPGP public key of 43 characters)\n"


def test_what_is_no_text_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes("ü\r\n".encode())
    assert _text_files.whole(str(tmp_path / "good")) == "ü\r\n"
    (tmp_path / "bad").write_bytes(b"a\xff")
    with pytest.raises(OSError, match=r"^it is no UTF-8 text from byte 1 on$"):
        _text_files.whole(str(tmp_path / "bad"))
