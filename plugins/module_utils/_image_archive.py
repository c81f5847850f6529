# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image archive - the stream of `docker save`, looked into while it passes on its way to the engine.

A tar archive (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html). manifest.json tells the tags and
the configuration of each image; archives of Docker 25 and newer are also an OCI layout, whose index.json names each
manifest by its digest. Only the small files are kept.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text

_BLOCK = 512
_LARGEST_FILE = 1 << 20
_LARGEST_TOTAL = 16 << 20
_LARGEST_PIECE = 16 << 20
_GZIP = b"\x1f\x8b"
_FILE_TYPES = (b"0", b"\0")


@dataclass(frozen=True)
class Content:
    """One image of an archive. `digests` are all that name it: its configuration's, and its manifests' where told."""

    config_digest: str
    tags: tuple[str, ...]
    digests: frozenset[str]


class Scanner:
    """Takes a tar archive in, a piece at a time, and keeps its small files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._rest = b""
        self._name: Optional[str] = None
        self._left = 0
        self._padding = 0
        self._kept = 0
        self._parts: list[bytes] = []
        self._long_name: Optional[str] = None
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes in. What is no tar archive is let pass; then no file is found."""
        view = memoryview(data)
        while view and not self._broken:
            view = self._content(view) if self._left else self._header(view)

    def _content(self, view: memoryview) -> memoryview:
        taken = view[: self._left]
        self._left -= len(taken)
        if self._name is not None:
            self._parts.append(bytes(taken))
        if not self._left and self._name is not None:
            content = b"".join(self._parts)
            self._close(content[: len(content) - self._padding])
        return view[len(taken) :]

    def _close(self, content: bytes) -> None:
        if self._name == "\0long":
            self._long_name = content.rstrip(b"\0").decode("utf-8", "replace")
        elif self._name == "\0pax":
            self._long_name = _pax_path(content) or self._long_name
        elif self._name is not None:
            self.files[self._name] = content
            self._kept += len(content)
        self._name, self._parts = None, []

    def _header(self, view: memoryview) -> memoryview:
        wanted = _BLOCK - len(self._rest)
        self._rest += bytes(view[:wanted])
        if len(self._rest) == _BLOCK:
            self._open(self._rest)
            self._rest = b""
        return view[wanted:]

    def _open(self, header: bytes) -> None:
        if header.count(0) == _BLOCK:
            return
        size = _number(header[124:136])
        if size is None or _checksum(header) != _number(header[148:156]):
            self._broken = True
            return
        kind, name = header[156:157], _name(header)
        if kind in (b"L", b"x"):
            self._name = "\0long" if kind == b"L" else "\0pax"
        elif kind in _FILE_TYPES:
            name, self._long_name = self._long_name or name, None
            small = size <= _LARGEST_FILE and self._kept + size <= _LARGEST_TOTAL
            self._name = name.lstrip("./") if small else None
        else:
            self._name, self._long_name = None, None
        self._padding = -size % _BLOCK
        self._left = size + self._padding
        if not self._left and self._name is not None:
            self._close(b"")


def contents(files: dict[str, bytes]) -> list[Content]:
    """Return the images of an archive from its small files; empty when it is no archive of `docker save`."""
    manifest = _json(files.get("manifest.json"))
    related = _related(files)
    found = []
    for row in manifest if isinstance(manifest, list) else []:
        config = files.get(str(row.get("Config")).lstrip("./"))
        if config is None:
            continue
        # Counted, not read from the file's name: an archive can call its files what it likes.
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        names = {digest, *(other for group in related if digest in group for other in group)}
        found.append(Content(digest, tuple(row.get("RepoTags") or ()), frozenset(names)))
    return found


def plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the archive's bytes, those of a gzip one unpacked. Raises EOFError and zlib.error for a damaged one."""
    source = iter(chunks)
    first = next(source, b"")
    whole = chain([first], source)
    yield from _unpacked(whole) if first[:2] == _GZIP else whole


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in chunks:
        while chunk:
            if unpack.eof:
                chunk = chunk.lstrip(b"\0")  # gzip members may follow each other, and zeros may fill the end
                if not chunk:
                    break
                unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield unpack.decompress(chunk, _LARGEST_PIECE)
            chunk = unpack.unconsumed_tail or unpack.unused_data
    yield unpack.flush()
    if not unpack.eof:
        raise EOFError("the gzip archive ends before its end")


def _related(files: dict[str, bytes]) -> list[set[str]]:
    """Return groups of digests that name the same image, by the OCI layout's index; each blob's digest is counted."""
    index = _json(files.get("index.json"))
    groups = []
    for row in index.get("manifests") or [] if isinstance(index, dict) else []:
        groups.append(_below(files, str(row.get("digest")), depth=3))
    return groups


def _below(files: dict[str, bytes], digest: str, depth: int) -> set[str]:
    content = files.get("blobs/" + digest.replace(":", "/"))
    if not depth or content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        return set()
    blob = _json(content)
    if not isinstance(blob, dict):
        return {digest}
    found = {digest}
    for row in blob.get("manifests") or []:
        found |= _below(files, str(row.get("digest")), depth - 1)
    config = (blob.get("config") or {}).get("digest")
    return found | ({str(config)} if config else set())


def _json(content: Optional[bytes]) -> Any:
    try:
        return _json_text.loads(content or b"null")
    except ValueError:
        return None


def _number(field: bytes) -> Optional[int]:
    if field[:1] == b"\x80":  # GNU's form for sizes of 8 GiB and more
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        return None


def _checksum(header: bytes) -> int:
    return sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")


def _name(header: bytes) -> str:
    name, prefix = (part.split(b"\0")[0].decode("utf-8", "replace") for part in (header[:100], header[345:500]))
    return f"{prefix}/{name}" if prefix and header[257:262] == b"ustar" and header[263:265] == b"00" else name


def _pax_path(content: bytes) -> Optional[str]:
    for line in content.split(b"\n"):
        key, equals, value = line.partition(b" ")[2].partition(b"=")
        if equals and key == b"path":
            return value.decode("utf-8", "replace")
    return None
