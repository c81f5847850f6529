# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control over HTTP, at an origin of its own: it keeps no books and knows no faults.

GET    /_control/state      addresses, settings, faults with how many requests each has met, repositories
POST   /_control/settings   {"rate": 1000000, ...}: see hub.SETTINGS
GET    /_control/books      {"requests": [...], "downloads": [...], "content": {file: bytes}, "repeated": {file: bytes}}
                            with ?repo=...&client=... of requests whose fields are so
DELETE /_control/books
POST   /_control/faults     a fault or a list of them: see faults.py
DELETE /_control/faults
POST   /_control/down       {"origins": ["hub", "cdn"], "seconds": 5}: both may be left out; see Hub.down
POST   /_control/up         {"origins": [...]}
POST   /_control/move       {"repo_id": "...", "commit": "...", "branch": "main"}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .content import Memory
from .faults import Fault
from .origin import Reply, Request

if TYPE_CHECKING:
    from .hub import Hub


def answer(hub: Hub, request: Request) -> Reply:
    try:
        given = json.loads(request.body or b"{}")
        found = _do(hub, request, given)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _reply(400, {"error": f"{type(error).__name__}: {error}"})
    return _reply(200, found) if found is not None else _reply(404, {"error": "see control.py for what there is"})


def _reply(status: int, found: Any) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, Memory(json.dumps(found).encode()))


def _do(hub: Hub, request: Request, given: Any) -> Any:
    what = (request.method, request.path)
    if what == ("GET", "/_control/state"):
        return state(hub)
    if what == ("GET", "/_control/books"):
        return hub.books.as_document(**request.parameters)
    if what == ("DELETE", "/_control/books"):
        hub.books.clear()
    elif what == ("POST", "/_control/faults"):
        for fault in [Fault.parse(one) for one in (given if isinstance(given, list) else [given])]:
            hub.faults.add(fault)
    elif what == ("DELETE", "/_control/faults"):
        hub.faults.clear()
    elif what == ("POST", "/_control/settings"):
        hub.set(**given)
    elif what == ("POST", "/_control/down"):
        hub.down(*given.get("origins", []), seconds=given.get("seconds"))
    elif what == ("POST", "/_control/up"):
        hub.up(*given.get("origins", []))
    elif what == ("POST", "/_control/move"):
        hub.move(**given)
    else:
        return None
    return {}


def state(hub: Hub) -> dict[str, Any]:
    return {
        "endpoint": hub.endpoint,
        "origins": {name: origin.url for name, origin in hub.origins.items()},
        "up": [name for name, origin in hub.origins.items() if origin.is_up],
        "settings": hub.settings,
        "faults": hub.faults.as_document(),
        "repositories": [
            {
                "kind": repository.kind, "repo_id": repository.repo_id,
                "branches": repository.branches, "tags": repository.tags,
                "commits": {
                    commit.id: {path: file.size for path, file in commit.files.items()}
                    for commit in repository.commits.values()
                },
            }
            for repository in hub.repositories.values()
        ],
    }  # fmt: skip
