# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request to the Hub or its CDN is about: repository, commit, file, and the phases it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .origin import Request
from .repository import Commit, File, Repository
from .signing import signed_file

if TYPE_CHECKING:
    from .hub import Hub

API = re.compile(
    r"/api/(?P<kind>models|datasets|spaces)/(?P<repo>[^/]+(?:/[^/]+)??)"
    r"(?:/(?P<verb>revision|tree|refs|paths-info|xet-read-token)(?:/(?P<revision>[^/]+)(?:/(?P<path>.+))?)?)?"
)
RESOLVE = re.compile(
    r"/(?:(?P<kind>datasets|spaces)/)?(?P<repo>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
)
CACHED = re.compile(
    r"/api/resolve-cache/(?P<kind>models|datasets|spaces)/(?P<repo>[^/]+(?:/[^/]+)?)"
    r"/(?P<revision>[0-9a-f]{40})/(?P<path>.+)"
)


@dataclass
class Target:
    """What a request is about. ``path`` is the file's path in the repository; ``folder`` that of a tree."""

    verb: str
    kind: str = "models"
    repo_id: str | None = None
    revision: str | None = None
    path: str | None = None
    folder: str = ""
    repository: Repository | None = None
    commit: Commit | None = None
    file: File | None = None
    phases: list[str] = field(default_factory=list)
    xorb: int | None = None


def target(hub: Hub, request: Request) -> Target:
    if request.origin == "cdn":
        return _find(hub, request, Target("cdn", *signed_file(request)))
    for verb, pattern in (("cached", CACHED), ("resolve", RESOLVE), ("info", API)):
        match = pattern.fullmatch(request.path)
        if match:
            parts = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
            found = Target(parts.get("verb", verb), parts.get("kind", "models"), parts["repo"], parts.get("revision"))
            if pattern is API:
                found.folder = parts.get("path", "")
            else:
                found.path = parts["path"]
            return _find(hub, request, found)
    return Target("whoami" if request.path == "/api/whoami-v2" else "unknown", phases=["api"])


def _find(hub: Hub, request: Request, found: Target) -> Target:
    """Fill in repository, commit, file and phases."""
    found.repository = hub.repositories.get((found.kind, found.repo_id or ""))
    if found.repository is not None:
        found.commit = found.repository.resolve(found.revision or "main")
    if found.commit is not None:
        found.file = found.commit.files.get(found.path or "")
    found.phases = phases(found, request.method == "HEAD", hub.settings["resolve_cache"])
    return found


def phases(found: Target, head: bool, resolve_cache: bool) -> list[str]:
    """Return the phases, which faults.py explains."""
    if found.verb == "xet-read-token":
        return ["api", "token"]
    if found.verb not in ("resolve", "cached", "cdn"):
        return ["api"]
    redirected = found.verb == "resolve" and found.file is not None and (found.file.lfs or resolve_cache)
    if head:
        on_its_way = redirected and found.file is not None and not found.file.lfs
        return ["resolve"] if on_its_way else ["resolve", "metadata"]
    if found.verb == "resolve":
        return ["resolve"] if redirected else ["resolve", "content"]
    return ["content"]
