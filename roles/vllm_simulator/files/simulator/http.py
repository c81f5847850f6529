# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: http, requests in and replies out over one keep-alive connection, fast and without coroutines."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple, Optional, cast
from urllib.parse import unquote

PHRASES = {status.value: status.phrase for status in HTTPStatus}
_GLANCE = 0.05  # seconds between looks at whether a reply is still held
_RESET = struct.pack("ii", 1, 0)


class Request(NamedTuple):
    """One request; its path is decoded, header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: str


class Reply(NamedTuple):
    """One reply. `pieces` makes it a chunked stream; `accident` is reset, stall or truncated instead of an end.

    `delay` is in seconds, and so is `prefill`, which comes before it and before anything is sent. Nothing is sent while
    `held` says so. `done` is called once: with True when all is sent, with False when the client is gone.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    pieces: Optional[Sequence[bytes]] = None
    delay: float = 0.0
    prefill: float = 0.0
    held: Optional[Callable[[], bool]] = None
    accident: Optional[str] = None
    done: Optional[Callable[[bool], None]] = None


def head(reply: Reply, close: bool) -> bytes:
    """Return the status line and headers of a reply."""
    lines = [f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, '')}", "server: uvicorn"]
    if reply.pieces is None:
        lines.append(f"content-length: {len(reply.body)}")
    else:
        lines.append("transfer-encoding: chunked")
    if reply.body or reply.pieces is not None:
        lines.append(f"content-type: {reply.content_type}")
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if close:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Connection(asyncio.Protocol):
    """One client. `busy` is true from a request's last byte to its reply's last byte."""

    def __init__(self, handle: Callable[[Request], Reply], connections: set[Connection]) -> None:
        self._handle = handle
        self._connections = connections
        self._buffer = b""
        self._close = False
        self._done: Callable[[bool], None] | None = None
        self.busy = False
        self.frozen = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._client = "{}:{}".format(*transport.get_extra_info("peername", ("?", 0))[:2])
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._report(False)
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Collect bytes and answer when a request is complete."""
        self._buffer += data
        if not self.busy:
            self._advance()

    def close(self) -> None:
        """Hang up after what is already written."""
        self._transport.close()

    def fail(self, reply: Reply) -> None:
        """Answer the request in flight with this reply instead of the one on its way."""
        self.frozen = True
        self._transport.write(head(reply, True) + reply.body)
        self._transport.close()

    def _advance(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _unused, value in (line.partition(":") for line in lines)}
        taken = self._take_body(end + 4, headers)
        words = first.split(" ")
        if taken is None:
            return
        body, size = taken
        self._buffer = self._buffer[size:]
        self._close = headers.get("connection", "").lower() == "close" or words[-1] == "HTTP/1.0"
        self.busy = True
        if len(words) != 3:
            self._answer(Reply(400, b"Invalid HTTP request received.", "text/plain; charset=utf-8"))
            return
        self._answer(self._handle(Request(words[0], unquote(words[1].partition("?")[0]), headers, body, self._client)))

    def _take_body(self, start: int, headers: dict[str, str]) -> tuple[bytes, int] | None:
        """Return body and size of the whole request, or None while bytes are missing."""
        if headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == start:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return _join_chunks(self._buffer, start)
        length = headers.get("content-length", "0")
        end = start + (int(length) if length.isdigit() else 0)
        return (self._buffer[start:end], end) if len(self._buffer) >= end else None

    def _answer(self, reply: Reply) -> None:
        self._done = reply.done
        if reply.accident in ("reset", "stall"):
            reply = reply._replace(pieces=None)
        if reply.prefill > 0:
            asyncio.get_running_loop().call_later(reply.prefill, self._pump, reply, 0)
        elif reply.delay > 0 or reply.pieces is not None:
            self._pump(reply, 0)
        else:
            self._finish(reply)

    def _pump(self, reply: Reply, number: int) -> None:
        """Send a delayed reply, or a stream spread evenly over its delay in at most 20 bursts."""
        loop = asyncio.get_running_loop()
        if self._transport.is_closing() or self.frozen:
            return
        if reply.held is not None and reply.held():
            loop.call_later(_GLANCE, self._pump, reply, number)
            return
        if reply.pieces is None:
            loop.call_later(reply.delay, self._finish, reply)
            return
        if number == 0:
            self._transport.write(head(reply, self._close))
        burst = len(reply.pieces) if reply.delay <= 0 else max(1, -(-len(reply.pieces) // 20))
        pieces = reply.pieces[number : number + burst]
        self._transport.write(b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces))
        if number + burst < len(reply.pieces):
            loop.call_later(reply.delay / 20, self._pump, reply, number + burst)
            return
        if reply.accident != "truncated":
            self._transport.write(b"0\r\n\r\n")
        self._over(reply)

    def _finish(self, reply: Reply) -> None:
        if self._transport.is_closing() or self.frozen or reply.accident == "stall":
            return
        if reply.held is not None and reply.held():
            asyncio.get_running_loop().call_later(_GLANCE, self._finish, reply)
            return
        if reply.accident == "reset":
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
            return
        half = len(reply.body) // 2 if reply.accident == "truncated" else None
        self._transport.write(head(reply, self._close) + reply.body[:half])
        self._over(reply)

    def _report(self, sent: bool) -> None:
        self.busy = False
        done, self._done = self._done, None
        if done is not None:
            done(sent)

    def _over(self, reply: Reply) -> None:
        self._report(True)
        if self._close or reply.accident is not None:
            self._transport.close()
        elif self._buffer:
            self._advance()


def _join_chunks(buffer: bytes, start: int) -> tuple[bytes, int] | None:
    pieces = []
    while True:
        end = buffer.find(b"\r\n", start)
        if end < 0:
            return None
        size = int(buffer[start:end].split(b";")[0], 16)
        if len(buffer) < end + 2 + size + 2:
            return None
        pieces.append(buffer[end + 2 : end + 2 + size])
        start = end + 2 + size + 2
        if size == 0:
            return b"".join(pieces), start
