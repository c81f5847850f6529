from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_body import start_of, write
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_refusal import Asked, Refused
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import SHA256, Listed

ASKED = Asked("https://hub.example", "m of a/b at main")
TEN = Listed(10, SHA256, "a" * 64)


@pytest.mark.parametrize(
    ("status", "headers", "start", "found"),
    [
        (206, {"content-range": "bytes 4-9/10"}, 4, 4),
        (206, {"content-range": "bytes 4-9/*"}, 4, 4),
        (206, {"content-range": "bytes 0-9/10"}, 4, None),
        (206, {"content-range": "bytes 4-9/11"}, 4, None),
        (206, {}, 4, None),
        (200, {"content-length": "10"}, 4, 0),  # a server that knows no ranges
        (200, {"content-length": "10"}, 0, 0),
        (200, {"content-length": "9"}, 0, None),
        (200, {"content-length": "4000", "content-type": "text/html"}, 4, None),
        (200, {}, 0, 0),  # chunked
        (200, {"content-length": "7", "content-encoding": "gzip"}, 0, 0),
    ],
)
def test_where_a_body_begins(status: int, headers: dict[str, str], start: int, found: int | None) -> None:
    if found is not None:
        assert start_of(status, headers, start, TEN, ASKED) == found
        return
    with pytest.raises(Refused, match="from https://hub.example for m of a/b at main, found"):
        start_of(status, headers, start, TEN, ASKED)


@pytest.mark.parametrize(
    ("before", "start", "pieces", "after", "said"),
    [
        (None, 0, [b"01234", b"56789"], b"0123456789", None),
        (b"0123", 4, [b"45", b"", b"6789"], b"0123456789", None),
        (b"0123xx", 4, [b"456789"], b"0123456789", None),
        (b"xxxx", 0, [b"0123456789"], b"0123456789", None),
        (b"0123", 4, [b"45"], b"012345", "expected 10 bytes .* found 6"),
        (b"0123", 4, [b"45", b"6789x"], b"0123", "expected 10 bytes .* found more"),
    ],
)
def test_what_is_written(
    tmp_path: Path, before: bytes | None, start: int, pieces: list[bytes], after: bytes, said: str | None
) -> None:
    part = tmp_path / "part"
    if before is not None:
        part.write_bytes(before)
    if said is None:
        write(part, start, pieces, TEN, ASKED)
    else:
        with pytest.raises(Refused, match=said):
            write(part, start, pieces, TEN, ASKED)
    assert part.read_bytes() == after


def test_what_breaks_off_leaves_all_that_has_come(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"012"
        yield b"34"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write(tmp_path / "part", 0, broken(), TEN, ASKED)
    assert (tmp_path / "part").read_bytes() == b"01234"
