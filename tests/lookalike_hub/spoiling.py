# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How faults change replies: some are the whole answer, others spoil the one there would be."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from .content import Content, Cut, Memory, Spoilt
from .faults import Fault
from .origin import Reply, Request
from .replies import failure, unauthorized


def _status(fault: Fault, _request: Request) -> Reply:
    headers = {}
    if fault.retry_after is not None:
        date = formatdate(time.time() + fault.retry_after, usegmt=True)
        headers["Retry-After"] = date if fault.as_date else str(fault.retry_after)
    return failure(fault.status, fault.message, fault.error_code, headers)


def _rate_limit(fault: Fault, _request: Request) -> Reply:
    wait = int(fault.seconds or 0)
    headers = {"RateLimit": f'"resolvers";r=0;t={wait}', "RateLimit-Policy": '"fixed window";"resolvers";q=3000;w=300'}
    return failure(429, "You have reached your rate limit", headers=headers)


def _portal(_fault: Fault, _request: Request) -> Reply:
    page = b"<!doctype html><html><body>Please log in to use this network.</body></html>"
    return Reply(200, {"Content-Type": "text/html"}, Memory(page))


def _loop(_fault: Fault, request: Request) -> Reply:
    turn = int(request.parameters.get("turn", "0")) + 1
    return Reply(302, {"Location": f"{request.path}?turn={turn}"})


WHOLE: dict[str, Callable[[Fault, Request], Reply]] = {
    "status": _status,
    "unauthorized": lambda _fault, _request: unauthorized(),
    "gated": lambda _fault, _request: failure(403, "Access to this model is restricted", "GatedRepo"),
    "no_repository": lambda _fault, _request: failure(404, "Repository not found", "RepoNotFound"),
    "no_revision": lambda _fault, _request: failure(404, "Invalid rev id", "RevisionNotFound"),
    "no_entry": lambda _fault, _request: failure(404, "Entry not found", "EntryNotFound"),
    "rate_limit": _rate_limit,
    "portal": _portal,
    "drop": lambda _fault, _request: Reply(end="drop"),
    "redirect_loop": _loop,
}


def spoilt_content(content: Content, faults: dict[str, Fault]) -> Content:
    """Return a file's content, too short or with a byte wrong."""
    if "truncated" in faults:
        after = faults["truncated"].after
        content = Cut(content, content.size // 2 if after is None else after)
    if "wrong_bytes" in faults:
        at = faults["wrong_bytes"].at
        content = Spoilt(content, content.size // 2 if at is None else at)
    return content


def spoilt_entries(entries: list[dict[str, Any]], faults: dict[str, Fault]) -> list[dict[str, Any]]:
    """Return entries of a tree; those whose paths match tell another size or another hash, wherever they tell one."""
    for entry in entries:
        places = [entry, entry["lfs"]] if "lfs" in entry else [entry]
        for place in places if entry["type"] == "file" else []:
            if hits(faults.get("lying_size"), entry["path"]):
                place["size"] += faults["lying_size"].by
            if hits(faults.get("lying_hash"), entry["path"]):
                place["oid"] = wrong_hash(place["oid"])
    return entries


def hits(fault: Fault | None, path: str) -> bool:
    return fault is not None and fnmatch.fnmatchcase(path, fault.path)


def wrong_hash(digest: str) -> str:
    """Return a hash of the same length that belongs to nothing."""
    return digest[::-1] if digest != digest[::-1] else "0" * len(digest)


def spoilt_metadata(headers: dict[str, str], faults: dict[str, Fault]) -> dict[str, str]:
    """Return the headers of which a client takes commit, size and hash, with lies in them or without them."""
    found = dict(headers)
    for name in ("X-Linked-Size", "Content-Length"):
        if name in found and "lying_size" in faults:
            found[name] = str(int(found[name]) + faults["lying_size"].by)
    for name in ("X-Linked-ETag", "ETag"):
        if name in found and "lying_hash" in faults:
            found[name] = f'"{wrong_hash(found[name].strip(chr(34)))}"'
    for name in ("X-Repo-Commit", "X-Linked-ETag", "ETag") if "no_metadata" in faults else ():
        found.pop(name, None)
    return found


def spoil(reply: Reply, faults: dict[str, Fault]) -> Reply:
    """Put the faults of sending into a reply."""
    if "broken_json" in faults and reply.status == 200:
        reply.stop = reply.content.size // 2
    start, stop = reply.bounds
    for kind in ("reset", "short", "stall"):
        if kind in faults and reply.end is None:
            after = faults[kind].after
            reply.end, reply.end_after = kind, (stop - start) // 2 if after is None else after
            reply.hold = faults[kind].seconds
    if "slow" in faults:
        reply.rate = faults["slow"].rate
    if "hang" in faults:
        reply.end, reply.hold = "hang", faults["hang"].seconds
    return reply
