# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: data set files, read with the values that the reference harness shows to the model.

gpt-oss 0.0.9 reads its files with ``pandas.read_csv`` and ``pandas.read_json(lines=True)``. The readers here give the
same rows with the standard library alone. But where pandas would quietly fill up or shift the rows of a damaged file,
they raise DatasetError.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._columns import from_csv, from_json, to_rows

# The csv module refuses cells above 128 KiB unless told otherwise.
_LONGEST_CELL = 2**31 - 1

_FETCH_AGAIN = "Fetch the file again, and compare its SHA-256 with the publisher's."


class DatasetError(Exception):
    """A data set file is not what the task needs; the message names file, line, what was wanted, found, and to do."""


def data_sha256(paths: Sequence[str]) -> str:
    """Return the data set's SHA-256 in hex: a single file's own; of several files, that of their digests in a row."""
    digests = [hashlib.sha256(_read_bytes(path)).hexdigest() for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def read_csv(path: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Read the named columns of a CSV file with a header line; one dict a row, values as pandas shows them."""
    header, rows = _csv_table(path, columns)
    shown = to_rows([from_csv(cells) for cells in zip(*(row for _line, row in rows))])
    return [{column: row[header.index(column)] for column in columns} for row in shown]


def read_csv_text(path: str, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Read the named columns of a CSV file with a header line; line number and dict of each row, cells as they are."""
    header, rows = _csv_table(path, columns)
    return [(line, {column: row[header.index(column)] for column in columns}) for line, row in rows]


def read_json_lines(path: str, keys: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    """Read the named keys of a JSON Lines file; line number and dict of each row, values as pandas shows them."""
    rows = []
    # Not splitlines(): the characters at which that splits too may stand inside a JSON text.
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if line.strip():
            rows.append((number, _json_row(f"{path}, line {number}", line.strip(), keys)))
    if not rows:
        raise DatasetError(f"{path}: wanted one JSON object a line, found an empty file. {_FETCH_AGAIN}")
    # The other keys' values never show, but their types matter: see to_rows.
    names = dict.fromkeys([*keys, *(key for _number, row in rows for key in row)])
    shown = to_rows([from_json([row.get(name) for _number, row in rows]) for name in names])
    return [(number, dict(zip(keys, values))) for (number, _row), values in zip(rows, shown)]


def _read_bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise DatasetError(
            f"{path}: wanted a data set file, but it cannot be read: {exc.strerror}. "
            "Give the path of a file on the host on which the eval runs."
        ) from exc


def _read_text(path: str) -> str:
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise DatasetError(
            f"{path}, line {line}: wanted UTF-8 text, found the byte 0x{content[exc.start]:02x}. "
            "Fetch the file again, or convert it to UTF-8."
        ) from exc
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DatasetError(f"{path}, line {line}: wanted text, found a NUL character. {_FETCH_AGAIN}")
    return text


class _Lines:
    """A text's lines for the csv module; knows where a record starts and whether it ran into the end of the text."""

    def __init__(self, text: str) -> None:
        self._lines = enumerate(re.finditer(r"[^\r\n]*(?:\r\n|\r|\n|\Z)", text), start=1)
        self.record_line = 0
        self.in_record = False
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        for number, match in self._lines:
            line = match.group()
            if not self.in_record:
                # pandas skips lines of nothing but blanks, unless they stand inside a quoted cell.
                if not line.strip(" \t\r\n"):
                    continue
                self.record_line = number
                self.in_record = True
            yield line
        self.exhausted = True


def _csv_table(path: str, columns: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, which has these columns, and at least one row with the line it starts on."""
    records = _csv_records(path)
    if len(records) < 2:
        found = "only the header line" if records else "an empty file"
        raise DatasetError(f"{path}: wanted a header line and at least one row, found {found}. {_FETCH_AGAIN}")
    header = records[0][1]
    missing = [column for column in columns if column not in header]
    if missing:
        raise DatasetError(
            f"{path}, header: wanted the columns {_quoted(columns)}, found {_quoted(header)}; "
            f"missing: {_quoted(missing)}. "
            "Give the task its own data set, or rename the columns."
        )
    return header, records[1:]


def _csv_records(path: str) -> list[tuple[int, list[str]]]:
    """Return the header and the rows, all of the header's length, each with the line it starts on."""
    lines = _Lines(_read_text(path))
    records: list[tuple[int, list[str]]] = []
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        for record in csv.reader(lines):
            lines.in_record = False
            place = f"{path}, line {lines.record_line}"
            if lines.exhausted:
                raise DatasetError(
                    f"{place}: wanted a closing quotation mark, found the end of the file. {_FETCH_AGAIN}"
                )
            if records and len(record) != len(records[0][1]):
                raise DatasetError(
                    f"{place}: wanted {len(records[0][1])} cells as in the header, found {len(record)}. {_FETCH_AGAIN}"
                )
            records.append((lines.record_line, record))
    except csv.Error as exc:
        raise DatasetError(f"{path}, line {lines.record_line}: wanted CSV, but {exc}. {_FETCH_AGAIN}") from exc
    finally:
        csv.field_size_limit(limit)
    return records


def _json_row(place: str, line: str, keys: Sequence[str]) -> dict[str, Any]:
    try:
        row = _json_text.loads(line)
    except ValueError as exc:
        raise DatasetError(f"{place}: wanted one JSON object, but {exc}. {_FETCH_AGAIN}") from exc
    if not isinstance(row, dict):
        raise DatasetError(f"{place}: wanted a JSON object, found {line[:40]!r}. Give the task its own data set.")
    for key in keys:
        if key not in row:
            raise DatasetError(
                f"{place}: wanted the keys {_quoted(keys)}, found {_quoted(row)}. Give the task its own data set."
            )
        if not isinstance(row[key], (str, int, float)):
            raise DatasetError(
                f"{place}: wanted text or a number for {key!r}, found {json.dumps(row[key])[:40]}. Correct the line."
            )
    return row


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
