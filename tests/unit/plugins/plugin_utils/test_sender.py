from __future__ import annotations

import hashlib
import shlex
import subprocess
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import open_parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._staging import Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _sender
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._progress import Shower

DATA = bytes(range(256)) * 10
FILE = Wanted("it's one", len(DATA), hashlib.sha256(DATA).hexdigest())


class Host:
    """Runs the commands with the real dd, or fails from the nth on."""

    def __init__(self, fail_from: int = 10**9) -> None:
        self.pieces: list[int] = []
        self.fail_from = fail_from

    def __call__(self, command: str, data: bytes) -> tuple[int, str]:
        if len(self.pieces) >= self.fail_from:
            return 1, "1+0 records in\ndd: error writing: No space left on device"
        self.pieces.append(len(data))
        done = subprocess.run(shlex.split(command), input=data, capture_output=True, check=False)
        return done.returncode, done.stderr.decode()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr(_sender, "PIECE", 1000)
    (tmp_path / "src").mkdir()
    (tmp_path / "dest").mkdir()
    (tmp_path / "src" / FILE.name).write_bytes(DATA)
    return tmp_path / "src", tmp_path / "dest"


def sender_of(folders: tuple[Path, Path], host: Host, lines: list[str] | None = None) -> _sender.Sender:
    shower = Shower("live", (lines if lines is not None else []).append)
    progress = _sender.Progress("one", len(DATA), shower, 0.0)
    return _sender.Sender(host, open_parcel(str(folders[0])), "", str(folders[1]), progress)


@pytest.mark.parametrize(("offset", "pieces"), [(0, [1000, 1000, 560]), (1500, [1000, 60]), (2560, [])])
def test_sent_from_where_it_was_cut_off(folders: tuple[Path, Path], offset: int, pieces: list[int]) -> None:
    host, part = Host(), folders[1] / f".part-{FILE.sha256}"
    part.write_bytes(DATA[:offset])
    assert sender_of(folders, host).send(FILE, offset)
    assert part.read_bytes() == DATA
    assert host.pieces == pieces


def test_a_piece_that_is_sent_twice_does_no_harm(folders: tuple[Path, Path]) -> None:
    part = folders[1] / f".part-{FILE.sha256}"
    part.write_bytes(DATA)
    assert sender_of(folders, Host()).send(FILE, 0)
    assert part.read_bytes() == DATA


def test_a_file_that_is_damaged_on_the_controller(folders: tuple[Path, Path]) -> None:
    (folders[0] / FILE.name).write_bytes(DATA[:-1] + b"?")
    assert not sender_of(folders, Host()).send(FILE, 0)


def test_an_empty_file(folders: tuple[Path, Path]) -> None:
    empty = Wanted("empty", 0, hashlib.sha256(b"").hexdigest())
    (folders[0] / "empty").write_bytes(b"")
    assert sender_of(folders, Host()).send(empty, 0)
    assert (folders[1] / f".part-{empty.sha256}").read_bytes() == b""


def test_what_the_host_complains_of_is_said(folders: tuple[Path, Path]) -> None:
    with pytest.raises(
        _sender.SendError, match="on one, found: dd: error writing: No space left on device; .*run again"
    ):
        sender_of(folders, Host(fail_from=1)).send(FILE, 0)


def test_progress(folders: tuple[Path, Path]) -> None:
    lines: list[str] = []
    sender_of(folders, Host(), lines).send(FILE, 0)
    assert len(lines) == 3
    assert lines[-1].startswith("[one] it's one: 2.5 KiB of 2.5 KiB sent, ")
    assert lines[-1].endswith("/s, 0:00 left")
