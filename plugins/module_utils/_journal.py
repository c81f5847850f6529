# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: journal, the append-only file of one eval's samples, and how it is resumed.

One JSON object a line. The first line is the eval's identity, each further line one sample or an event ("event" names
it): what befell the server meanwhile. A sample that ended in an error or a timeout may be asked again by a later run:
then the later line holds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import OUTCOMES, UNPARSED, Mark

Key = tuple[int, int]  # question, repeat

_COUNTS = ("prompt_tokens", "completion_tokens", "reasoning_tokens")
_SECONDS = ("finished", "seconds", "score")  # negative where a clock was put back
_TEXTS = ("text", "extracted", "target", "finish_reason", "error", "endpoint")
_MOST = 1e11  # seconds since the epoch, and any count, are far below it; a year of more than four digits is no date


class JournalError(Exception):
    """A journal cannot be read or written."""


class Contents(NamedTuple):
    """What a journal holds. ``valid_bytes`` is its length up to and with the last whole line."""

    created: Optional[str]
    marks: dict[Key, Mark]
    valid_bytes: int


EMPTY = Contents(None, {}, 0)


def read_journal(path: str, identity_sha256: str) -> Contents:
    """Read a journal, dropping what a crash tore; EMPTY where there is none. JournalError if it is another eval's."""
    try:
        with open(path, "rb") as lines:
            header, offset = _read_header(path, lines)
            if header is None:
                return EMPTY
            if header.get("sha256") != identity_sha256:
                raise JournalError(
                    f"{path} belongs to an eval with identity {header.get('sha256')}, wanted {identity_sha256}; "
                    "move it away to start anew"
                )
            marks, valid = _read_rows(lines, offset)
    except FileNotFoundError:
        return EMPTY
    except OSError as exc:
        raise JournalError(f"cannot read the journal {path}: {exc}") from exc
    return Contents(str(header.get("created")), marks, valid)


def _read_header(path: str, lines: BinaryIO) -> tuple[Optional[dict[str, Any]], int]:
    first = lines.readline()
    header = _parse(first)
    if header is not None and "identity" in header:
        return header, len(first)
    if lines.readline():
        raise JournalError(f"{path} is no journal: its first line does not hold an identity; move it away")
    return None, 0  # torn while it was begun


def _read_rows(lines: BinaryIO, offset: int) -> tuple[dict[Key, Mark], int]:
    marks: dict[Key, Mark] = {}
    valid = offset
    for line in lines:
        offset += len(line)
        row = _parse(line)
        if row is None:
            continue
        if is_sample(row):
            marks[row["question"], row["repeat"]] = _mark(row)
            valid = offset
        elif "event" in row:
            valid = offset
    return marks, valid


def _parse(line: bytes) -> Optional[dict[str, Any]]:
    if not line.endswith(b"\n"):
        return None
    try:
        document = _json_text.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def read_sample(line: bytes) -> Optional[dict[str, Any]]:
    """Return a line's sample; None for an event, and for what was torn or written by others."""
    row = _parse(line)
    return row if row is not None and is_sample(row) else None


def is_sample(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is a whole sample, each of its values of the kind that the journal's writer gives it."""
    return (
        row.get("outcome") in OUTCOMES
        and all(_is_number(row.get(name), whole=True) for name in ("question", "repeat"))
        and all(row.get(name) is None or _is_number(row[name], whole=True) for name in _COUNTS)
        and all(row.get(name) is None or _is_number(row[name], least=-_MOST) for name in _SECONDS)
        and all(isinstance(row.get(name), (str, type(None))) for name in _TEXTS)
        and isinstance(row.get("parsed"), (bool, type(None)))
        and _is_permutation(row.get("permutation"))
    )


def _is_number(value: Any, whole: bool = False, least: float = 0.0) -> bool:
    kinds = (int,) if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and least <= value < _MOST


def _is_permutation(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(_is_number(place, whole=True) for place in value))


def _mark(row: Mapping[str, Any]) -> Mark:
    finished = float(row.get("finished") or 0.0)
    return Mark(
        row["outcome"],
        row.get("prompt_tokens") or 0,
        row.get("completion_tokens") or 0,
        row.get("reasoning_tokens") or 0,
        finished - float(row.get("seconds") or 0.0),
        finished,
        row.get("error") or "",
        row.get("finish_reason"),
        row.get("parsed", row["outcome"] != UNPARSED),
        row.get("text") == "",
        row.get("extracted"),
        tuple(row.get("permutation") or ()),
    )


def sync_folder(folder: Path) -> None:
    """Make a file's name in its folder outlive a power loss, as fsync does its content. Raises JournalError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise JournalError(f"cannot write the folder {folder}: {exc}; check the disk and run again") from exc


def _write_synced(path: str, parts: Sequence[bytes]) -> None:
    with open(path, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


class JournalWriter:
    """Appends lines. ``add`` collects, ``write`` hands them to the kernel, ``sync`` makes them outlive a power loss."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1
        self._lines: list[bytes] = []
        self._unsynced = False
        self.size = 0  # bytes

    def open(self, contents: Contents, header: Mapping[str, Any]) -> None:
        """Open for appending: cut off a torn end, begin a new journal with its header."""
        try:
            _private_folder.close(Path(self.path).parent)
            self._descriptor = _private_folder.open_file(Path(self.path), os.O_WRONLY | os.O_APPEND)
            os.ftruncate(self._descriptor, contents.valid_bytes)
            self.size = contents.valid_bytes
        except OSError as exc:
            raise JournalError(f"cannot write the journal {self.path}: {exc}") from exc
        self._unsynced = True
        if contents.created is None:
            self.add(header)
        self.write()
        self.sync()
        sync_folder(Path(self.path).parent)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one line in."""
        self._lines.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")

    def write(self) -> None:
        """Hand the collected lines to the kernel: from here on they outlive this process."""
        if not self._lines:
            return
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        self._unsynced = True
        try:
            while data:
                count = os.write(self._descriptor, data)
                self.size += count
                data = data[count:]
        except OSError as exc:
            raise JournalError(f"cannot write the journal {self.path}: {exc}; make room and run again") from exc

    def sync(self) -> None:
        """Make what was written outlive a power loss. May run in a thread beside ``add`` and ``write``."""
        if not self._unsynced or self._descriptor < 0:
            return
        self._unsynced = False
        try:
            os.fsync(self._descriptor)
        except OSError as exc:
            raise JournalError(f"cannot write the journal {self.path}: {exc}; check the disk and run again") from exc

    def cut_back(self, size: int, aside: str, endpoint: Optional[str] = None) -> bool:
        """Move what was written beyond this size to another file; return whether there was anything.

        With an endpoint only that server's rows are moved, and the others stay.
        """
        self.write()
        if self._descriptor < 0 or size >= self.size:
            return False
        try:
            with open(self.path, "rb") as journal:
                journal.seek(size)
                lines = journal.readlines()
            foreign = [line for line in lines if endpoint is None or (_parse(line) or {}).get("endpoint") == endpoint]
            if foreign:
                _write_synced(aside, foreign)
                self._keep(size, [] if endpoint is None else [line for line in lines if line not in set(foreign)])
        except OSError as exc:
            raise JournalError(f"cannot write {aside} or {self.path}: {exc}; make room and run again") from exc
        return bool(foreign)

    def _keep(self, size: int, lines: Sequence[bytes]) -> None:
        """Cut off what is beyond this size, but for these lines; whenever that is broken off, no row is lost."""
        if lines:
            with open(self.path, "rb") as journal:
                _write_synced(f"{self.path}.new", [journal.read(size), *lines])
            Path(f"{self.path}.new").replace(self.path)
            sync_folder(Path(self.path).parent)
            fresh = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            os.dup2(fresh, self._descriptor, inheritable=False)  # a sync in a thread may have it in hand
            os.close(fresh)
        else:
            os.ftruncate(self._descriptor, size)
        self.size = size + sum(map(len, lines))
        self._unsynced = True
        self.sync()

    def close(self) -> None:
        """Write and sync what is left, and close."""
        if self._descriptor < 0:
            return
        try:
            self.write()
            self._unsynced = True  # a sync in a thread may have been cut short
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1
