# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One address that speaks HTTP/1.1: it listens, keeps connections alive, can go down and come up again, and sends.

Nothing here knows the Hub: ``answer`` gets a request and returns a reply.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import select
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .content import Content, Memory

# As much as one call sends at most: small enough that a rate holds within a fraction of a second.
PIECE = 1 << 20
LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """A request as it came; ``path`` is still quoted."""

    origin: str
    method: str
    path: str
    query: str
    headers: Any
    client: str
    body: bytes = b""

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}

    @property
    def host(self) -> str:
        """The name or address that the client knows this machine by, without the port."""
        return str(self.headers.get("Host", "127.0.0.1")).rpartition(":")[0] or "127.0.0.1"

    @property
    def token(self) -> str | None:
        scheme, _space, token = str(self.headers.get("Authorization", "")).partition(" ")
        return token if scheme == "Bearer" else None


@dataclass
class Reply:
    """What to send: ``start`` and ``stop`` bound the content; the rest is how it goes wrong.

    After ``end_after`` bytes of the body, ``end`` comes: reset, short or stall; hang and drop come before the headers.
    A stall or hang lasts ``hold`` seconds, or for ever. ``noted`` is the record to keep count in.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: Memory(b""))
    start: int = 0
    stop: int | None = None
    chunked: bool = False
    end: str | None = None
    end_after: int = 0
    hold: float | None = None
    rate: float | None = None
    noted: Any = None

    @property
    def bounds(self) -> tuple[int, int]:
        return self.start, self.content.size if self.stop is None else self.stop


class Pace:
    """So many bytes a second, shared by all that call ``take``."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._next = 0.0

    @property
    def piece(self) -> int:
        return max(1, min(PIECE, int(self.rate / 50)))

    def take(self, count: int) -> float:
        """Return how many seconds to wait before sending so many bytes."""
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._next)
            self._next = begin + count / self.rate
            return begin - now


class Origin:
    """An HTTP server on one address; its threads end with it."""

    def __init__(
        self, name: str, answer: Callable[[Request], Reply], address: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.name = name
        self.answer = answer
        self.port = port
        self.pace: Pace | None = None
        self.closed: Callable[[Any], None] = lambda noted: None
        self._address = address
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self._address in ("", "0.0.0.0") else self._address
        return f"http://{host}:{self.port}"

    def up(self) -> None:
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._address, self.port))
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections from now on, and break those there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def is_up(self) -> bool:
        return self._listener is not None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, client = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, client), daemon=True).start()

    def _serve(self, connection: socket.socket, client: Any) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                Handler(connection, client, self)  # type: ignore[arg-type]
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection, request after request."""

    protocol_version = "HTTP/1.1"
    server: Origin  # type: ignore[assignment]
    connection: socket.socket

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        client = self.client_address[0]
        request = Request(self.server.name, self.command, url.path, url.query, self.headers, client, body)
        reply = self.server.answer(request)
        try:
            self._send(reply)
        except OSError:
            self.close_connection = True
        finally:
            self.server.closed(reply.noted)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _handle

    def _send(self, reply: Reply) -> None:
        if reply.end == "drop":
            self._reset()
            return
        if reply.end == "hang" and not self._hold(reply.hold):
            return
        start, stop = reply.bounds
        self._send_head(reply, stop - start)
        if self.command == "HEAD":
            stop = start
        if reply.chunked:
            self._send_chunked(reply)
            return
        early = reply.end in ("reset", "short", "stall")
        end = min(stop, start + reply.end_after) if early else stop
        self._send_body(reply, start, end)
        if early and not self._end(reply):
            return
        self._send_body(reply, end, stop)
        if reply.noted is not None:
            reply.noted.whole = True

    def _send_head(self, reply: Reply, length: int) -> None:
        status = HTTPStatus(reply.status)
        headers = {"Date": self.date_time_string(), **reply.headers}
        if reply.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.status not in (204, 304):
            headers.setdefault("Content-Length", str(length))
        lines = [f"HTTP/1.1 {reply.status} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        has_body = self.command != "HEAD" and length > 0
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode(), socket.MSG_MORE if has_body else 0)

    def _send_chunked(self, reply: Reply) -> None:
        data = reply.content.read(*reply.bounds)
        if reply.noted is not None:
            reply.noted.sent, reply.noted.whole = len(data), True
        pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
        self.connection.sendall(b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")

    def _send_body(self, reply: Reply, start: int, stop: int) -> None:
        """Send; what is under way counts as sent, so that whoever has the last byte finds it in the books."""
        own = Pace(reply.rate) if reply.rate else None
        while start < stop:
            paces = [pace for pace in (own, self.server.pace) if pace is not None]
            count = min(stop - start, *(pace.piece for pace in paces), PIECE)
            for pace in paces:
                time.sleep(pace.take(count))
            if reply.noted is not None:
                reply.noted.sent += count
            sent = 0
            try:
                # All that was waited for: a content may send less at a time.
                while sent < count:
                    sent += reply.content.send(self.connection, start + sent, start + count)
            finally:
                if reply.noted is not None:
                    reply.noted.sent += sent - count
            start += sent

    def _end(self, reply: Reply) -> bool:
        """Do what ends a body early; whether to go on with the rest."""
        if reply.end == "stall":
            return self._hold(reply.hold)
        self.close_connection = True
        if reply.end == "reset":
            self._reset()
        return False

    def _reset(self) -> None:
        """Let the close that follows send RST, once the client's machine has what was sent before."""
        self.close_connection = True
        end = time.monotonic() + 2
        while time.monotonic() < end and any(fcntl.ioctl(self.connection, termios.TIOCOUTQ, b"\0" * 4)):
            time.sleep(0.002)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)

    def _hold(self, seconds: float | None) -> bool:
        """Wait so long, or for ever; whether the client is still there in the end."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        gone = bool(poll.poll(None if seconds is None else seconds * 1000))
        self.close_connection = self.close_connection or gone
        return not gone

    def log_message(self, *arguments: Any) -> None:
        pass
