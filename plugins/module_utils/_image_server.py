# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image server - streams one image from the engine to whoever presents the token, until nobody asks any more.

GET /image answers with the archive of `docker save`, in chunks, so that a broken transfer is seen as one, and with the
image's id, digests and size in headers.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_pace import Pace

PATH = "/image"
ID_HEADER, DIGESTS_HEADER, SIZE_HEADER = "X-Image-Id", "X-Image-Digests", "X-Image-Size"
# A peer that takes nothing for so long is gone.
_SILENCE = 120


@dataclass(frozen=True)
class Shared:
    """What is shared, and how. `save` begins a stream of the image's archive."""

    image_id: str
    digests: tuple[str, ...]
    size: int
    save: Callable[[], Iterator[bytes]]
    most_transfers: int = 0
    pace: Pace = field(default_factory=lambda: Pace(0))


@dataclass
class Counters:
    """What happened so far; `idle_since` is on the monotonic clock."""

    active: int = 0
    finished: int = 0
    broken: int = 0
    refused: int = 0
    sent_bytes: int = 0
    idle_since: float = field(default_factory=time.monotonic)


class ImageServer(ThreadingHTTPServer):
    """Serves one image."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], shared: Shared, token: str) -> None:
        self.shared = shared
        self.counters = Counters()
        self._token = token
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def allows(self, authorization: str) -> bool:
        """Tell whether a request's Authorization header holds the token."""
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode())

    def count(self, **steps: int) -> None:
        """Add to the counters."""
        with self._lock:
            for name, step in steps.items():
                setattr(self.counters, name, getattr(self.counters, name) + step)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Take one of the places; False when none is free."""
        with self._lock:
            free = not self.shared.most_transfers or self.counters.active < self.shared.most_transfers
            self.counters.active += free
        try:
            yield free
        finally:
            with self._lock:
                self.counters.active -= free
                self.counters.idle_since = time.monotonic()

    def idle_seconds(self) -> float:
        """Return for how long nobody has asked for anything."""
        with self._lock:
            return 0.0 if self.counters.active else time.monotonic() - self.counters.idle_since


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SILENCE
    server: ImageServer

    def do_GET(self) -> None:
        """Send the image, or say why not."""
        self.close_connection = True
        if not self.server.allows(self.headers.get("Authorization", "")):
            self.server.count(refused=1)
            self._refuse(403, "this image is shared with those who present its token")
            return
        if self.path != PATH:
            self._refuse(404, f"only {PATH} is served")
            return
        with self.server.turn() as free:
            if not free:
                self._refuse(503, "all transfers that are allowed at a time are under way", {"Retry-After": "1"})
                return
            self._send()

    def _send(self) -> None:
        shared = self.server.shared
        chunks = shared.save()
        try:
            # Before the headers, so that an engine that refuses is told as such.
            first = next(chunks, b"")
        except Exception as exc:  # whatever the engine's library raises: the peer is told, and the server goes on
            self._refuse(502, f"the engine of this host does not give the image: {exc}")
            return
        try:
            self.send_response(200)
            for name, value in self._headers(shared).items():
                self.send_header(name, value)
            self.end_headers()
            self._chunk(first)
            for chunk in chunks:
                self._chunk(chunk)
            self.wfile.write(b"0\r\n\r\n")
            self.server.count(finished=1)
        except Exception as exc:  # no last chunk is sent: the peer sees that the transfer is broken
            self.server.count(broken=1)
            self.log_message("broken transfer to %s: %s", self.client_address[0], exc)

    def _chunk(self, data: bytes) -> None:
        if data:
            self.server.shared.pace.wait(len(data))
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.server.count(sent_bytes=len(data))

    @staticmethod
    def _headers(shared: Shared) -> dict[str, str]:
        return {
            "Content-Type": "application/x-tar",
            "Transfer-Encoding": "chunked",
            ID_HEADER: shared.image_id,
            DIGESTS_HEADER: " ".join(shared.digests),
            SIZE_HEADER: str(shared.size),
        }

    def _refuse(self, status: int, why: str, headers: Any = ()) -> None:
        content = (why + "\n").encode()
        with suppress(OSError):
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
