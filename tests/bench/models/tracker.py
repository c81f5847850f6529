"""A BitTorrent tracker for one swarm: aria2 knows no other way to be told of its peers."""

from __future__ import annotations

import http.server
import socket
import struct
import urllib.parse

PEERS: dict[tuple[str, int], bool] = {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each announce with all others, in the compact form of BEP 23."""

    def do_GET(self) -> None:
        query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2], encoding="latin1"))
        me = (self.client_address[0], int(query["port"]))
        PEERS[me] = True
        others = b"".join(
            socket.inet_aton(host) + struct.pack(">H", port) for host, port in PEERS if (host, port) != me
        )
        answer = b"d8:intervali2e5:peers%d:%se" % (len(others), others)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 6969), Handler).serve_forever()
