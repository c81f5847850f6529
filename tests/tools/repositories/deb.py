"""Internal: write and read Debian packages, uncompressed so that both are quick.

The format is deb(5): an ar archive of ``debian-binary``, ``control.tar`` and ``data.tar``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

AR_MAGIC = b"!<arch>\n"


@dataclass(frozen=True)
class Entry:
    """One file or link of a package: an absolute path, and either content or the target of a link."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    link: str = ""


def _ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each member of an ar archive."""
    offset = len(AR_MAGIC)
    while offset < len(data):
        header = data[offset : offset + 60]
        size = int(header[48:58])
        yield header[:16].decode().strip().rstrip("/"), data[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2


def _ar(members: Mapping[str, bytes]) -> bytes:
    """Return an ar archive."""
    parts = [AR_MAGIC]
    for name, content in members.items():
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
        parts.append(content + b"\n" * (len(content) % 2))
    return b"".join(parts)


def _add_parents(archive: tarfile.TarFile, path: PurePosixPath, made: set[PurePosixPath]) -> None:
    for parent in reversed(path.parents):
        if parent not in made:
            made.add(parent)
            info = tarfile.TarInfo("./" + str(parent).lstrip("/") + ("/" if str(parent) != "/" else ""))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)


def _tar(entries: Iterable[Entry]) -> bytes:
    """Return a tar archive with all parent folders, owned by root."""
    buffer = io.BytesIO()
    made: set[PurePosixPath] = set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in sorted(entries, key=lambda e: e.path):
            _add_parents(archive, PurePosixPath(entry.path), made)
            info = tarfile.TarInfo("." + entry.path)
            if entry.link:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
                archive.addfile(info)
            else:
                info.size, info.mode = len(entry.content), entry.mode
                archive.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


def stanza(fields: Mapping[str, str]) -> str:
    """Return a paragraph of a control file."""
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def write(path: Path, fields: Mapping[str, str], entries: list[Entry], scripts: Mapping[str, str]) -> None:
    """Write a package. Files below /etc are its conffiles, as debhelper does it."""
    conffiles = "".join(f"{entry.path}\n" for entry in entries if entry.path.startswith("/etc/") and not entry.link)
    control = [Entry("/control", stanza(fields).encode())]
    control += [Entry(f"/{name}", text.encode(), 0o755) for name, text in scripts.items()]
    control += [Entry("/conffiles", conffiles.encode())] if conffiles else []
    members = {"debian-binary": b"2.0\n", "control.tar": _tar(control), "data.tar": _tar(entries)}
    path.write_bytes(_ar(members))


def control(path: Path) -> str:
    """Return the control paragraph of a package."""
    members = dict(_ar_members(path.read_bytes()))
    name = next(name for name in members if name.startswith("control.tar"))
    with tarfile.open(fileobj=io.BytesIO(members[name])) as archive:
        file = archive.extractfile("./control")
        assert file is not None
        return file.read().decode().strip() + "\n"


def entries(path: Path) -> list[Entry]:
    """Return the files and links of a package."""
    members = dict(_ar_members(path.read_bytes()))
    name = next(name for name in members if name.startswith("data.tar"))
    found = []
    with tarfile.open(fileobj=io.BytesIO(members[name])) as archive:
        for info in archive:
            where = info.name.removeprefix(".")
            if info.issym():
                found.append(Entry(where, link=info.linkname))
            elif info.isfile() and (file := archive.extractfile(info)) is not None:
                found.append(Entry(where, file.read(), info.mode))
    return found
