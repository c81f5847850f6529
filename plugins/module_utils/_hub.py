# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hub - what the Hugging Face Hub tells of a model, and its files.

Each function does one attempt, in a process of its own (see _child), and returns a document: what was asked for, or
under `refusal` why it was refused.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _xet
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import is_commit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_body import start_of, write
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_client import (
    Access,
    about_file,
    answering,
    api_of,
    asked_of,
    get,
    headers_for,
    json_of,
    pages_of,
    refused_by,
    stream,
    xet_is_allowed,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_refusal import Asked, Refusal, Refused, odd
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import GIT_SHA1, SHA256, Listed


def commit_of(access: Access, revision: str) -> dict[str, Any]:
    """Return a revision's `commit`, or `refusal`."""
    asked = asked_of(access, f"{access.repo_id} at revision {revision}")

    def work() -> dict[str, Any]:
        address = f"{api_of(access)}/revision/{quote(revision, safe='')}"
        document = json_of(access, get(access, address), asked)
        commit = document.get("sha") if isinstance(document, dict) else None
        if not is_commit(str(commit)):
            raise Refused(odd(asked, "a commit", f"{str(document)[:100]}"))
        return {"commit": commit}

    return answering(access, asked, work)


def listing_of(access: Access, commit: str) -> dict[str, Any]:
    """Return a commit's files as `listing`, or `refusal`."""
    asked = asked_of(access, f"{access.repo_id} at revision {commit}")

    def work() -> dict[str, Any]:
        listing = {}
        for page in pages_of(access, f"{api_of(access)}/tree/{commit}", asked):
            try:
                listing.update({entry["path"]: asdict(_listed(entry)) for entry in page if entry["type"] == "file"})
            except (KeyError, TypeError) as exc:
                raise Refused(odd(asked, "a list of files", f"{str(page)[:100]}")) from exc
        return {"listing": listing}

    return answering(access, asked, work)


def fetch(access: Access, commit: str, name: str, listed: Listed, staged: Path, xet: bool = True) -> dict[str, Any]:
    """Bring one file to `staged`; return its `digests`, or `refusal`, and whether it came by `xet`.

    What `staged`.part already holds is not asked for again.
    """
    asked = asked_of(access, f"{name} of {access.repo_id} at {commit}")
    by_xet = False

    def work() -> dict[str, Any]:
        nonlocal by_xet
        part = staged.with_name(staged.name + ".part")
        # Its size tells; what is none of it, its hash tells.
        if not staged.exists():
            about = _about(access, commit, name, listed, asked)
            if xet and about.xet_file_data is not None and _size(part) < listed.size:
                by_xet = xet_is_allowed() and _xet.is_usable(access.timeout, staged.with_name("library.xet"))
            if by_xet:
                _by_xet(access, about, listed, part, asked)
            elif _size(part) != listed.size or not part.exists():
                _by_http(access, about, listed, part, asked)
            part.replace(staged)
        return {"xet": by_xet, "digests": asdict(digests(staged, listed.algorithm))}

    answer = answering(access, asked, work, str(staged.parent))
    return {"xet": by_xet, **answer}


def _listed(entry: dict[str, Any]) -> Listed:
    if entry.get("lfs"):
        return Listed(entry["lfs"]["size"], SHA256, entry["lfs"]["oid"])
    return Listed(entry["size"], GIT_SHA1, entry["oid"])


def _about(access: Access, commit: str, name: str, listed: Listed, asked: Asked) -> Any:
    """Return what the Hub tells of a file; it must be what its list of the commit told."""
    about = about_file(access, commit, name)
    if about.commit_hash is None:
        raise Refused(odd(asked, "the Hub's headers", "an answer without them"))
    # A mirror may tell less, or name contents otherwise.
    size = listed.size if about.size is None else about.size
    digest = about.etag if len(about.etag or "") == len(listed.digest) else listed.digest
    if (size, digest) != (listed.size, listed.digest):
        expected = f"{listed.size:,} bytes with {listed.algorithm} {listed.digest}, as it lists them"
        raise Refused(odd(asked, expected, f"{size:,} bytes with {digest}", doubt=True))
    return about


def _by_xet(access: Access, about: Any, listed: Listed, part: Path, asked: Asked) -> None:
    url = about.xet_file_data.refresh_route
    stored = _xet.Stored(about.xet_file_data.file_hash, listed.size, url, headers_for(access, url))
    start = _size(part)
    try:
        token = json_of(access, get(access, url), asked)
        write(part, start, _xet.pieces(stored, token, start), listed, asked)
    except Refused as exc:  # whoever may see the file gets it by plain HTTP
        raise Refused(replace(exc.refusal, final=False)) from exc
    except _xet.XetError as exc:
        found = f"{asked.what} could not be fetched from the Xet store of {asked.where}: {exc}"
        remedy = "check that this host may reach it, or set HF_HUB_DISABLE_XET=1 in the task's environment"
        raise Refused(Refusal(f"{found}; {remedy}")) from exc


def _by_http(access: Access, about: Any, listed: Listed, part: Path, asked: Asked) -> None:
    start = _size(part) if _size(part) < listed.size else 0
    with stream(access, about.location, start) as response:
        if response.status_code not in (200, 206):
            raise Refused(refused_by(response, access, asked))
        begin = start_of(response.status_code, response.headers, start, listed, asked)
        write(part, begin, response.iter_bytes(), listed, asked)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
