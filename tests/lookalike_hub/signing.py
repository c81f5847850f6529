# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed addresses of large files at the CDN: they say which file, live for a while and cannot be changed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode

from .origin import Request

SECRET = secrets.token_bytes(16)


def signed_path(base: str, file: tuple[str, str, str, str], sha256: str, seconds: float) -> str:
    """Return a new address of a file, given as kind, repository, commit and path."""
    path = f"/xet-bridge-us/{hashlib.sha1(file[1].encode()).hexdigest()[:24]}/{sha256}"
    query = {
        "Expires": str(int(time.time() + seconds)),
        "Key-Pair-Id": secrets.token_hex(8),
        "X-File": "\n".join(file),
    }
    return f"{base}{path}?{urlencode({**query, 'Signature': signature(path, query)})}"


def signed_file(request: Request) -> tuple[str, str, str, str]:
    """Return the kind, repository, commit and path that an address tells, whether it is right or not."""
    kind, repo_id, commit, path = (request.parameters.get("X-File", "") + "\n\n\n").split("\n")[:4]
    return kind, repo_id, commit, path


def objection(request: Request) -> str | None:
    """Return what is wrong with an address, as the CDN would say it."""
    asked = request.parameters
    if asked.get("Signature") != signature(request.path, asked):
        return "Access denied"
    return "Request has expired" if int(asked["Expires"]) < time.time() else None


def signature(path: str, query: dict[str, str]) -> str:
    told = "\n".join([path, *(query.get(name, "") for name in ("Expires", "Key-Pair-Id", "X-File"))])
    return hmac.new(SECRET, told.encode(), hashlib.sha256).hexdigest()
