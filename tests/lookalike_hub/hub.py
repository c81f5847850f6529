# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look-alike of the Hub: its addresses, its repositories, its faults and its books.

    with Hub() as hub:
        hub.add("openai/gpt-oss-20b").commit({"config.json": b"{}", "model.safetensors": Generated(600 << 20)})
        hub.fault("stall", path="*.safetensors", after=100 << 20, seconds=30, first=1)
        snapshot_download("openai/gpt-oss-20b", endpoint=hub.endpoint)
        assert hub.books.content() == {"config.json": 2, "model.safetensors": 600 << 20}
        assert hub.books.repeated() == {}

It speaks what huggingface_hub 0.34 to 2.4 ask for. Four origins, each a port of its own: hub, cdn (content of large
files, by signed addresses), cas (the Xet store) and control (see control.py; it keeps no books and knows no faults).
"""

from __future__ import annotations

import threading
from typing import Any

from . import answers, cas, control, targets
from .books import Books, Record
from .faults import Fault, Faults
from .origin import Origin, Pace, Reply, Request
from .repository import Repository

SETTINGS = {
    "page_size": 1000,
    "gzip": False,
    "resolve_cache": True,
    "redirect_status": 302,
    "url_seconds": 3600,
    "tokens": None,
    "token_required": False,
    "rate": None,
}


class Hub:
    """A look-alike that listens between ``start`` and ``stop``, or as a context.

    Settings, which may change while it runs:
    ``page_size`` (entries of a page of a tree), ``gzip`` (small text files go compressed and chunked to who accepts
    it), ``resolve_cache`` (small files are redirected, by a relative address, as on the Hub since 2025; else they come
    at once), ``redirect_status`` (302 or 307, of large files), ``url_seconds`` (life of a signed address), ``tokens``
    (the valid ones; None: any), ``token_required``, ``rate`` (bytes a second over all connections).
    """

    def __init__(
        self, address: str = "127.0.0.1", port: int = 0, ports: dict[str, int] | None = None, **settings: Any
    ) -> None:
        self.settings: dict[str, Any] = dict(SETTINGS)
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.renamed: dict[str, str] = {}
        self.faults = Faults()
        self.books = Books()
        self.uses: dict[str, int] = {}
        self.lock = threading.Lock()
        given = {"hub": port, **(ports or {})}
        answer = {"hub": self._answer, "cdn": self._answer, "cas": self._answer, "control": self._control}
        self.origins = {name: Origin(name, answer[name], address, given.get(name, 0)) for name in answer}
        for origin in self.origins.values():
            origin.closed = self._closed
        self.set(**settings)

    def __enter__(self) -> Hub:
        self.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self.stop()

    def start(self) -> None:
        for origin in self.origins.values():
            origin.up()

    def stop(self) -> None:
        for origin in self.origins.values():
            origin.down()

    @property
    def endpoint(self) -> str:
        return self.origins["hub"].url

    @property
    def control_url(self) -> str:
        return self.origins["control"].url

    def set(self, **settings: Any) -> None:
        unknown = set(settings) - set(SETTINGS)
        if unknown:
            raise ValueError(f"Wanted: settings of {sorted(SETTINGS)}. Found: {sorted(unknown)}.")
        self.settings.update(settings)
        if "rate" in settings:
            pace = Pace(settings["rate"]) if settings["rate"] else None
            for name in ("hub", "cdn", "cas"):
                self.origins[name].pace = pace

    def add(self, repo_id: str, kind: str = "models", **options: Any) -> Repository:
        """Return a new repository, empty as yet; ``options`` are fields of Repository."""
        repository = Repository(repo_id, kind, **options)
        self.repositories[kind, repo_id] = repository
        return repository

    def repository(self, repo_id: str, kind: str = "models") -> Repository:
        return self.repositories[kind, repo_id]

    def fault(self, kind: str, path: str = "*", **fields: Any) -> None:
        """Add a fault: see faults.py."""
        self.faults.add(Fault(kind, path, **fields))

    def down(self, *names: str, seconds: float | None = None) -> None:
        """Refuse connections to these origins (hub, cdn, cas) and break those there are, for ``seconds`` or till up."""
        for name in names or ("hub", "cdn", "cas"):
            self.origins[name].down()
        if seconds is not None:
            timer = threading.Timer(seconds, self.up, names)
            timer.daemon = True
            timer.start()

    def up(self, *names: str) -> None:
        """Listen again on the same ports."""
        for name in names or ("hub", "cdn", "cas"):
            self.origins[name].up()

    def move(self, repo_id: str, commit: str, branch: str = "main", kind: str = "models") -> None:
        """Let a branch point to another commit."""
        self.repository(repo_id, kind).branches[branch] = commit

    def url_of(self, name: str, request: Request) -> str:
        """Return an origin's address, by the name under which the client of the request knows this machine."""
        return f"http://{request.host}:{self.origins[name].port}"

    def _answer(self, request: Request) -> Reply:
        target = cas.target(self, request) if request.origin == "cas" else targets.target(self, request)
        faults = self.faults.claim(
            method=request.method, path=request.path, file=target.path, phases=target.phases, client=request.client
        )
        record = self.books.open(
            origin=request.origin, method=request.method, path=request.path, query=request.query, client=request.client,
            agent=request.headers.get("User-Agent", ""), token="Authorization" in request.headers,
            range=request.headers.get("Range"), repo=target.repo_id, revision=target.revision, file=target.path,
            phases=target.phases, faults=list(faults), xorb=target.xorb,
        )  # fmt: skip
        reply = answers.answer(self, request, target, faults)
        reply.noted = record
        record.status, record.start = reply.status, reply.start
        return reply

    def _closed(self, record: Record | None) -> None:
        if record is not None:
            self.books.close(record)

    def _control(self, request: Request) -> Reply:
        return control.answer(self, request)

    def use(self, address: str) -> int:
        """Count one more use of a signed address; returns the count."""
        with self.lock:
            self.uses[address] = self.uses.get(address, 0) + 1
            return self.uses[address]
