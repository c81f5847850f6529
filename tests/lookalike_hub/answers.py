# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Hub and its CDN say to a request, and to whom."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode

from . import cas, documents
from .access import refusal
from .content import Memory
from .faults import Fault
from .origin import Reply, Request
from .replies import deliver, denied, document, failure
from .signing import objection, signed_path
from .spoiling import WHOLE, spoil, spoilt_content, spoilt_entries, spoilt_metadata
from .targets import Target, target

if TYPE_CHECKING:
    from .hub import Hub

TEXT_SUFFIXES = (".json", ".md", ".txt", ".jinja", ".py", ".csv", ".jsonl")


def answer(hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    """Return the reply to a request that meets these faults."""
    for kind, make in WHOLE.items():
        if kind in faults:
            return make(faults[kind], request)
    if "moved" in faults and found.repository is not None:
        hub.move(found.repository.repo_id, faults["moved"].commit or "", faults["moved"].branch, found.kind)
        found = target(hub, request)
    if "expired" in faults and hub.use(request.query) > faults["expired"].uses:
        return denied("Request has expired")
    reply = refusal(hub, request, found) or ANSWERS[found.verb](hub, request, found, faults)
    return spoil(reply, faults)


def _info(_hub: Hub, request: Request, found: Target, _faults: dict[str, Fault]) -> Reply:
    assert found.repository and found.commit
    return document(documents.info(found.repository, found.commit, request.parameters))


def _refs(_hub: Hub, request: Request, found: Target, _faults: dict[str, Fault]) -> Reply:
    assert found.repository
    return document(documents.refs(found.repository, "include_prs" in request.parameters))


def _tree(hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    assert found.commit
    asked = {name: value.lower() in ("true", "1") for name, value in request.parameters.items()}
    expand = asked.get("expand", False)
    entries = documents.tree(found.commit, found.folder, asked.get("recursive", False), expand)
    if entries is None:
        return failure(404, f"{found.folder} does not exist", "EntryNotFound", {"X-Repo-Commit": found.commit.id})
    limit = min(int(request.parameters.get("limit") or 1000), hub.settings["page_size"])
    start = int(base64.b64decode(request.parameters.get("cursor", "")) or b"0")
    headers = {}
    if start + limit < len(entries):
        cursor = base64.b64encode(str(start + limit).encode()).decode()
        query = urlencode({**request.parameters, "cursor": cursor})
        headers["Link"] = f'<{hub.url_of("hub", request)}{request.path}?{query}>; rel="next"'
    return document(spoilt_entries(entries[start : start + limit], faults), headers=headers)


def _paths(_hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    assert found.commit
    if request.headers.get_content_type() == "application/json":
        asked = json.loads(request.body)
    else:
        asked = parse_qs(request.body.decode())
    expand = asked.get("expand") in (True, ["true"], ["True"])
    entries = documents.tree(found.commit, "", True, expand) or []
    return document(spoilt_entries([entry for entry in entries if entry["path"] in asked.get("paths", [])], faults))


def _token(hub: Hub, request: Request, _found: Target, _faults: dict[str, Fault]) -> Reply:
    url, token, end = hub.url_of("cas", request), f"xet_{secrets.token_hex(16)}", int(time.time()) + 3600
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(end)}
    return document({"casUrl": url, "accessToken": token, "exp": end}, headers=headers)


def _resolve(hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    """Tell a file's metadata and where its content is."""
    assert found.commit and found.file
    file = found.file
    if not file.lfs and not hub.settings["resolve_cache"]:
        return _cached(hub, request, found, faults)
    headers = {
        "X-Repo-Commit": found.commit.id,
        "X-Linked-Size": str(file.size),
        "X-Linked-ETag": f'"{file.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
        **xet_headers(hub, request, found),
    }
    names = (found.kind, found.repo_id or "", found.commit.id, file.path)
    if file.lfs:
        status = hub.settings["redirect_status"]
        headers["Location"] = signed_path(hub.url_of("cdn", request), names, file.sha256, hub.settings["url_seconds"])
    else:
        status, headers["Location"] = 307, "/api/resolve-cache/{}/{}/{}/".format(*names) + quote(file.path, safe="")
    return Reply(status, spoilt_metadata(headers, faults), Memory(b"Redirecting"))


def xet_headers(hub: Hub, request: Request, found: Target) -> dict[str, str]:
    """Return what leads hf_xet to the Xet store, for files that are there."""
    if not (found.file and found.commit and found.file.xet_hash):
        return {}
    token = f"{hub.url_of('hub', request)}/api/{found.kind}/{found.repo_id}/xet-read-token/{found.commit.id}"
    place = f"{hub.url_of('cas', request)}/v1/reconstructions/{found.file.xet_hash}"
    link = f'<{token}>; rel="xet-auth", <{place}>; rel="xet-reconstruction-info"'
    return {"X-Xet-Hash": found.file.xet_hash, "Link": link}


def _cached(hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    """Small files, which the Hub serves itself."""
    assert found.commit and found.file
    file = found.file
    headers = {"X-Repo-Commit": found.commit.id, "ETag": f'"{file.etag}"'}
    small = hub.settings["gzip"] and file.path.endswith(TEXT_SUFFIXES) and request.method == "GET"
    if small and "gzip" in request.headers.get("Accept-Encoding", ""):
        # As the Hub's CDN does it: no range, and no length.
        packed = {"Content-Encoding": "gzip", "ETag": f'W/"{file.etag}"', "Vary": "Accept-Encoding"}
        data = gzip.compress(file.content.read(0, file.size), mtime=0)
        return Reply(200, {**headers, **packed}, Memory(data), chunked=True)
    if request.method == "HEAD":
        headers["Content-Length"] = str(file.size)
    content = spoilt_content(file.content, faults)
    return deliver(request, file.path, content, spoilt_metadata(headers, faults), "ignore_range" not in faults)


def _cdn(_hub: Hub, request: Request, found: Target, faults: dict[str, Fault]) -> Reply:
    """Large files, by signed addresses."""
    wrong = objection(request)
    if wrong or found.file is None:
        return denied(wrong or "Access denied")
    name = found.file.path.rpartition("/")[2]
    headers = {
        "ETag": f'"{found.file.etag}"',
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}; filename=\"{name}\";",
    }
    content = spoilt_content(found.file.content, faults)
    return deliver(request, found.file.path, content, headers, "ignore_range" not in faults)


def _whoami(_hub: Hub, request: Request, _found: Target, _faults: dict[str, Fault]) -> Reply:
    if request.token is None:
        return failure(401, "Invalid username or password.")
    return document({"type": "user", "name": "tester", "id": "0" * 24, "auth": {"accessToken": {"role": "read"}}})


def _unknown(_hub: Hub, _request: Request, _found: Target, _faults: dict[str, Fault]) -> Reply:
    return failure(404, "Sorry, we can't find the page you are looking for.")


Answer = Callable[["Hub", Request, Target, "dict[str, Fault]"], Reply]
ANSWERS: dict[str, Answer] = {
    "info": _info,
    "revision": _info,
    "refs": _refs,
    "tree": _tree,
    "paths-info": _paths,
    "xet-read-token": _token,
    "resolve": _resolve,
    "cached": _cached,
    "cdn": _cdn,
    "whoami": _whoami,
    "unknown": _unknown,
    "cas": cas.answer,
}
