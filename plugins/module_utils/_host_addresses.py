# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host addresses, whether this host reaches others over HTTP."""

from __future__ import annotations

import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Sequence

from ansible.module_utils.urls import ConnectionError as OwnError
from ansible.module_utils.urls import open_url

TIMEOUT = 8.0


def addresses(urls: Sequence[str], timeout: float = TIMEOUT) -> dict[str, dict[str, Any]]:
    """Return {url: {ok, status, seconds, error}}, all asked at the same time. Any answer below 500 is one."""
    if not urls:
        return {}
    with ThreadPoolExecutor(max_workers=min(8, len(urls))) as pool:
        return dict(zip(urls, pool.map(lambda url: ask(url, timeout), urls)))


def ask(url: str, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Ask one address; a reply that asks for a login shows that there is somebody to ask."""
    started = time.monotonic()
    status, error = None, ""
    try:
        with open_url(url, timeout=timeout, http_agent="gpt_oss.fleet") as reply:
            status = reply.status
    except urllib.error.HTTPError as exc:
        status = exc.code
        error = f"HTTP {exc.code}" if exc.code >= 500 else ""
    except urllib.error.URLError as exc:
        error = str(exc.reason)
    except (OSError, ValueError, OwnError) as exc:
        error = str(exc)
    return {
        "ok": status is not None and status < 500,
        "status": status,
        "seconds": round(time.monotonic() - started, 2),
        "error": error,
    }
