"""Blank the GPU code in shared objects that is for other chips than those wanted, so that they compress to little.

usage: fat_binaries.py ARCHITECTURE FILE ...     ARCHITECTURE is the compute capability without its dot, such as 90

Section .nv_fatbin holds containers (magic 0xBA55ED50; a header of 16 bytes with version, header's and body's size),
each with entries: kind (1: PTX, 2: machine code), header's and payload's size, architecture. As read in objects of CUDA
12 and 13. Only payloads are blanked: headers, host code and sizes stay, so the CUDA runtime finds all as it was. A
container without machine code for the architecture keeps its newest PTX that the driver can compile for it.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAGIC = 0xBA55ED50
_CONTAINER, _ENTRY = struct.Struct("<IHHQ"), struct.Struct("<HHIQIIHHI")
_PTX, _MACHINE_CODE = 1, 2


class Entry(NamedTuple):
    """One entry of a container: what it is, for which architecture, and where its payload lies."""

    kind: int
    architecture: int
    start: int
    end: int


def section(path: Path) -> tuple[int, int]:
    """Return offset and size of the section with GPU code; two zeros where there is none."""
    shown = subprocess.run(["readelf", "--section-headers", "--wide", path], check=True, text=True, capture_output=True)
    for line in shown.stdout.replace("[ ", "[").splitlines():
        words = line.split()
        if ".nv_fatbin" in words:
            place = words.index(".nv_fatbin")
            return int(words[place + 3], 16), int(words[place + 4], 16)
    return 0, 0


def containers(code: bytes | bytearray, offset: int, size: int) -> Iterator[list[Entry]]:
    """Yield the entries of each container of a section."""
    place = offset
    while place < offset + size - _CONTAINER.size:
        magic, _version, header, body = _CONTAINER.unpack_from(code, place)
        if magic != _MAGIC:
            place += 8
            continue
        yield list(_entries(code, place + header, place + header + body))
        place += header + body


def _entries(code: bytes | bytearray, place: int, end: int) -> Iterator[Entry]:
    while place < end:
        kind, _unknown, header, payload, *_sizes, _minor, _major, architecture = _ENTRY.unpack_from(code, place)
        yield Entry(kind, architecture, place + header, place + header + payload)
        place += header + payload


def unwanted(entries: list[Entry], architecture: int) -> list[Entry]:
    """Return the entries that a chip of this architecture never uses."""
    if any(entry.kind == _MACHINE_CODE and entry.architecture == architecture for entry in entries):
        return [entry for entry in entries if entry.kind == _PTX or entry.architecture != architecture]
    usable = [entry.architecture for entry in entries if entry.kind == _PTX and entry.architecture <= architecture]
    newest = max(usable, default=None)
    return [entry for entry in entries if entry.kind != _PTX or entry.architecture != newest]


def thin(path: Path, architecture: int) -> int:
    """Blank what is not wanted in one file; return how many bytes that were."""
    offset, size = section(path)
    if not size:
        return 0
    code = bytearray(path.read_bytes())
    cut = [entry for found in containers(code, offset, size) for entry in unwanted(found, architecture)]
    for entry in cut:
        code[entry.start : entry.end] = bytes(entry.end - entry.start)
    path.write_bytes(code)
    return sum(entry.end - entry.start for entry in cut)


def main() -> None:
    for name in sys.argv[2:]:
        print(f"{name}: {thin(Path(name), int(sys.argv[1])) / 1e6:.0f} MB blanked")


if __name__ == "__main__":
    main()
