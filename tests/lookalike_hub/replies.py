# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of the kinds that more than one place gives: documents, errors, and files or ranges of them."""

from __future__ import annotations

import json
import mimetypes
import re
import secrets
from typing import Any

from .content import Content, Memory
from .origin import Reply, Request


def failure(status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> Reply:
    """Return an error as the Hub tells it: by status, X-Error-Code, X-Error-Message and a small document."""
    told = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
    return document({"error": message}, status, told)


def document(found: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    told = {"Content-Type": "application/json; charset=utf-8", "X-Request-Id": secrets.token_hex(8), **(headers or {})}
    return Reply(status, told, Memory(json.dumps(found).encode()))


def denied(message: str) -> Reply:
    """Return the CDN's refusal, which is XML and knows no error codes of the Hub."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>{message}</Message></Error>'
    return Reply(403, {"Content-Type": "application/xml"}, Memory(body.encode()))


def unauthorized() -> Reply:
    # The Hub sends no code here; its client then takes a 401 from https://... for a missing repository. Over plain HTTP
    # it does not, so the code is told.
    return failure(401, "Invalid username or password.", "RepoNotFound")


def deliver(request: Request, path: str, content: Content, headers: dict[str, str], ranges: bool = True) -> Reply:
    """Return a file, or the range of it that was asked for."""
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    told = {"Accept-Ranges": "bytes", "Content-Type": kind, **headers}
    bounds = asked_range(request, content.size, headers.get("ETag", "")) if ranges else None
    if bounds is None:
        return Reply(200, told, content)
    start, stop = bounds
    if start >= stop:
        return Reply(416, {**told, "Content-Range": f"bytes */{content.size}"})
    told["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    return Reply(206, told, content, start, stop)


def asked_range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Return the bounds that a request asks for, empty when there are no such bytes; None for the whole."""
    match = re.fullmatch(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", request.headers.get("Range", ""))
    if not match or match.groups() == ("", "") or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
