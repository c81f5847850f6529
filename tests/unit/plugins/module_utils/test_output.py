from __future__ import annotations

import socket
import struct
import time

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import read_output, split_frames


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
