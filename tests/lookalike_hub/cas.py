# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Xet store: it tells of what chunks a file is made, and serves these.

Protocol: https://huggingface.co/docs/xet/api and openapi/cas.openapi.yaml of huggingface/xet-core. A file is cut into
chunks of equal size, uncompressed; so many make a xorb, whose name is made up. Real hf_xet downloads such files.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
from typing import TYPE_CHECKING, Any

from .chunks import CHUNK, HEAD, XORB
from .content import Content, Memory
from .origin import Reply, Request
from .replies import asked_range, failure
from .repository import File
from .spoiling import spoilt_content
from .targets import Target

if TYPE_CHECKING:
    from .faults import Fault
    from .hub import Hub

RECONSTRUCTION = re.compile(r"/v1/reconstructions/(?P<hash>[0-9a-f]{64})")
FETCH = re.compile(r"/xorbs/default/(?P<hash>[0-9a-f]{64})/(?P<number>\d+)")


class Xorb(Content):
    """A part of a file as the store keeps it: chunks, each behind its head."""

    def __init__(self, content: Content, number: int) -> None:
        self._content = content
        self._first = number * XORB
        self._length = min(XORB, content.size - self._first)
        super().__init__(self._length + HEAD * -(-self._length // CHUNK))

    def _piece(self, start: int, stop: int) -> bytes:
        """Return what lies between the offsets and in the chunk of the first."""
        number, offset = divmod(start, HEAD + CHUNK)
        length = min(CHUNK, self._length - number * CHUNK)
        end = min(offset + stop - start, HEAD + length)
        # Version 0, length as stored, no compression (0), length: 24 bits each, little-endian.
        head = b"\0" + struct.pack("<I", length)[:3] + b"\0" + struct.pack("<I", length)[:3]
        at = self._first + number * CHUNK - HEAD
        return head[offset:end] + self._content.read(at + max(offset, HEAD), at + max(end, HEAD))

    def read(self, start: int, stop: int) -> bytes:
        found = bytearray()
        while start + len(found) < stop:
            found += self._piece(start + len(found), stop)
        return bytes(found)

    def send(self, connection: socket.socket, start: int, stop: int) -> int:
        return connection.send(self._piece(start, stop))


def target(hub: Hub, request: Request) -> Target:
    """Return what a request to the store is about."""
    fetch = FETCH.fullmatch(request.path)
    match = RECONSTRUCTION.fullmatch(request.path) or fetch
    found = Target("cas", phases=["cas", "xorb"] if fetch else ["cas"], xorb=int(fetch["number"]) if fetch else None)
    for repository in hub.repositories.values() if match else []:
        for commit in repository.commits.values():
            for file in commit.files.values():
                if match and file.xet_hash == match["hash"]:
                    found.repository, found.commit, found.file = repository, commit, file
                    found.repo_id, found.path = repository.repo_id, file.path
    return found


def answer(hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    if found.file is not None and found.xorb is not None:
        return _xorb(request, Xorb(spoilt_content(found.file.content, faults), found.xorb))
    if found.file is not None and RECONSTRUCTION.fullmatch(request.path):
        return _reconstruction(request, found.file, hub.url_of("cas", request))
    return failure(404, "not found")


def _xorb(request: Request, xorb: Xorb) -> Reply:
    start, stop = asked_range(request, xorb.size, "") or (0, xorb.size)
    if start >= stop:
        return Reply(416, {"Content-Range": f"bytes */{xorb.size}"})
    return Reply(206, {"Content-Range": f"bytes {start}-{stop - 1}/{xorb.size}"}, xorb, start, stop)


def _reconstruction(request: Request, file: File, base: str) -> Reply:
    """Tell of which chunks the asked bytes are made and where these are."""
    start, stop = asked_range(request, file.size, "") or (0, file.size)
    if start >= stop:
        return failure(416, "range not satisfiable")
    terms: list[dict[str, Any]] = []
    places: dict[str, list[dict[str, Any]]] = {}
    for number in range(start // XORB, -(-stop // XORB)):
        first = max(start - number * XORB, 0) // CHUNK
        last = -(-min(stop - number * XORB, XORB) // CHUNK)
        length = min(file.size, number * XORB + last * CHUNK) - number * XORB - first * CHUNK
        name = hashlib.sha256(f"{file.xet_hash} {number}".encode()).hexdigest()
        bounds = {"start": first, "end": last}
        terms.append({"hash": name, "unpacked_length": length, "range": bounds})
        places[name] = [
            {
                "range": bounds,
                "url": f"{base}/xorbs/default/{file.xet_hash}/{number}",
                "url_range": {
                    "start": first * (HEAD + CHUNK),
                    "end": first * (HEAD + CHUNK) + length + HEAD * (last - first) - 1,
                },
            }
        ]
    told = {"offset_into_first_range": start % CHUNK, "terms": terms, "fetch_info": places}
    return Reply(200, {"Content-Type": "application/json"}, Memory(json.dumps(told).encode()))
