from __future__ import annotations

import socket
import struct
import time

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import Lines, read_output, split_frames


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(data)) + data


@pytest.mark.parametrize(
    ("received", "output", "errors"),
    [
        (b"", "", ""),
        (frame(1, b"a\n") + frame(2, b"w\n") + frame(1, b"b\n"), "a\nb\n", "w\n"),
        (frame(1, b"abc")[:-1], "ab", ""),
        (frame(1, b"abc") + b"\1\0\0", "abc", ""),
        (frame(1, b"\xff\xc3\xa4"), "\ufffd\u00e4", ""),
    ],
)
def test_frames(received: bytes, output: str, errors: str) -> None:
    assert split_frames(received) == (output, errors)


def test_reads_until_the_end() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"abc")
    theirs.close()
    assert read_output(ours, 5) == (b"abc", True)


def test_reads_no_longer_than_allowed() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"abc")
    begun = time.monotonic()
    assert read_output(ours, 0.1) == (b"abc", False)
    assert 0.1 <= time.monotonic() - begun < 2
    theirs.close()


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_made_however_the_frames_are_torn(size: int) -> None:
    stream = frame(1, b"one\ntw") + frame(2, b"bar 1/2\rbar 2/2\r") + frame(1, "o ä\nrest".encode()) + frame(2, b"\n")
    lines = Lines()
    found = [line for start in range(0, len(stream), size) for line in lines.feed(stream[start : start + size])]
    assert found == ["one", "bar 1/2", "bar 2/2", "two ä", ""]
