# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The books: each request and what was sent, so that tests can say "each byte once"."""

from __future__ import annotations

import fnmatch
import threading
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from .chunks import file_offset


@dataclass
class Record:
    """One request. ``sent`` are bytes of the body; the first has the offset ``start`` in the file, or in its ``xorb``.

    ``seconds`` is None as long as the reply is under way; ``whole`` says that the reply came to its foreseen end.
    """

    number: int
    time: float
    origin: str
    method: str
    path: str
    query: str
    client: str
    agent: str
    token: bool
    range: str | None
    repo: str | None = None
    revision: str | None = None
    file: str | None = None
    phases: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    xorb: int | None = None
    status: int = 0
    start: int = 0
    sent: int = 0
    whole: bool = False
    seconds: float | None = None

    @property
    def is_content(self) -> bool:
        """Whether bytes of a file were, or were to be, sent."""
        return not {"content", "xorb"}.isdisjoint(self.phases) and self.method == "GET" and self.status in (200, 206)

    @property
    def span(self) -> tuple[int, int]:
        """The bytes of the file that were sent."""
        bounds = self.start, self.start + self.sent
        return bounds if self.xorb is None else (file_offset(self.xorb, bounds[0]), file_offset(self.xorb, bounds[1]))


class Books:
    """All records since the start, or since they were cleared."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: list[Record] = []
        self._count = 0

    def open(self, **known: Any) -> Record:
        with self._changed:
            self._count += 1
            record = Record(number=self._count, time=time.time(), **known)
            self._records.append(record)
            self._changed.notify_all()
            return record

    def close(self, record: Record) -> None:
        with self._changed:
            record.seconds = time.time() - record.time
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._records = []

    def requests(self, *, path: str = "*", file: str = "*", phase: str | None = None, **fields: Any) -> list[Record]:
        """Return the records that match: patterns of path and file, a phase, and equal fields (origin, method, ...)."""
        with self._changed:
            return self._matching(path, file, phase, fields)

    def _matching(self, path: str, file: str, phase: str | None, fields: dict[str, Any]) -> list[Record]:
        return [
            record
            for record in self._records
            if fnmatch.fnmatchcase(record.path, path)
            and (file == "*" or fnmatch.fnmatchcase(record.file or "", file))
            and (phase is None or phase in record.phases)
            and all(getattr(record, name) == value for name, value in fields.items())
        ]

    def wait(
        self, count: int = 1, seconds: float = 30.0, *, path: str = "*", file: str = "*", phase: str | None = None,
        **fields: Any,
    ) -> list[Record]:  # fmt: skip
        """Return the matching records once there are so many."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._matching(path, file, phase, fields)) >= count, seconds):
                raise AssertionError(f"waited {seconds} s for {count} requests; there were {self._records}")
            return self._matching(path, file, phase, fields)

    def downloads(self, **fields: Any) -> list[str]:
        """Return the files whose content was asked for, one entry for each request."""
        return [file for file, _span in self._spans(fields)]

    def content(self, **fields: Any) -> dict[str, int]:
        """Return the bytes of content that were sent of each file, in requests whose fields (repo, client) are so.

        Of a compressed reply they are those of the compressed form.
        """
        found: Counter[str] = Counter()
        for file, (start, stop) in self._spans(fields):
            found[file] += stop - start
        return dict(found)

    def repeated(self, **fields: Any) -> dict[str, int]:
        """Return, of files of which bytes were sent more than once, how many bytes were sent in vain."""
        spans = defaultdict(list)
        for file, span in self._spans(fields):
            spans[file].append(span)
        doubled = {file: sum(b - a for a, b in found) - _covered(found) for file, found in spans.items()}
        return {file: count for file, count in doubled.items() if count}

    def _spans(self, fields: dict[str, Any]) -> list[tuple[str, tuple[int, int]]]:
        return [(record.file or "", record.span) for record in self.requests(**fields) if record.is_content]

    def as_document(self, **fields: Any) -> dict[str, Any]:
        return {
            "requests": [asdict(record) for record in self.requests(**fields)],
            "downloads": self.downloads(**fields),
            "content": self.content(**fields),
            "repeated": self.repeated(**fields),
        }


def _covered(spans: list[tuple[int, int]]) -> int:
    """Return how many different bytes the spans hold."""
    total, end = 0, 0
    for first, last in sorted(spans):
        total += max(0, last - max(first, end))
        end = max(end, last)
    return total
