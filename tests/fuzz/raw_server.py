"""A loopback server that answers with the bytes a test wants, whatever they are, in pieces of the size it wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[str], bytes]  # by the request's path


class RawServer:
    """Listens in a thread; each request is a connection's last."""

    def __init__(self) -> None:
        self.answer: Answer = lambda path: b""
        self.piece = 1 << 20  # bytes
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def run(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            path = _read_request(connection)
            data = self.answer(path)
            for start in range(0, len(data), self.piece):
                connection.sendall(data[start : start + self.piece])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):  # closed at once, what was sent may be lost
                pass


def _read_request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise OSError("no request")
        data += more
    head, _blank, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b" ")[1].decode()


@contextmanager
def raw_server() -> Iterator[RawServer]:
    server = RawServer()
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def response(body: bytes, content_type: str = "application/json", status: str = "200 OK") -> bytes:
    """Return a whole HTTP/1.1 response."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
