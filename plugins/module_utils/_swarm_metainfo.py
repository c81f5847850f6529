# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm metainfo - what a folder's content is to a BitTorrent swarm: its files, the hashes of its pieces, and
the info hash made of them, which is the same on each host that holds the same content.

The metainfo is that of BitTorrent 1.0 (https://www.bittorrent.org/beps/bep_0003.html). Each file begins with a piece of
its own (pad files, https://www.bittorrent.org/beps/bep_0047.html), so a file that is whole stays untouched while its
neighbours arrive. Dates, hosts and paths outside the content have no place in it. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The folder of the content, below the swarm's; the swarm's own files lie beside it.
CONTENT = "content"
# Small pieces spread sooner; each costs 20 bytes of metainfo and a message to each peer.
_PIECES = 4096
_LEAST_PIECE, _LARGEST_PIECE = 1 << 17, 1 << 24
_READ_SIZE = 1 << 20
_HEAD, _TAIL = b"d4:info", b"e"
# What one thread hashes at a time.
_SPAN = 1 << 26


class ContentError(Exception):
    """The content cannot be shared as it is; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """One file of the content: its name relative to it, its size in bytes, the time of its last change."""

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Metainfo:
    """A content as the swarm knows it. `encoded` is the file that BitTorrent programs read."""

    info_hash: str
    encoded: bytes


def parts_of(content: Path) -> tuple[Part, ...]:
    """Return the files of a folder, sorted by name. Raises ContentError."""
    if not content.is_dir():
        raise ContentError(f"expected a folder with the content to share at {content}, found none")
    found = []
    for path in content.rglob("*"):
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode):
            raise ContentError(f"expected regular files in {content}, found {path.name}, which is none; leave it out")
        found.append(Part(path.relative_to(content).as_posix(), status.st_size, status.st_mtime_ns))
    if not any(part.size for part in found):
        raise ContentError(f"expected files with something in them in {content}, found none")
    return tuple(sorted(found, key=lambda part: os.fsencode(part.name)))


def piece_length(total: int) -> int:
    """Return the bytes of one piece: the power of two that makes some thousands of them."""
    length = _LEAST_PIECE
    while length < _LARGEST_PIECE and length * _PIECES < total:
        length *= 2
    return length


def make(content: Path, parts: Sequence[Part], workers: int) -> Metainfo:
    """Hash the content with so many threads; return its metainfo. Raises ContentError."""
    length = piece_length(sum(part.size for part in parts))
    spans = list(_spans(parts, length))
    last = _last(parts)
    try:
        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            pieces = list(pool.map(lambda span: _hashes(content, span, length, span[0] is not last), spans))
    except OSError as exc:
        raise ContentError(f"expected to read the content in {content}: {exc}") from exc
    return of_info(bencode(_info(parts, length, b"".join(pieces))))


def of_info(info: bytes) -> Metainfo:
    """Return the metainfo that an encoded info dictionary makes."""
    return Metainfo(hashlib.sha1(info, usedforsecurity=False).hexdigest(), _HEAD + info + _TAIL)


def decoded(encoded: bytes) -> Metainfo:
    """Return the metainfo that a file holds which was made here. Raises ValueError."""
    if not (encoded.startswith(_HEAD + b"d") and encoded.endswith(_TAIL)):
        raise ValueError("this is no metainfo that was made here")
    return of_info(encoded[len(_HEAD) : -len(_TAIL)])


def bencode(value: Any) -> bytes:
    """Return integers, bytes, strings, lists and dictionaries of them in BitTorrent's encoding."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        return bencode(os.fsencode(value))
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, dict):
        pairs = sorted((name.encode(), each) for name, each in value.items())
        return b"d" + b"".join(bencode(name) + bencode(each) for name, each in pairs) + b"e"
    return b"l" + b"".join(bencode(each) for each in value) + b"e"


def _info(parts: Sequence[Part], length: int, pieces: bytes) -> dict[str, Any]:
    files: list[dict[str, Any]] = []
    last = _last(parts)
    for part in parts:
        files.append({"length": part.size, "path": part.name.split("/")})
        padding = -part.size % length
        if padding and part is not last:
            files.append({"attr": "p", "length": padding, "path": [".pad", str(padding)]})
    return {"files": files, "name": CONTENT, "piece length": length, "pieces": pieces}


def _last(parts: Sequence[Part]) -> Part:
    """Return the last file with something in it, which is not padded."""
    return [part for part in parts if part.size][-1]


def _spans(parts: Sequence[Part], length: int) -> Iterator[tuple[Part, int]]:
    """Return what threads hash, in order: a file and where to begin in it."""
    for part in parts:
        for offset in range(0, part.size, max(length, _SPAN)):
            yield part, offset


def _hashes(content: Path, span: tuple[Part, int], length: int, padded: bool) -> bytes:
    part, begin = span
    buffer = memoryview(bytearray(_READ_SIZE))
    end = min(part.size, begin + max(length, _SPAN))
    found = []
    with (content / part.name).open("rb", buffering=0) as file:
        for offset in range(begin, end, length):
            digest = hashlib.sha1(usedforsecurity=False)
            _feed(digest, file.fileno(), offset, min(end, offset + length), buffer)
            if padded and offset + length > part.size:
                _feed_zeros(digest, offset + length - part.size)
            found.append(digest.digest())
    return b"".join(found)


def _feed(digest: Any, descriptor: int, offset: int, end: int, buffer: memoryview) -> None:
    while offset < end:
        count = os.preadv(descriptor, [buffer[: min(len(buffer), end - offset)]], offset)
        if count == 0:
            raise ContentError("a file of the content became shorter while it was read; run again")
        digest.update(buffer[:count])
        offset += count


def _feed_zeros(digest: Any, count: int) -> None:
    zeros = bytes(min(count, _READ_SIZE))
    while count:
        step = min(count, len(zeros))
        digest.update(zeros[:step])
        count -= step
