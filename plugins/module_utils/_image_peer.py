# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image peer - fetches an image from a host that shares it, as a stream."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_server import (
    DIGESTS_HEADER,
    ID_HEADER,
    PATH,
    SIZE_HEADER,
)

_READ_SIZE = 1 << 20
# A peer that sends nothing for so long is gone; it sends nothing while its engine packs the image.
_SILENCE = 300
_CONNECT = 10
_PAUSE = 1.0


class PeerError(Exception):
    """The peer did not give the image, or not all of it; the message says what to do."""


@dataclass(frozen=True)
class Offer:
    """What a peer has, and the stream of it, which raises PeerError when it breaks."""

    image_id: str
    digests: tuple[str, ...]
    size: int
    chunks: Iterator[bytes]


@contextmanager
def offer(url: str, token: str, patience: float) -> Iterator[Offer]:
    """Ask a peer for its image, up to `patience` seconds while it serves others. Raises PeerError."""
    deadline = time.monotonic() + patience
    while True:
        connection, response = _ask(url, token)
        if response.status != 503 or time.monotonic() >= deadline:
            break
        connection.close()
        time.sleep(_PAUSE)
    try:
        if response.status != 200:
            raise PeerError(_refusal(url, response.status, response.read(1000).decode("utf-8", "replace").strip()))
        yield Offer(
            response.getheader(ID_HEADER, ""),
            tuple(response.getheader(DIGESTS_HEADER, "").split()),
            int(response.getheader(SIZE_HEADER, "0")),
            _chunks(url, response),
        )
    finally:
        connection.close()


def _ask(url: str, token: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise PeerError(f"expected a peer's address such as http://10.0.0.1:5555, found {url!r}")
    try:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_CONNECT)
        connection.connect()
        connection.sock.settimeout(_SILENCE)
        connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
        return connection, connection.getresponse()
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise PeerError(
            f"expected a host that shares the image at {url}, could not talk to it: {exc}; is it shared there "
            "(vllm_image_share), at an address that this host reaches?"
        ) from exc


def _chunks(url: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    received = 0
    try:
        while True:
            data = response.read(_READ_SIZE)
            if not data:
                return
            received += len(data)
            yield data
    except (OSError, http.client.HTTPException) as exc:
        raise PeerError(
            f"the transfer from {url} broke off after {received} bytes: {exc!r}; nothing was loaded. Look at the "
            "network, and at share.log on the peer, and run again"
        ) from exc


def _refusal(url: str, status: int, said: str) -> str:
    remedy = {
        403: "take the token that the share there has now",
        503: "wait, raise peer_timeout, or let it serve more at a time (max_transfers)",
    }.get(status, "look at share.log there")
    return f"expected the image from {url}, it refuses with status {status}: {said}; {remedy}"
