# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hub client - asks the Hugging Face Hub by HTTP, once each. The only importer of huggingface_hub.

It is imported only when the Hub is asked: the import takes longer than a whole run that finds everything in place. Its
session is used (proxies, certificates, user agent), but none of its loops: these wait for minutes without a word, and
know nothing of the other files.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Optional
from urllib.parse import urlsplit

from ansible_collections.gpt_oss.fleet.plugins.module_utils._disk_trouble import disk_trouble
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_refusal import (
    Asked,
    Refusal,
    Refused,
    odd,
    refusal_of,
    unreachable,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_text

# Seconds without an answer, or without a piece of it; huggingface_hub's own 10 are few on a slow line.
TIMEOUT = 30.0
_SETTINGS = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
}
# A page has a thousand files.
_MOST_PAGES = 1000
# What the environment of a shell says of being offline is not meant by a module that is told so by its option.
_FORGOTTEN = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True)
class Access:
    """How the Hub is reached, and for which model: its address, a token, and how long to wait for an answer.

    The address None is HF_ENDPOINT of the environment, or the Hub's own.
    """

    repo_id: str
    endpoint: Optional[str] = None
    token: Optional[str] = None
    timeout: float = TIMEOUT


def import_error() -> Optional[str]:
    """Import huggingface_hub; return the traceback where it is not there."""
    for name in _FORGOTTEN:
        os.environ.pop(name, None)
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import huggingface_hub.file_download  # noqa: F401, PLC0415
    except ImportError:
        return traceback.format_exc()
    return None


def xet_is_allowed() -> bool:
    """Tell whether HF_HUB_DISABLE_XET of the environment does not forbid it."""
    from huggingface_hub import constants  # noqa: PLC0415

    return not constants.HF_HUB_DISABLE_XET


def asked_of(access: Access, what: str) -> Asked:
    """Return what is asked for, as texts name it."""
    return Asked(access.endpoint or os.environ.get("HF_ENDPOINT") or "the Hugging Face Hub", what, bool(access.token))


def answering(access: Access, asked: Asked, work: Callable[[], dict[str, Any]], folder: str = "") -> dict[str, Any]:
    """Do some work with the Hub; return what it returns, or under `refusal` why it was refused."""
    try:
        return work()
    except (LookupError, TypeError, AttributeError, NameError):  # nobody's refusal, but a mistake here
        raise
    except Exception as exc:  # the HTTP client's errors have no common class that huggingface_hub exports
        refusal = _explained(exc, access, asked, folder)
    return {"refusal": {**asdict(refusal), "text": mask_text(refusal.text, [access.token])}}


def _explained(exc: Exception, access: Access, asked: Asked, folder: str) -> Refusal:
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    response = getattr(exc, "response", None)
    if isinstance(exc, Refused):
        return exc.refusal
    if response is not None:
        return refused_by(response, access, asked)
    if isinstance(exc, HFValidationError):
        return Refusal(f"repo_id must look like openai/gpt-oss-20b; found {access.repo_id!r}", True)
    trouble = disk_trouble(exc, asked.what, folder) if isinstance(exc, OSError) else None
    return Refusal(trouble, True) if trouble else unreachable(asked, exc)


def refused_by(response: Any, access: Access, asked: Asked) -> Refusal:
    """Return what it means that this is the answer."""
    at_hub = _origin(str(response.request.url)) == _origin(_base(access))
    return refusal_of(response.status_code, response.headers, Asked(asked.where, asked.what, asked.token, at_hub))


def _base(access: Access) -> str:
    from huggingface_hub import constants  # noqa: PLC0415

    return (access.endpoint or constants.ENDPOINT).rstrip("/")


def api_of(access: Access) -> str:
    """Return the address of a model in the Hub's API. Raises HFValidationError for what can be no model."""
    from huggingface_hub.utils import validate_repo_id  # noqa: PLC0415

    validate_repo_id(access.repo_id)
    return f"{_base(access)}/api/models/{access.repo_id}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def headers_for(access: Access, url: str) -> dict[str, str]:
    """Return the headers for an address. The token is the Hub's alone; a signed address elsewhere wants none."""
    from huggingface_hub.utils import build_hf_headers  # noqa: PLC0415

    token = access.token if access.token and _origin(url) == _origin(_base(access)) else False
    return dict(build_hf_headers(token=token))


def get(access: Access, url: str, **parameters: str) -> Any:
    """Ask once; return the answer, whatever its status."""
    from huggingface_hub import get_session  # noqa: PLC0415

    return get_session().get(url, params=parameters or None, headers=headers_for(access, url), timeout=access.timeout)


def json_of(access: Access, response: Any, asked: Asked) -> Any:
    """Return the document that an answer holds. Raises Refused where it holds none."""
    if response.status_code != 200:
        raise Refused(refused_by(response, access, asked))
    try:
        return response.json()
    except ValueError as exc:
        kind = response.headers.get("content-type", "no content type")
        raise Refused(odd(asked, "JSON", f"{len(response.content):,} bytes of {kind} that are none")) from exc


def pages_of(access: Access, url: str, asked: Asked) -> Iterator[Any]:
    """Yield a long list page by page: the header Link holds the query of the next (RFC 8288)."""
    response = get(access, url, recursive="true")
    for _page in range(_MOST_PAGES):
        yield json_of(access, response, asked)
        following = response.links.get("next", {}).get("url")
        if not following:
            return
        # A mirror hands on the Hub's own address.
        response = get(access, f"{url}?{urlsplit(following).query}")
    raise Refused(odd(asked, "a list of files", f"one of more than {_MOST_PAGES} pages"))


def about_file(access: Access, commit: str, name: str) -> Any:
    """Return what the Hub tells of a file: commit_hash, etag, location, size, xet_file_data."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415

    url = hf_hub_url(access.repo_id, name, revision=commit, endpoint=_base(access))
    return get_hf_file_metadata(url, token=access.token or False, timeout=access.timeout, endpoint=_base(access))


def stream(access: Access, url: str, start: int) -> AbstractContextManager[Any]:
    """Begin to read what an address holds, from an offset on, uncompressed; the answer may be a refusal."""
    from huggingface_hub import get_session  # noqa: PLC0415

    asked_range = {"Range": f"bytes={start}-"} if start else {}
    headers = {**headers_for(access, url), "Accept-Encoding": "identity", **asked_range}
    return get_session().stream("GET", url, headers=headers, timeout=access.timeout)
