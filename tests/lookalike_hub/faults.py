# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: what goes wrong, with which requests, how often.

phase any:
    status         ``status``, with ``retry_after`` (seconds; ``as_date``: as HTTP date), ``error_code``, ``message``
    unauthorized   401 Invalid username or password
    gated          403 GatedRepo
    no_repository  404 RepoNotFound
    no_revision    404 RevisionNotFound
    no_entry       404 EntryNotFound
    rate_limit     429 with the Hub's RateLimit headers, ``seconds`` to wait, and no Retry-After
    portal         200 and a web page, as of a proxy that wants a log-in
    hang           nothing, not even headers, for ``seconds``, by default for ever
    drop           the connection reset before the headers
    moved          before the answer, ``branch`` moves to ``commit``; then all is as usual
phase api:
    lying_size     a size that is ``by`` bytes (1) too large, in the tree; with phase metadata: in the headers
    lying_hash     a hash of other content, in the same places
    broken_json    the first half of the document, as if it were all
phase resolve:
    redirect_loop  302 to the same address, for ever
phase metadata:
    no_metadata    neither ETag nor X-Repo-Commit
phase content:
    expired        403 from the CDN when a signed address is used more than ``uses`` times (1)
    reset          the connection reset after ``after`` bytes of the body
    short          the connection closed after ``after`` bytes, though Content-Length says more
    truncated      a body of ``after`` bytes, and a Content-Length that agrees
    wrong_bytes    one byte wrong, at offset ``at`` of the file; size and headers are right
    stall          nothing more after ``after`` bytes, for ``seconds``, by default for ever
    slow           ``rate`` bytes a second, on each connection
    ignore_range   200 and the whole file, where a range was asked for

``after`` and ``at`` are the middle when not given. A kind has the phase above unless the fault names another. A request
is in one or more of:
    api        /api/...
    resolve    HEAD and GET of .../resolve/..., and HEAD of where these lead
    metadata   HEADs that tell a file's commit, size and hash
    content    GETs that are answered with bytes of a file, by the Hub or the CDN
    token      for the Xet store
    cas, xorb  that store itself, and the bytes it sends
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

# The fault is the whole answer, and what follows in the list has no say.
INSTEAD = (
    "status",
    "unauthorized",
    "gated",
    "no_repository",
    "no_revision",
    "no_entry",
    "rate_limit",
    "portal",
    "hang",
    "drop",
    "expired",
    "redirect_loop",
)
LIES = ("lying_size", "lying_hash")
PHASES = {
    **dict.fromkeys((*INSTEAD, "moved"), "any"),
    "expired": "content",
    "redirect_loop": "resolve",
    "no_metadata": "metadata",
    "lying_size": "api",
    "lying_hash": "api",
    "broken_json": "api",
    "reset": "content",
    "short": "content",
    "truncated": "content",
    "wrong_bytes": "content",
    "stall": "content",
    "slow": "content",
    "ignore_range": "content",
}


@dataclass(frozen=True)
class Fault:
    """One fault, for requests that match.

    ``path`` is a pattern for the file's path in the repository or, when it starts with a slash, for the request's path.
    ``skip`` matching requests go unharmed, the next ``first`` are hit (None: all), the rest go unharmed again.
    """

    kind: str
    path: str = "*"
    phase: str | None = None
    method: str | None = None
    client: str = "*"
    skip: int = 0
    first: int | None = None
    status: int = 500
    retry_after: int | None = None
    as_date: bool = False
    error_code: str | None = None
    message: str = "told to fail"
    after: int | None = None
    at: int | None = None
    seconds: float | None = None
    rate: float | None = None
    by: int = 1
    uses: int = 1
    branch: str = "main"
    commit: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in PHASES:
            raise ValueError(f"Wanted: a fault of {sorted(PHASES)}. Found: {self.kind!r}.")
        if self.kind == "slow" and not self.rate:
            raise ValueError("Wanted: the rate of a slow fault, in bytes per second. Found: none.")
        if self.kind == "moved" and self.commit is None:
            raise ValueError("Wanted: the commit that the branch moves to. Found: none.")

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Fault:
        unknown = set(document) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"Wanted: a fault's fields. Found: {sorted(unknown)}.")
        return cls(**document)

    def matches(self, *, method: str, path: str, file: str | None, phases: list[str], client: str) -> bool:
        phase = self.phase or PHASES[self.kind]
        if self.kind in LIES and phase == "api":
            # The pattern is for entries of the document, and counts only where there are some.
            return "api" in phases and ("/tree/" in path or "/paths-info/" in path)
        name = path if self.path.startswith("/") else file or ""
        return (
            phase in ("any", *phases)
            and self.method in (None, method)
            and (self.path == "*" or fnmatch.fnmatchcase(name, self.path))
            and fnmatch.fnmatchcase(client, self.client)
        )


class Faults:
    """The faults in force, in order, with how many requests each has met."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._list: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._list.append((fault, [0]))

    def clear(self) -> None:
        with self._lock:
            self._list = []

    def as_document(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{**asdict(fault), "met": met[0]} for fault, met in self._list]

    def claim(self, **request: Any) -> dict[str, Fault]:
        """Return the faults of this request by kind, one of each; none follows one that is the whole answer.

        Only faults that are looked at count the request, so two of a kind, with ``first``, come one after the other.
        """
        found: dict[str, Fault] = {}
        with self._lock:
            for fault, met in self._list:
                if fault.kind in found or not fault.matches(**request):
                    continue
                met[0] += 1
                if met[0] <= fault.skip or (fault.first is not None and met[0] > fault.skip + fault.first):
                    continue
                found[fault.kind] = fault
                if fault.kind in INSTEAD:
                    break
        return found
