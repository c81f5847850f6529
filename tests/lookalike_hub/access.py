# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see what, in the Hub's order: token, repository, revision, gate, file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .origin import Reply, Request
from .replies import failure, unauthorized
from .repository import Repository
from .targets import Target

if TYPE_CHECKING:
    from .hub import Hub


def refusal(hub: Hub, request: Request, found: Target) -> Reply | None:
    """Return the error for what is not there or not for this client; None when all is well."""
    if request.origin != "hub" or found.verb == "unknown":
        return None
    tokens = hub.settings["tokens"]
    if request.token is not None and tokens is not None and request.token not in tokens:
        return failure(401, "Invalid credentials in Authorization header")
    if request.token is None and (hub.settings["token_required"] or (found.repository and found.repository.private)):
        return unauthorized()
    if found.verb == "whoami":
        return None
    if found.repo_id in hub.renamed:
        path = request.path.replace(found.repo_id, hub.renamed[found.repo_id], 1)
        return Reply(307, {"Location": path + (f"?{request.query}" if request.query else "")})
    if found.repository is None:
        return unauthorized() if request.token is None else failure(404, "Repository not found", "RepoNotFound")
    return _missing(request, found, found.repository)


def _missing(request: Request, found: Target, repository: Repository) -> Reply | None:
    if found.commit is None and found.verb != "refs":
        return failure(404, f"Invalid rev id: {found.revision}", "RevisionNotFound")
    if found.verb in ("resolve", "cached", "xet-read-token") and repository.gated:
        if request.token is None:
            return failure(401, f"Access to model {found.repo_id} is restricted. Please log in.", "GatedRepo")
        if request.token not in repository.readers:
            message = f"Access to model {found.repo_id} is restricted and you are not in the authorized list."
            return failure(403, message, "GatedRepo")
    if found.verb in ("resolve", "cached") and found.file is None:
        commit = found.commit.id if found.commit else ""
        return failure(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit})
    return None
