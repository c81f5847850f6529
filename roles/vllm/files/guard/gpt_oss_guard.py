# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of vLLM's API: an ASGI middleware that asks for the key on every path but the open ones.

vLLM's own key guards /v1, in newer versions /v2, /inference and /cohere too. /metrics, /invocations, /docs, /tokenize
and whatever else a version has are open to anybody. vLLM loads the guard with `--middleware gpt_oss_guard.Guard` and
this file's folder in PYTHONPATH.

The key comes from VLLM_API_KEY, the open paths from GPT_OSS_OPEN_PATHS, separated by commas. Without a key this file
cannot be imported, so that a server never runs unguarded: vLLM ends its start with the error.

Standard library only, for the Python of any image.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Awaitable, Collection, Mapping
from typing import Any, Callable

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY = os.environ.get("VLLM_API_KEY", "")
OPEN_PATHS = frozenset(os.environ.get("GPT_OSS_OPEN_PATHS", "/health,/ping").replace(" ", "").split(",")) - {""}
# As vLLM answers.
_REFUSAL = b'{"error":"Unauthorized"}'
_HEADERS = [(b"content-length", str(len(_REFUSAL)).encode()), (b"content-type", b"application/json")]

if not KEY:
    raise RuntimeError("gpt_oss_guard: expected the API key in VLLM_API_KEY, found none; no server runs without it")


def admits(method: str, path: str, headers: Mapping[str, str], key: str, open_paths: Collection[str]) -> bool:
    """Tell whether a request may pass. `path` is decoded and without the root path; header names are in lower case.

    A path is open only when it is on the list letter by letter. Whatever a router might make of another spelling (a
    slash more, another case) needs the key.
    """
    if path in open_paths or _is_preflight(method, headers):
        return True
    scheme, _blank, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(_digest(given), _digest(key))


def admitted(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Tell whether this server, with its key and its open paths, lets a request pass."""
    return admits(method, path, headers, KEY, OPEN_PATHS)


class Guard:
    """Lets through what may pass, and answers all else itself."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or admitted(scope.get("method", ""), _route(scope), _headers(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket" and "websocket.http.response" not in (scope.get("extensions") or {}):
            # Before it is accepted, the server answers this with 403.
            await send({"type": "websocket.close", "code": 1008, "reason": "Unauthorized"})
        else:
            kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
            await send({"type": f"{kind}.start", "status": 401, "headers": _HEADERS})
            await send({"type": f"{kind}.body", "body": _REFUSAL})


def _is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Tell a browser's question before a request, which carries no key and which the CORS middleware answers.

    Any other OPTIONS request reaches the application, where /metrics answers it like a GET.
    """
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _route(scope: Scope) -> str:
    """Return the path that the router will see: without the root path, taken off as Starlette does."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by their names. Of several with one name the first counts, as for vLLM."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(list(scope["headers"]))}


def _digest(text: str) -> bytes:
    """Return what is compared, so that not even the key's length can be told from the time it takes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
