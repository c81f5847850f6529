# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: HTTP connection, one keep-alive HTTP/1.1 client connection on asyncio, parsed by httptools (llhttp)."""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from dataclasses import dataclass
from typing import Mapping, NamedTuple, Optional, Sequence
from urllib.parse import urlsplit

from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import MASK, spellings

HTTPTOOLS_IMPORT_ERROR: Optional[str] = None
try:
    import httptools
except ImportError:
    HTTPTOOLS_IMPORT_ERROR = traceback.format_exc()

CONNECT_TIMEOUT = 10.0
MAX_BODY_BYTES = 256 * 1024 * 1024
_KEPT_HEADERS = frozenset((b"retry-after", b"location"))
# Dead peers are noticed in a minute, however long an answer may take: seconds idle, seconds between probes, probes.
_TCP_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class HttpError(Exception):
    """No usable HTTP response came."""


class ConnectError(HttpError):
    """The server cannot be reached: refused, no route, name unknown, TLS handshake failed."""


class DisconnectError(HttpError):
    """The connection broke before the response was whole."""


class ProtocolError(HttpError):
    """What came is not an HTTP/1.1 response."""


class RequestTimeout(HttpError):
    """No whole response within the request's time."""


class DroppedError(HttpError):
    """The request under way was given up on purpose."""


class Response(NamedTuple):
    """One HTTP response; of the headers only those the client acts on, names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _masked(data: bytes, secrets: Sequence[bytes]) -> bytes:
    """Return some bytes without what they repeat of the key, as some servers and proxies do."""
    for secret in secrets:
        data = data.replace(secret, MASK.encode())
    return data


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens; ``prefix`` is the base URL's path without its last slash."""

    host: str
    port: int
    tls: bool
    prefix: str
    authority: str

    @classmethod
    def parse(cls, base_url: str) -> Endpoint:
        """Split a base URL; ValueError says what is wrong with it."""
        try:
            parts = urlsplit(base_url.strip())
            port = parts.port
        except ValueError as exc:
            raise ValueError(f"base_url {base_url!r} is no http(s) address: {exc}; correct it") from exc
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base_url {base_url!r} is no http(s) address; give one like http://127.0.0.1:8000/v1")
        tls = parts.scheme == "https"
        port = port or (443 if tls else 80)
        host = parts.hostname
        name = f"[{host}]" if ":" in host else host
        authority = name if parts.port is None else f"{name}:{port}"
        return cls(host, port, tls, parts.path.rstrip("/"), authority)


class _Wire(asyncio.Protocol):
    """Feeds bytes to the parser and settles the future of the one request under way. `secrets` are not told on."""

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._secrets = secrets
        self.transport: Optional[asyncio.Transport] = None
        self.pending: Optional[asyncio.Future[Response]] = None
        self.parser = httptools.HttpResponseParser(self)
        self.reusable = True
        self.begun = False
        self._clear()

    def _clear(self) -> None:
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.size = 0
        self.framed = False
        self.headers_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _TCP_KEEPALIVE:
                if hasattr(socket, name):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def send(self, data: bytes) -> asyncio.Future[Response]:
        """Write one request; the future gets its response."""
        self.begun = False
        self._clear()
        self.pending = asyncio.get_running_loop().create_future()
        if self.transport is not None:
            self.transport.write(data)
        return self.pending

    def data_received(self, data: bytes) -> None:
        if self.pending is None:  # a reply nobody asked for
            self.abort(ProtocolError("the server sent data without a request"))
            return
        self.begun = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self.abort(ProtocolError(f"the answer is not HTTP/1.1 ({exc}): {_masked(data, self._secrets)[:80]!r}"))

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.reusable = False
        if self.pending is None:
            return
        if self.headers_done and not self.framed and exc is None:
            self.on_message_complete()  # a body delimited by the end of the connection
        else:
            self.settle(DisconnectError(f"the server closed the connection {self._progress()}"))

    def _progress(self) -> str:
        return f"after {self.size} bytes of the body" if self.headers_done else "without an answer"

    def abort(self, error: HttpError) -> None:
        """Give up the connection and fail the request under way."""
        self.reusable = False
        self.settle(error)
        if self.transport is not None:
            self.transport.abort()

    def settle(self, result: Response | HttpError) -> None:
        pending, self.pending = self.pending, None
        if pending is None or pending.done():
            return
        if isinstance(result, HttpError):
            pending.set_exception(result)
        else:
            pending.set_result(result)

    # Called by httptools ----------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self.framed = True
        elif name in _KEPT_HEADERS:
            self.headers[name.decode("latin-1")] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.headers_done = True

    def on_body(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > MAX_BODY_BYTES:
            self.abort(ProtocolError(f"the answer is larger than {MAX_BODY_BYTES} bytes"))
            return
        self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:  # an interim response: the final one follows
            self._clear()
            return
        if not self.parser.should_keep_alive():
            self.reusable = False
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.settle(Response(status, self.headers, body))


class Connection:
    """One keep-alive connection, reopened when needed; one request at a time."""

    def __init__(self, endpoint: Endpoint, api_key: Optional[str] = None) -> None:
        self._endpoint = endpoint
        self._secrets = [word.encode() for word in spellings(api_key or "")]
        self._wire: Optional[_Wire] = None
        self.resent = 0  # requests sent again as the server had closed the idle connection
        lines = [f"Host: {endpoint.authority}", "User-Agent: gpt_oss.fleet", "Accept: application/json"]
        if api_key:
            lines.append(f"Authorization: Bearer {api_key}")
        self._head = "\r\n".join([" HTTP/1.1", *lines, ""]).encode("latin-1")

    async def get(self, path: str, timeout: float) -> Response:
        """GET an absolute path."""
        return await self._exchange(b"GET " + path.encode() + self._head + b"\r\n", timeout)

    async def post(self, path: str, body: bytes, request_id: str, timeout: float) -> Response:
        """POST a JSON body to a path below the endpoint's prefix; ``request_id`` goes along as X-Request-Id."""
        target = f"POST {self._endpoint.prefix}{path}".encode()
        fields = f"Content-Type: application/json\r\nX-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        return await self._exchange(target + self._head + fields.encode("latin-1") + body, timeout)

    async def _exchange(self, request: bytes, timeout: float) -> Response:
        wire = self._wire
        if wire is not None and wire.reusable:
            try:
                return await self._attempt(wire, request, timeout)
            except DisconnectError:
                if wire.begun:
                    raise
                # The server had closed the idle connection before it saw the request: ask again on a new one.
                self.resent += 1
        return await self._attempt(await self._connect(), request, timeout)

    async def _attempt(self, wire: _Wire, request: bytes, timeout: float) -> Response:
        reply = wire.send(request)
        expiry = RequestTimeout(f"no whole answer within {timeout:g} s")
        timer = asyncio.get_running_loop().call_later(timeout, wire.abort, expiry)
        try:
            response = await reply
        finally:
            timer.cancel()
            if wire.pending is not None:  # cancelled: the server must not go on for nobody
                wire.abort(DisconnectError("cancelled"))
        if not wire.reusable:
            self.close()
        headers = {name: _masked(value.encode(), self._secrets).decode() for name, value in response.headers.items()}
        return response._replace(headers=headers, body=_masked(response.body, self._secrets))

    async def _connect(self) -> _Wire:
        self.close()
        where = self._endpoint
        context = ssl.create_default_context() if where.tls else None
        opening = asyncio.get_running_loop().create_connection(
            lambda: _Wire(self._secrets), where.host, where.port, ssl=context
        )
        try:
            self._wire = (await asyncio.wait_for(opening, CONNECT_TIMEOUT))[1]
        except asyncio.TimeoutError as exc:
            raise ConnectError(f"cannot connect to {where.authority}: no answer in {CONNECT_TIMEOUT:g} s") from exc
        except (OSError, UnicodeError) as exc:  # the latter for a name that no resolver can be asked for
            found = exc if isinstance(exc, OSError) else "its host has no name that can be looked up"
            raise ConnectError(f"cannot connect to {where.authority}: {found}") from exc
        return self._wire

    def drop(self, reason: str) -> None:
        """Give up the request under way, which fails with DroppedError, and the connection."""
        if self._wire is not None:
            self._wire.abort(DroppedError(reason))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.reusable = False
            self._wire.transport.abort()
        self._wire = None
