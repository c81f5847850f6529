from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _http
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import (
    ConnectError,
    Connection,
    DisconnectError,
    Endpoint,
    ProtocolError,
    RequestTimeout,
    Response,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSE, RESET, HANG = "close", "reset", "hang"


@dataclass
class RawServer:
    """Plays scripts: one per connection, one list of bytes (sent apart) and actions per request."""

    scripts: list[list[list[bytes | str]]]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        for steps in script:
            if steps[0] != CLOSE:  # that one closes the idle connection
                head = await reader.readuntil(b"\r\n\r\n")
                length = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
                self.requests.append(head + await reader.readexactly(length[0] if length else 0))
            for step in steps:
                if step == HANG:
                    await asyncio.sleep(30)
                elif step == RESET:
                    writer.transport.abort()
                    return
                elif step == CLOSE:
                    writer.close()
                    return
                else:
                    assert isinstance(step, bytes)
                    writer.write(step)
                    await asyncio.sleep(0.005)
        await asyncio.sleep(30)


def play(
    scripts: list[list[list[bytes | str]]], client: Callable[[Connection], Awaitable[list[Response]]]
) -> tuple[RawServer, list[Response]]:
    """Run a client against a scripted server."""

    async def run() -> tuple[RawServer, list[Response]]:
        raw = RawServer(scripts)
        server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connection = Connection(Endpoint.parse(f"http://127.0.0.1:{port}/v1"), "s3cret")
        try:
            return raw, await asyncio.wait_for(client(connection), 10)
        finally:
            connection.close()
            server.close()

    return asyncio.run(run())


def posts(count: int, pause: float = 0.0, timeout: float = 5.0) -> Callable[[Connection], Awaitable[list[Response]]]:
    async def client(connection: Connection) -> list[Response]:
        found = []
        for number in range(count):
            found.append(await connection.post("/responses", b'{"a":1}', f"gpqa/{number}/0", timeout))
            await asyncio.sleep(pause)
        return found

    return client


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        ([OK], 200, b"ok"),
        ([b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  2\r\n\r\no", b"k"], 200, b"ok"),
        ([b"HT", b"TP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Le", b"ngth: 0\r\n\r\n"], 503, b""),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n", b"1;x=y\r\nk\r\n0\r\n\r\n"], 200, b"ok"),
        ([b"HTTP/1.1 200 OK\r\n\r\no", b"k", CLOSE], 200, b"ok"),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", CLOSE], 200, b"ok"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", OK], 200, b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b""),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3000000], 200, b"x" * 3000000),
    ],
)
def test_framings(reply: list[bytes | str], status: int, body: bytes) -> None:
    _unused, (response,) = play([[reply]], posts(1))
    assert (response.status, response.body) == (status, body)
    assert response.headers.get("retry-after") == ("7" if status == 503 else None)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ([RESET], DisconnectError),
        ([b"", CLOSE], DisconnectError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CLOSE], DisconnectError),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha", CLOSE], DisconnectError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", RESET], DisconnectError),
        ([b"SSH-2.0-OpenSSH\r\n"], ProtocolError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"], ProtocolError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", HANG], RequestTimeout),
        ([HANG], RequestTimeout),
    ],
)
def test_faults(reply: list[bytes | str], error: type[Exception]) -> None:
    with pytest.raises(error):
        play([[reply]], posts(1, timeout=0.3))


def test_requests_are_whole_and_one_connection_serves_them() -> None:
    server, responses = play([[[OK], [OK], [OK]]], posts(3))
    assert [response.body for response in responses] == [b"ok"] * 3
    assert server.connections == 1
    head, body = server.requests[1].split(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/responses HTTP/1.1"
    assert {"Authorization: Bearer s3cret", "X-Request-Id: gpqa/1/0", "Content-Length: 7"} <= set(lines)
    assert body == b'{"a":1}'


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_stale_connection_is_replaced_at_once(end: str) -> None:
    """The server closed the idle connection, before the next request or while it was on its way."""
    server, responses = play([[[OK], [end]], [[OK]]], posts(2))
    assert [response.status for response in responses] == [200, 200]
    assert server.connections == 2


def test_a_new_connection_that_breaks_is_not_tried_again() -> None:
    with pytest.raises(DisconnectError):
        play([[[OK], [RESET]], [[RESET]]], posts(2))


def test_a_broken_reply_on_a_reused_connection_is_not_asked_again() -> None:
    with pytest.raises(DisconnectError):
        play([[[OK], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CLOSE]], [[OK]]], posts(2))


def test_connection_close_is_honoured() -> None:
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    server, responses = play([[[reply]], [[reply]]], posts(2))
    assert (len(responses), server.connections) == (2, 2)


def test_after_a_timeout_the_late_reply_is_not_taken_for_the_next() -> None:
    async def client(connection: Connection) -> list[Response]:
        with pytest.raises(RequestTimeout):
            await connection.post("/responses", b"{}", "gpqa/0/0", 0.1)
        return [await connection.post("/responses", b"{}", "gpqa/1/0", 5)]

    server, (response,) = play([[[HANG, OK]], [[OK]]], client)
    assert response.body == b"ok"
    assert server.connections == 2


def test_a_cancelled_request_closes_its_connection() -> None:
    async def client(connection: Connection) -> list[Response]:
        asking = asyncio.ensure_future(connection.post("/responses", b"{}", "gpqa/0/0", 5))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return [await connection.post("/responses", b"{}", "gpqa/1/0", 5)]

    server, (response,) = play([[[HANG]], [[OK]]], client)
    assert response.body == b"ok"
    assert server.connections == 2


def test_a_body_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "MAX_BODY_BYTES", 1000)
    with pytest.raises(ProtocolError, match="larger than 1000"):
        play([[[b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000]]], posts(1))


def test_nobody_listens() -> None:
    async def ask() -> None:
        await Connection(Endpoint.parse("http://127.0.0.1:9/v1")).get("/health", 1)

    with pytest.raises(ConnectError, match="cannot connect to 127.0.0.1:9"):
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8000/v1", Endpoint("127.0.0.1", 8000, False, "/v1", "127.0.0.1:8000")),
        ("http://gpu-1/v1/", Endpoint("gpu-1", 80, False, "/v1", "gpu-1")),
        ("https://gpu-1/a/v1", Endpoint("gpu-1", 443, True, "/a/v1", "gpu-1")),
        ("http://[::1]:8000", Endpoint("::1", 8000, False, "", "[::1]:8000")),
    ],
)
def test_endpoints(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://host/v1", "http:///v1", ""])
def test_no_endpoint(url: str) -> None:
    with pytest.raises(ValueError, match="give one like"):
        Endpoint.parse(url)
